"""Where contact geometry must be fine, and what it saves where it may be coarse."""

from typing import Any

import numpy as np
import pytest
import trimesh

from recon.export.convex_parts import decompose
from recon.export.covering import Skin, needed
from recon.export.planes import Plane
from recon.export.settings import ExportSettings
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.kernels.surfaces import AskedSurface
from tests.default_settings import default_settings

FLOOR = Plane(np.array([0.0, 0.0, 1.0]), -1.0)  # a floor 1 m below the origin
UP, AWAY = (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)
OVER_FLOOR = Tolerances(0.02, 0.05, FLOOR, 1.0)


def test_coarse_are_steep_surfaces_out_of_reach_and_all_that_is_high_up() -> None:
    cases = {
        (-0.8, UP): 0.02,
        (-0.8, AWAY): 0.02,
        (-0.5, UP): 0.02,
        (-0.5, AWAY): 0.05,
        (0.9, UP): 0.02,
        (1.1, UP): 0.05,
    }
    positions, normals = np.array([[0.3, 0.1, z] for z, _ in cases]), np.array([normal for _, normal in cases])
    assert OVER_FLOOR.at(positions, normals).tolist() == list(cases.values())
    assert OVER_FLOOR.over(None).at(positions, normals).tolist() == 6 * [0.02]
    twice = Tolerances(
        0.02, 0.05, FLOOR, 2.0
    )  # two units make a metre: all tops are lower than its 2 m, and more in reach
    assert twice.at(positions, normals).tolist() == [0.02, 0.02, 0.02, 0.02, 0.02, 0.02]


def wavy_wall(z: float) -> TriangleMesh:
    """A wall 2.4 m long and 1 m high from height z, with a relief 4 cm deep, and nothing behind it."""
    x, up = np.meshgrid(np.arange(49) * 0.05, np.arange(21) * 0.05, indexing="ij")
    points = np.stack([x, 0.02 * np.sin(2 * np.pi * x / 0.4) * np.sin(2 * np.pi * up / 0.5), z + up], -1)
    corner = np.arange(x.size).reshape(x.shape)
    quads = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]], -1).reshape(-1, 4)
    return TriangleMesh(points.reshape(-1, 3), np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]).astype(np.int32))


def test_a_relief_out_of_reach_takes_fewer_parts_and_stays_covered() -> None:
    mesh = wavy_wall(z=-0.6)
    surface = AskedSurface(mesh)
    tolerances = Tolerances(0.01, 0.05, FLOOR, 1.0)
    fine, coarse = (
        decompose(mesh, surface, tolerances=each, thickness=0.05, max_parts=500).parts
        for each in (tolerances.over(None), tolerances)
    )
    assert len(coarse) <= 2 and len(fine) > 4 * len(coarse)
    skin = Skin.of(mesh, bare=0.0, tolerances=tolerances)
    assert not skin.is_level.any() and (skin.tolerance == 0.05).all()
    assert len(needed(coarse, [], skin)) == len(coarse)


def test_what_lies_within_the_coarse_tolerance_of_a_part_is_covered() -> None:
    wall = trimesh.creation.box((2, 0.1, 1))
    board = TriangleMesh(np.array(wall.vertices), wall.faces.astype(np.int32))
    front = board.faces[board.face_normals[:, 1] < -0.9]
    sheet = TriangleMesh(board.vertices * [0.9, 1, 0.9] + [0, -0.04, 0], front)  # 4 cm before the wall
    poster = TriangleMesh(board.vertices * [0.9, 0.2, 0.9] + [0, -0.08, 0], board.faces)
    fine, coarse = (Skin.of(sheet, bare=0.0, tolerances=each) for each in (Tolerances.same(0.02), OVER_FLOOR))
    assert needed([poster], [board], fine) == [0]
    assert needed([poster], [board], coarse) == []


def _settings(**changes: Any) -> ExportSettings:
    return default_settings(ExportSettings, "export", **changes)


def test_the_tolerance_follows_the_detail_of_the_mesh_where_none_is_asked_for() -> None:
    table, room, crumbs = (_settings().for_detail(voxel_m) for voxel_m in (0.0065, 0.03, 0.0001))
    assert (table.fine_m, room.fine_m, crumbs.fine_m) == pytest.approx((0.00975, 0.02, 0.005), abs=1e-4)
    assert table.relief_m == pytest.approx(2.5 * table.fine_m) and _settings().for_detail(None).fine_m == 0.02
    asked = _settings(tolerance_m=0.03, relief_tolerance_m=0.01).for_detail(0.0065)
    assert asked.fine_m == asked.relief_m == 0.03
