"""Where spheres are dropped: places that hold a marble on the visual mesh. The others are counted, and never promised."""

import numpy as np
import pytest
import trimesh
from rooms import TABLE_TOP, TABLE_XY, room

from recon.export.trials.drop_test import DropResult
from recon.export.trials.engine_drop import NOTHING_LEVEL, Spheres, TriedWorld, _verdict, plan_spheres
from recon.export.trials.marble import roll
from recon.export.trials.places import Places, _meets_solid, plan_places
from recon.export.zones import Reach
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface

RADIUS, TOLERANCE, THICKNESS = 0.05, 0.02, 0.06


def places_on(mesh: TriangleMesh, n: int = 100) -> Places:
    return plan_places(
        Surface(mesh),
        Reach.everywhere(),
        radius=RADIUS,
        tolerance=TOLERANCE,
        thickness=THICKNESS,
        n_spheres=n,
        speed=0.0,
        gravity=9.81,
    )


def spheres_on(mesh: TriangleMesh) -> Spheres:
    return plan_spheres(
        Surface(mesh), Reach.everywhere(), n=40, radius_m=RADIUS, scale=1.0, tolerance=TOLERANCE, thickness=THICKNESS
    )


def sheet(x: np.ndarray, y: np.ndarray, z: np.ndarray, keep: np.ndarray | None = None) -> TriangleMesh:
    """A one-sided grid [rows, columns] of points; `keep`: of its quads [rows - 1, columns - 1]."""
    corner = np.arange(x.size).reshape(x.shape)
    quads = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]], -1)
    quads = quads[np.ones(quads.shape[:2], bool) if keep is None else keep]
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return TriangleMesh(np.stack([x, y, z], -1).reshape(-1, 3), faces.astype(np.int32))


def floor(slope: float = 0.0, keep: np.ndarray | None = None) -> TriangleMesh:
    """3.2 m x 2.4 m in quads of 20 cm, rising along x."""
    x, y = np.meshgrid(np.arange(17) * 0.2, np.arange(13) * 0.2, indexing="ij")
    return sheet(x, y, slope * x, keep)


def wall_with_ledges() -> TriangleMesh:
    """A wall with ledges that jut out by 15 cm and fall away at 40 degrees."""
    heights = np.concatenate([[0.5 * i, 0.5 * i + 0.374, 0.5 * i + 0.376] for i in range(5)])
    out = np.concatenate(
        [[0.0, 0.0, 0.15] for _ in range(5)]
    )  # of the wall's plane: a ledge ends where the next wall starts
    heights = np.concatenate([heights, [2.5]])
    out = np.concatenate([out, [0.0]])
    y, z = np.meshgrid(np.arange(13) * 0.25, heights, indexing="ij")
    x = np.broadcast_to(out, y.shape)
    return sheet(x, y, z)


def test_a_plain_floor_holds_everywhere_but_at_its_rim() -> None:
    places = places_on(floor())
    assert len(places.starts) == 100
    inner = (
        (places.starts[:, 0] > 0.2)
        & (places.starts[:, 0] < 3.0)
        & (places.starts[:, 1] > 0.2)
        & (places.starts[:, 1] < 2.2)
    )
    assert inner.all() and 0 < places.off_edge < 0.5 * places.tried


def test_a_floor_that_slopes_off_its_edge_is_no_place_to_promise() -> None:
    places = places_on(floor(slope=0.2))
    assert len(places.starts) == 0 and places.off_edge == places.tried > 100


def test_a_slope_that_ends_at_a_wall_holds() -> None:
    x, y = np.meshgrid(np.arange(17) * 0.2, np.arange(13) * 0.2, indexing="ij")
    z = 0.2 * np.abs(x - 1.6) + 0.2 * np.abs(y - 1.2)  # a funnel
    places = places_on(sheet(x, y, z))
    assert len(places.starts) == 100


def test_from_beside_a_hole_a_marble_does_not_roll_in_and_near_it_nothing_is_promised() -> None:
    keep = np.ones((16, 12), bool)
    keep[6:9, 5:8] = False
    places = places_on(floor(keep=keep))
    beyond = np.maximum(np.abs(places.starts[:, 0] - 1.5) - 0.3, np.abs(places.starts[:, 1] - 1.3) - 0.3)
    assert len(places.starts) == 100 and beyond.min() > 2 * RADIUS and places.off_edge > 0


