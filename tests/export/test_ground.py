"""The ground is a height field wherever enough of what was seen is ground, however little of its box it covers."""

import numpy as np

from recon.export.ground import find_ground
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface


def strip(start: tuple[float, float], end: tuple[float, float], *, wide: float) -> TriangleMesh:
    """A level road from one place to another, facing up."""
    a, b = np.array([*start, 0.0]), np.array([*end, 0.0])
    side = wide / 2 * np.cross([0, 0, 1.0], (b - a) / np.linalg.norm(b - a))
    return TriangleMesh(np.stack([a - side, b - side, b + side, a + side]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def facade(x: float, *, long: float) -> TriangleMesh:
    """An upright wall across x, facing -x, in crumbs a metre high."""
    corners = np.array([[x, 0, 3.0], [x, long, 3.0], [x, long, 4.0], [x, 0, 4.0]])
    return TriangleMesh(corners, np.array([[0, 2, 1], [0, 3, 2]], np.int32))


def test_a_road_that_turns_a_corner_is_ground() -> None:
    """It covers a tenth of its box."""
    road = joined([strip((0, 0), (40, 0), wide=2), strip((40, 0), (40, 40), wide=2)])
    mesh = joined([road, facade(60.0, long=60.0)])
    ground = find_ground(mesh, Surface(mesh), cell=0.25)
    assert ground is not None and ground.cover < 0.1
    area = np.isfinite(ground.heights).sum() * ground.cell**2
    assert abs(area - 160) < 10 and np.nanmax(np.abs(ground.heights)) < 1e-6


def test_walls_with_a_doorstep_have_no_ground() -> None:
    slope = np.array([[0.0, 0, 0], [30, 0, 0], [30, 9, 18.0], [0, 9, 18.0]])  # too steep to be ground
    roof = TriangleMesh(slope, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    mesh = joined([roof, strip((0, -2), (3, -2), wide=1)])
    assert find_ground(mesh, Surface(mesh), cell=0.25) is None
