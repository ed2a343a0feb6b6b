"""Which level is the floor: the lowest large one, but none that lies beneath what the cameras went over."""

import numpy as np
import pytest

from recon.export.floors import lowest_floor
from recon.export.planes import FlatRegion, Plane
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.transforms import Array


def _level(low: tuple[float, float], high: tuple[float, float], z: float) -> TriangleMesh:
    (x, y), (end_x, end_y) = low, high
    corners = np.array([[x, y, z], [end_x, y, z], [end_x, end_y, z], [x, end_y, z]])
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _floor(*levels: TriangleMesh, cameras: Array | None) -> int:
    regions = []
    for number, level in enumerate(levels):
        plane = Plane(np.array([0.0, 0, 1]), float(level.vertices[0, 2]))
        regions.append(FlatRegion(plane, np.arange(2) + 2 * number, float(level.face_areas.sum())))
    (floor,) = lowest_floor(joined(list(levels)), regions, cameras=cameras)
    return floor


ROAD = _level((0, 0), (90, 12), 0.0)
DRIVE = np.stack([np.linspace(2, 60, 20), np.full(20, 6.0), np.full(20, 1.5)], -1)


def test_a_plane_beneath_a_road_that_was_driven_on_is_no_floor() -> None:
    phantom = _level((40, -4), (75, 16), -7.0)
    assert _floor(ROAD, phantom, cameras=DRIVE) == 0
    assert _floor(ROAD, phantom, cameras=None) == 1


def test_ground_beside_a_road_is_the_floor_as_before() -> None:
    assert _floor(ROAD, _level((0, 11), (90, 30), -1.0), cameras=DRIVE) == 1


@pytest.mark.parametrize("walked", [[0], [1], [0, 1]])
def test_of_a_table_and_a_floor_and_of_two_storeys_the_lowest_that_was_walked_on_is_the_floor(
    walked: list[int],
) -> None:
    over = np.array([[2.0, 1.5, 1.5], [2.0, 1.5, 4.5]])
    below, above = _level((0, 0), (4, 3), 0.0), _level((0, 0), (4, 3.2), 3.0)
    assert _floor(below, above, cameras=over[walked]) == min(walked)
    assert _floor(below, _level((1, 1), (3, 2), 0.75), cameras=over[:1]) == 0
