"""A floor that bends is one floor: it follows what was seen to millimetres, in pieces that meet without a step."""

from collections.abc import Callable

import numpy as np
import pytest

from recon.export.building import find_building
from recon.export.hulls import hull_of
from recon.export.place import Box
from recon.export.relief import Relief
from recon.export.slab import Slab
from recon.export.things.bodies import body_of, stands_by_itself
from recon.export.things.pieces import find_pieces
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array

TOLERANCE, THICKNESS = 0.02, 0.06
LENGTH, WIDTH = 48.0, 7.0
DOWN = np.array([0.0, 0.0, -1.0])


def bend(flat: Array) -> Array:
    """Height [..] of a road at (x, y): it rises and falls by 5 cm, and lies over towards one end."""
    x, y = flat[..., 0], flat[..., 1]
    return np.asarray(0.05 * np.sin(2 * np.pi * x / 40) + 0.02 * y * np.clip(x / LENGTH, 0, None) ** 2)


def sheet(height_of: Callable[[Array], Array], *, side: float = 0.5, noise: float = 0.0) -> TriangleMesh:
    """A road of LENGTH along x and WIDTH along y about the origin, seen from above."""
    xs, ys = (np.arange(-size / 2, size / 2 + side / 2, side) for size in (LENGTH, WIDTH))
    flat = np.stack(np.meshgrid(xs, ys), -1)
    z = height_of(flat) + noise * np.random.default_rng(0).standard_normal(flat.shape[:2])
    number = np.arange(z.size).reshape(z.shape)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    return TriangleMesh(np.concatenate([flat, z[..., None]], -1).reshape(-1, 3), faces.astype(np.int32))


def floor_of(mesh: TriangleMesh) -> Slab:
    slabs = find_building(
        mesh, Surface(mesh), tolerances=Tolerances.same(TOLERANCE), thickness=THICKNESS, is_up_known=True
    )
    (floor,) = slabs
    assert floor.kind == "floor"
    return floor


@pytest.fixture(scope="module")
def road() -> TriangleMesh:
    return sheet(bend)


@pytest.fixture(scope="module")
def floor(road: TriangleMesh) -> Slab:
    return floor_of(road)


def heights_of(parts: TriangleMesh, flat: Array) -> Array:
    starts = np.concatenate([flat, np.full((len(flat), 1), 5.0)], 1)
    return 5.0 - Surface(parts).cast(starts, np.broadcast_to(DOWN, starts.shape)).distance


def test_a_road_that_bends_is_one_floor_within_millimetres_and_of_few_pieces(road: TriangleMesh, floor: Slab) -> None:
    flat = np.random.default_rng(1).uniform([-23.5, -3.3], [23.5, 3.3], (3000, 2))
    off = heights_of(joined([part.mesh for part in floor.parts]), flat) - bend(flat)
    assert np.quantile(np.abs(off), 0.95) < 0.005 and np.abs(off).max() < TOLERANCE / 2
    assert len(floor.parts) <= 30
    assert floor.explains(road, tolerance=np.full(len(road.faces), TOLERANCE)).all()


def test_its_pieces_meet_without_a_step(floor: Slab) -> None:
    top = joined([part.mesh for part in floor.parts])
    random = np.random.default_rng(0)
    flat = random.uniform([-23.5, -3.3], [23.5, 3.3], (4000, 2))
    ends = np.concatenate([part.mesh.vertices[:, 0] for part in floor.parts])
    ends = random.choice(ends[np.abs(ends) < 23], 4000)
    near = np.stack([ends + random.uniform(-0.01, 0.005, 4000), flat[:, 1]], -1)
    for start in (flat, near):
        for step in ([5e-3, 0], [0, 5e-3]):
            # The road is nowhere steeper than a fiftieth.
            assert np.abs(heights_of(top, start) - heights_of(top, start + step)).max() < 2e-4


def test_a_floor_that_is_rough_but_flat_stays_a_box() -> None:
    (part,) = floor_of(sheet(lambda flat: 0.01 * flat[..., 0], noise=0.004)).parts
    assert part.box is not None


def test_a_relief_between_its_knots_is_that_of_the_prisms_below() -> None:
    """Any rectangle of a cell: the hull of the corners that a relief tells is the relief itself over it."""
    random = np.random.default_rng(2)
    relief = Relief(np.eye(3)[:2], np.array([0.0, 3, 4]), np.array([0.0, 2.0]), random.uniform(0, 1, (2, 3)))
    for column in (0, 1):
        low = random.uniform([relief.us[column], 0], [relief.us[column] + 0.3, 0.7])
        high = random.uniform([relief.us[column] + 0.6, 1.0], [relief.us[column + 1], 2.0])
        corners = relief.corners(np.array([low, [high[0], low[1]], high, [low[0], high[1]]]))
        points = np.concatenate([corners, np.zeros((len(corners), 1))], 1)
        tops = points + relief.at(points)[:, None] * np.eye(3)[2]
        hull = hull_of(np.concatenate([tops, points - [0, 0, 1.0]]))
        assert hull is not None
        flat = random.uniform(low + 1e-3, high - 1e-3, (500, 2))
        asked = np.concatenate([flat, np.zeros((500, 1))], 1)
        assert np.allclose(heights_of(hull, flat), relief.at(asked), atol=1e-5)


def test_floor_that_nobody_saw_bends_with_what_was_seen() -> None:
    whole = sheet(bend)
    middles = whole.vertices[whole.faces].mean(1)
    holed = TriangleMesh(whole.vertices, whole.faces[~(np.abs(middles[:, :2] - [6, 0]) < [1.0, 1.0]).all(1)])
    filled = floor_of(holed).filled_surface()
    points = sample_surface(filled, 4000, seed=0)[0]
    inside = points[(np.abs(points[:, :2] - [6, 0]) < [1.0, 1.0]).all(1)]
    assert len(inside) > 50 and np.abs(inside[:, 2] - bend(inside[:, :2])).max() < 0.006


def test_a_crate_on_a_road_that_bends_is_closed_on_it_and_stands() -> None:
    where = np.array([20.0, 2.0])
    crate = Box(np.array([*where, 0.0]), np.eye(3), np.array([0.4, 0.3, 0.5])).mesh()
    crate = TriangleMesh(
        crate.vertices + np.array([0, 0, bend(where) + 0.5]), crate.faces[crate.face_normals[:, 2] > -0.5]
    )
    floor = floor_of(sheet(bend))
    both = joined([sheet(bend), crate])
    (piece,) = find_pieces(both, [floor], tolerance=TOLERANCE).pieces
    foot = piece.mesh.vertices[np.abs(floor.view.height(piece.mesh.vertices)) < 1e-6]
    assert len(foot) >= 4 and np.abs(foot[:, 2] - bend(foot[:, :2])).max() < 0.006
    tolerances = Tolerances.same(TOLERANCE)
    thing = body_of(
        piece.mesh, [floor], both, tolerances=tolerances, thickness=THICKNESS, length_scale=1.0, density=100
    )
    assert stands_by_itself(thing, floor.view, tolerance=TOLERANCE)
    lowest = np.concatenate([thing.in_world(part.mesh).vertices for part in thing.parts])
    assert -0.002 < floor.view.height(lowest).min() < 0.005
