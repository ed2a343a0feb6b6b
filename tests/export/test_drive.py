"""Where a small robot may drive: exact places of obstacles, whatever their form."""

import numpy as np
import pytest
import trimesh

from recon.export.trials.drive import FreeFloor, free_floor
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

ROBOT = 0.2  # metres from its centre to its corners


def floor_with(*bodies: trimesh.Trimesh) -> FreeFloor:
    plate = trimesh.creation.box((4, 3, 0.1))
    plate.apply_translation((0, 0, -0.05))
    solid = trimesh.util.concatenate([plate, *bodies])
    mesh = TriangleMesh(np.array(solid.vertices), solid.faces.astype(np.int32))
    floor = free_floor(mesh, Surface(mesh), scale=1.0)
    assert floor is not None
    return floor


def box(size: tuple[float, float, float], centre: tuple[float, float, float]) -> trimesh.Trimesh:
    body = trimesh.creation.box(size)
    body.apply_translation(centre)
    return body


def is_free(floor: FreeFloor, x: float, y: float) -> bool:
    column, row = np.round((np.array([x, y]) - floor.ground.origin) / floor.ground.cell).astype(int)
    return bool(floor.is_free[row, column])


@pytest.mark.parametrize(
    "obstacle",
    [box((0.3, 0.01, 0.06), (0, 0, 0.03)), box((0.3, 0.01, 0.03), (0, 0, 0.055)), box((0.3, 0.01, 2.0), (0, 0, 1.2))],
    ids=["a fin on the floor", "a bar over it", "a thing that hangs low"],
)
def test_a_thin_obstacle_keeps_the_robot_off(obstacle: trimesh.Trimesh) -> None:
    floor = floor_with(obstacle)
    for x, y in ((0.0, 0.0), (0.1, -0.15), (0.29, 0.0), (-0.1, 0.17)):
        assert not is_free(floor, x, y)
    for x, y in ((0.0, ROBOT + 0.06), (0.1, -ROBOT - 0.06), (0.15 + ROBOT + 0.06, 0.0)):
        assert is_free(floor, x, y)


def test_it_drives_over_what_is_low_and_under_what_is_high() -> None:
    floor = floor_with(box((0.3, 0.3, 0.01), (-0.8, 0, 0.005)), box((0.6, 0.6, 0.02), (0.8, 0, 0.5)))
    assert is_free(floor, -0.8, 0.0) and is_free(floor, 0.8, 0.0)
    assert not is_free(floor, 1.9, 0.0)  # no floor for a part of it
