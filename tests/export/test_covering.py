"""Which parts are needed, and how well parts keep to a surface: exact on boxes."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from recon.export.covering import Cloud, Skin, fidelity, loosened_area, needed, points_over
from recon.export.hulls import Limits, hull_of
from recon.export.planes import Plane
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface
from recon.kernels.surfaces import AskedSurface

LIMITS = Limits(Tolerances.same(0.02), 0.06)
NOTHING = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))


def box(size: tuple[float, float, float], centre: tuple[float, float, float]) -> TriangleMesh:
    body = trimesh.creation.box(size)
    return TriangleMesh(np.array(body.vertices) + centre, body.faces.astype(np.int32))


def test_points_lie_on_the_surface_by_area() -> None:
    mesh = box((2, 1, 0.5), (0, 0, 0))
    points = points_over(mesh, apart=0.05, at_most=10_000)
    assert len(points) == pytest.approx(7 / 0.05**2, abs=1)
    assert Surface(mesh).distance(points).max() < 1e-6
    assert np.isclose(points[:, 2], 0.25).mean() == pytest.approx(2 / 7, abs=0.03)


def test_depth_is_the_distance_to_the_nearest_side() -> None:
    cloud = Cloud(np.array([[0.9, 0, 0.2], [9, 0, 0], [-1.03, 0, 0]]))
    index, depth = cloud.depth_in(box((2, 1, 0.5), (0, 0, 0)), reach=0.05)
    assert dict(zip(index.tolist(), depth, strict=True)) == pytest.approx({0: 0.05, 2: -0.03})


def test_a_part_that_others_replace_is_not_needed() -> None:
    floor, crate, pebble = (
        box((3, 2, 0.2), (0, 0, -0.1)),
        box((0.5, 0.4, 0.3), (0, 0, 0.15)),
        box((0.3,) * 3, (0, 0, 0.1)),
    )
    skin = Skin.of(crate, bare=0.0, tolerances=Tolerances.same(0.02))
    assert needed([pebble, crate], [floor], skin) == [1]
    assert needed([crate], [floor, crate], skin) == []


def test_small_parts_go_as_far_as_the_surface_may_be_bare() -> None:
    large = box((2, 2, 0.1), (0, 0, -0.05))
    small = [box((0.001, side, side), (x, 0, 0)) for side, x in ((0.2, 2), (0.18, 3), (0.16, 4))]  # they stand upright
    skin = Skin.of(joined([large, *small]), bare=0.0, tolerances=Tolerances.same(0.05))
    whole = skin.area
    assert len(needed([large, *small], [], skin)) == 4
    lesser = [small[1].face_areas.sum(), small[2].face_areas.sum()]
    for bare, n in ((0.8 * lesser[1], 4), (1.3 * lesser[1], 3), (1.3 * sum(lesser), 2), (whole, 1)):
        chosen = needed([large, *small], [], replace(skin, bare=bare))
        assert len(chosen) == n and chosen[0] == 0


@pytest.mark.parametrize("floor", [None, Plane(np.array([0.0, 0.0, 1.0]), -3.0)])
def test_a_board_on_which_something_may_come_to_rest_stays(floor: Plane | None) -> None:
    """Also 3 m over the floor: a sphere that was dropped onto a cupboard fell through its bare top."""
    large, board, speck = (
        box((2, 2, 0.1), (0, 0, -0.05)),
        box((0.1, 0.1, 0.01), (2, 0, 0)),
        box((0.03, 0.03, 0.01), (3, 0, 0)),
    )
    skin = Skin.of(joined([large, board, speck]), bare=1.0, tolerances=Tolerances.same(0.05).over(floor))
    assert needed([large, board, speck], [], skin) == [0, 1]


def test_out_of_reach_no_board_is_kept_for_what_might_come_to_rest_on_it() -> None:
    large, board = box((2, 2, 0.1), (0, 0, -0.05)), box((0.1, 0.1, 0.01), (2, 0, 0))
    mesh, tolerances = joined([large, board]), Tolerances.same(0.05)
    reached, beyond = (Skin.of(mesh, bare=1.0, tolerances=tolerances, is_reached=it_is) for it_is in (True, False))
    assert needed([large, board], [], reached) == [0, 1]
    assert needed([large, board], [], beyond) == [0]
    assert not beyond.is_level.any() and (beyond.reach == beyond.tolerance).all()


@pytest.mark.parametrize(("width", "kept"), [(0.035, [0, 1, 2]), (0.015, [0, 2])])
@pytest.mark.parametrize("floor", [None, Plane(np.array([0.0, 0.0, 1.0]), -3.0)])
def test_no_crack_of_a_floor_lets_a_sphere_of_the_tolerance_through(
    width: float, kept: list[int], floor: Plane | None
) -> None:
    """Also 3 m over the floor: spheres passed between two parts that both came within the coarse tolerance of a plant's leaf."""
    left, bridge, right = (
        box((1, 1, 0.1), (-0.5 - width / 2, 0, -0.05)),
        box((width, 1, 0.1), (0, 0, -0.05)),
        box((1, 1, 0.1), (0.5 + width / 2, 0, -0.05)),
    )
    tolerances = Tolerances(0.02, 0.05, floor, 1.0)
    ground = box((2 + width, 1, 0.1), (0, 0, -0.05))
    skin = Skin.of(
        TriangleMesh(ground.vertices, ground.faces[ground.face_normals[:, 2] > 0.5]), bare=0.0, tolerances=tolerances
    )
    assert needed([left, bridge, right], [], skin) == kept