def test_starts_that_roll_into_a_hole_are_counted() -> None:
    x, y = np.meshgrid(np.arange(17) * 0.2, np.arange(13) * 0.2, indexing="ij")
    keep = np.ones((16, 12), bool)
    keep[7:9, 5:7] = False
    dish = sheet(x, y, 0.25 * np.hypot(x - 1.6, y - 1.2), keep)  # all of it falls to the hole in its middle
    places = places_on(dish)
    assert len(places.starts) == 0 and places.off_edge == places.tried > 100


def mound(rise: float, hollow: float) -> TriangleMesh:
    """A round top of 1 m that falls away to its open edge, with a hollow in its middle, as deep as its rim rises."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 41), np.linspace(-0.5, 0.5, 41), indexing="ij")
    out = np.hypot(x, y)
    return sheet(x, y, np.where(out < hollow, rise * (out / hollow) ** 2, rise - 0.4 * (out - hollow)))


def test_a_hollow_shallower_than_contact_geometry_keeps_to_is_no_place_to_promise_and_a_deep_one_is() -> None:
    shallow, deep = places_on(mound(0.2 * TOLERANCE, 0.15), 40), places_on(mound(5 * TOLERANCE, 0.3), 40)
    assert len(shallow.starts) == 0 and shallow.tried > 40
    assert len(deep.starts) > 5 and np.hypot(*deep.starts[:, :2].T).max() < 0.3


def test_what_rolls_round_a_border_and_comes_to_lie_behind_what_was_seen_is_not_held() -> None:
    x, y = np.meshgrid(np.arange(17) * 0.1, np.arange(13) * 0.2, indexing="ij")
    slope = sheet(x, y, 0.4 * x)
    x, y = np.meshgrid(np.array([-0.6, -0.2, 0.2]), np.arange(17) * 0.2 - 0.4, indexing="ij")
    gutter = sheet(
        x, y, np.array([-0.2, -0.6, -0.2])[:, None] + 0 * y
    )  # below the slope's edge; seen from above it holds
    from_below = TriangleMesh(gutter.vertices, gutter.faces[:, ::-1].copy())
    ends = [
        TriangleMesh(np.array([[-0.6, at, -0.2], [-0.2, at, -0.6], [0.2, at, -0.2]]), np.array([[0, 1, 2]]))
        for at in (-0.4, 2.8)
    ]
    assert len(places_on(joined([slope, gutter, *ends])).starts) == 100
    assert len(places_on(joined([slope, from_below, *ends])).starts) == 0


def test_nothing_is_dropped_where_parts_may_fill_the_back_of_a_surface() -> None:
    board = sheet(
        *np.meshgrid(np.arange(9) * 0.2 + 0.8, np.arange(7) * 0.2 + 0.6, indexing="ij"), np.full((9, 7), 0.19)
    )
    under_board = joined([floor(), board])
    starts = places_on(under_board, n=300).starts
    inside = ((starts[:, :2] > (0.85, 0.65)) & (starts[:, :2] < (2.35, 1.75))).all(1)
    assert inside.sum() > 20 and (starts[inside, 2] > 0.19).all()  # on the board, and none below its back


def test_a_sphere_that_what_lies_behind_a_shard_meets_from_askew_does_not_start() -> None:
    """Newton threw one out that began in the hem of a shard beside it."""
    normal = np.array([-1.0, -1, 1]) / np.sqrt(3)
    across = np.linalg.svd(normal[None])[2][1:]
    corners = 0.02 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ across
    shard = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    shard = shard if shard.face_normals[0] @ normal > 0 else TriangleMesh(corners, shard.faces[:, ::-1].copy())
    behind = 1.1 * THICKNESS + TOLERANCE
    for gap, meets in ((-0.005, True), (0.01, False)):
        start = -(behind + RADIUS + TOLERANCE + gap) * normal[None]
        assert _meets_solid(Surface(shard), start, RADIUS + TOLERANCE, behind).tolist() == [meets]


def test_steep_ledges_of_a_wall_are_nothing_level() -> None:
    mesh = wall_with_ledges()
    spheres = spheres_on(mesh)
    assert not spheres.is_level_anywhere
    assert verdict_of(mesh, spheres).startswith(NOTHING_LEVEL)
    assert verdict_of(mesh, spheres, through=1).startswith("fail: 1 of")


def test_a_sphere_lost_from_a_floor_that_holds_is_a_failure() -> None:
    mesh = floor()
    spheres = spheres_on(mesh)
    assert spheres.is_level_anywhere and verdict_of(mesh, spheres) == "pass"
    assert verdict_of(mesh, spheres, lost=1) == "fail: 1 of 40 spheres were lost"


def verdict_of(mesh: TriangleMesh, spheres: Spheres, *, through: int = 0, lost: int = 0) -> str:
    from pathlib import Path

    def result(**counts: int) -> DropResult:
        zero = {"dropped": 40, "through": 0, "lost": 0, "flung": 0, "falling": 0} | counts
        return DropResult(**zero, median=0.0, p95=0.0, max=0.0, worst_at=None, failed_at=[])

    results = {"normal": result(through=through, lost=lost), "small": result(), "fast": result()}
    world = TriedWorld(Path(), 1.0, TOLERANCE, Reach.everywhere(), Surface(mesh), spheres)
    return _verdict(results, {"warnings": []}, "pass", world)


def test_starts_reach_the_table_and_the_floor_under_it() -> None:
    mesh = room(noise=0.0)
    starts = places_on(mesh, 400).starts
    near = starts[np.abs(starts[:, :2] - TABLE_XY).max(1) < 0.25]
    assert {0.1, round(TABLE_TOP + 0.1, 2)} <= set(np.round(near[:, 2], 2).tolist())
    assert Surface(mesh).distance(starts).min() >= RADIUS + TOLERANCE


def test_a_wall_beside_the_floor_holds_spheres_near_it() -> None:
    starts = places_on(room(noise=0.0), 400).starts
    floor = starts[starts[:, 2] < 0.2]
    assert floor[:, 0].min() > -1.5 + 4 * RADIUS and floor[:, 1].min() > -1.1 + 4 * RADIUS
    at_wall = floor[floor[:, 1] > 0.8]  # the wall at y = 1.05 holds them
    assert len(at_wall) and at_wall[:, 1].max() > 0.9


@pytest.mark.parametrize("n", [7, 100, 333])
def test_exactly_the_promised_number_starts(n: int) -> None:
    assert len(places_on(room(noise=0.0), n).starts) == n


def test_a_wall_has_nothing_level_to_stand_on() -> None:
    wall = trimesh.creation.box((3, 0.001, 2)).subdivide_to_size(0.5)
    front = wall.faces[wall.face_normals[:, 1] < -0.5].astype(np.int32)
    places = places_on(TriangleMesh(np.array(wall.vertices), front), 10)
    assert (len(places.starts), places.tried, places.off_edge) == (0, 0, 0)


def rolled(
    mesh: TriangleMesh, start: tuple[float, float, float], *, speed: float = 0.0, seconds: float = 4.0
) -> np.ndarray:
    tracks = roll(
        Surface(mesh),
        np.array([start]),
        velocity=np.array([0.0, 0.0, -speed]),
        radius=RADIUS,
        gravity=9.81,
        seconds=seconds,
        damping_s=0.2,
    )
    return tracks[:, 0]


@pytest.mark.parametrize("speed", [0.0, 20.0])
def test_a_marble_comes_to_rest_one_radius_above_a_floor(speed: float) -> None:
    track = rolled(floor(), (1.63, 1.21, 0.9), speed=speed)
    assert np.allclose(track[-1], (1.63, 1.21, RADIUS), atol=1e-3)


def test_a_marble_on_a_slope_reaches_the_speed_that_drag_and_rolling_leave_it() -> None:
    angle = np.arctan(0.1)
    track = rolled(floor(slope=0.1), (3.0, 1.2, 0.45), seconds=3.0)
    speed = (track[-2, 0] - track[-1, 0]) / 0.04
    expected = 5 / 7 * 9.81 * np.sin(angle) * 0.2  # sideways drag alone: the slope's rise is small
    assert speed == pytest.approx(expected, rel=0.06)
