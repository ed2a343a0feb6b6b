"""Which parts are needed, and how well parts keep to a surface: exact on boxes."""

import numpy as np
import pytest
import trimesh

from recon.export.covering import Cloud, fidelity, needed, points_over
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface


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
    points = points_over(crate, apart=0.02, at_most=10_000)
    chosen = needed([pebble, crate], [floor], points, gap=0.001, least=4)
    assert len(chosen) == 1 and chosen[0] is crate
    assert needed([crate], [floor, crate], points, gap=0.001, least=4) == []


def test_fidelity_tells_proud_from_bare() -> None:
    plate = box((2, 1, 0.2), (0, 0, -0.1))
    surface = Surface(plate)
    exact = fidelity([plate], plate, surface, tolerance=0.02)
    assert max(vars(exact).values()) < 1e-6
    raised = fidelity([box((2, 1, 0.2), (0, 0, -0.07))], plate, surface, tolerance=0.02)
    assert raised.proud_p95 == pytest.approx(0.03, abs=1e-4) and raised.bare_p99 == pytest.approx(0.03, abs=1e-4)
    half = fidelity([box((1, 1, 0.2), (-0.5, 0, -0.1))], plate, surface, tolerance=0.02)
    assert half.proud_p99 < 1e-6 and half.bare_p95 == pytest.approx(0.2)