def test_fidelity_tells_proud_from_bare() -> None:
    plate = box((2, 1, 0.2), (0, 0, -0.1))
    surface = AskedSurface(plate)
    exact = fidelity([plate], plate, surface, NOTHING, limits=LIMITS)
    assert max(vars(exact).values()) < 1e-6
    raised = fidelity([box((2, 1, 0.2), (0, 0, -0.07))], plate, surface, NOTHING, limits=LIMITS)
    assert raised.proud_p95 == pytest.approx(0.03, abs=1e-4) and raised.bare_p99 == pytest.approx(0.03, abs=1e-4)
    half = fidelity([box((1, 1, 0.2), (-0.5, 0, -0.1))], plate, surface, NOTHING, limits=LIMITS)
    assert half.proud_p99 < 1e-6 and half.bare_p95 == pytest.approx(0.2)


def test_a_floor_that_is_continued_stands_before_nothing() -> None:
    plate = box((2, 1, 0.2), (0, 0, -0.1))
    surface, both = AskedSurface(plate), [plate, box((2, 1, 0.02), (2, 0, -0.01))]
    top = np.array([[1, -0.5, 0], [3, -0.5, 0], [3, 0.5, 0], [1, 0.5, 0.0]])
    filled = TriangleMesh(top, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    unknown = fidelity(both, plate, surface, NOTHING, limits=LIMITS)
    known = fidelity(both, plate, surface, filled, limits=LIMITS)
    assert unknown.proud_p95 > 0.5 and known.proud_p99 < 0.02


def test_the_back_of_a_wall_stands_before_no_floor_that_ends_inside_it() -> None:
    """Filled floor reached 1 cm under the walls, and their backs, 5 cm from its rim, counted as standing proud of it."""
    wall = TriangleMesh(
        np.array([[0, -1, 0], [0, 1, 0], [0, 1, 0.2], [0, -1, 0.2]], float), np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    )
    floor = TriangleMesh(
        np.array([[-0.01, -1, 0], [0.5, -1, 0], [0.5, 1, 0], [-0.01, 1, 0]], float),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
    )
    slab, kerb = box((0.06, 2, 0.2), (-0.03, 0, 0.1)), box((0.05, 2, 0.05), (0.04, 0, 0.025))
    assert fidelity([slab], wall, Surface(wall), floor, limits=LIMITS).proud_p99 < 1e-5
    assert fidelity([slab, kerb], wall, Surface(wall), floor, limits=LIMITS).proud_p95 > 0.03


def test_area_is_loosened_where_only_a_loose_part_covers_it() -> None:
    left, right = (box((1, 1, 0.1), (x, 0, -0.05)) for x in (-0.5, 0.5))
    both = joined([left, right])
    skin = Skin.of(both, bare=0.0, tolerances=Tolerances.same(0.02))
    half = right.face_areas.sum()
    assert loosened_area([left, right], np.array([True, False]), [], skin) == pytest.approx(half, rel=0.1)
    assert loosened_area([left, right], np.array([True, True]), [], skin) == 0
    whole = hull_of(both.vertices)
    assert whole is not None and loosened_area([right], np.array([False]), [whole], skin) == 0
    nothing = Skin.of(NOTHING, bare=0.0, tolerances=Tolerances.same(0.02))
    assert loosened_area([], np.zeros(0, bool), [whole], nothing) == 0
