"""Where two planes meet, the fused surface comes out sharp; where they do not, it stays as it was."""

import numpy as np
import pytest

from recon.kernels.tsdf import BLOCK, TsdfVolume
from recon.mesh.extraction import extract
from recon.mesh.junctions import sharpen
from recon.mesh.planes import PlanePatch

VOXEL = 0.02
WIDTH = 5 * VOXEL


def positions(volume: TsdfVolume) -> np.ndarray:
    z, y, x = np.mgrid[:BLOCK, :BLOCK, :BLOCK]
    return ((volume.blocks[:, None, None, None] * BLOCK + np.stack([x, y, z], -1)) * VOXEL).astype(float)


def volume_of(height) -> TsdfVolume:
    """The volume of a cube of 1.28 m round the origin in which `height` (positions) is the signed distance."""
    at = np.stack(np.meshgrid(*[np.arange(-4, 4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    volume = TsdfVolume.empty(at.astype(np.int32), voxel=VOXEL, truncation=2 * VOXEL)
    volume.distance[:] = np.clip(height(positions(volume)) / volume.truncation, -1, 1)
    volume.weight[:] = 1
    return volume


def patch(normal, rows, columns) -> PlanePatch:
    """A plane through the origin with axes along x or z (rows) and y (columns), covered from and to so many cells of 4 cm."""
    normal = np.asarray(normal, float)
    axes = np.stack([np.array([1.0, 0, 0]) if normal[2] else np.array([0.0, 0, 1]), np.array([0.0, 1, 0])])
    origin = 0.04 * (rows[0] * axes[0] + columns[0] * axes[1])
    covered = np.ones((rows[1] - rows[0], columns[1] - columns[0]), bool)
    return PlanePatch(normal, 0.0, origin, axes, 0.04, covered, 0.002)


def off(volume: TsdfVolume, exact) -> float:
    """The farthest that the extracted surface, well inside the cube and near the corner, lies from the exact one."""
    vertices = extract(volume, min_weight=0.5).vertices
    inside = (np.abs(vertices) < 0.3).all(1) & (np.hypot(vertices[:, 0], vertices[:, 2]) < 0.08)
    return float(np.abs(exact(vertices[inside])).max())


HOLLOW = (lambda p: np.minimum(p[..., 0], p[..., 2]), (0, 14))
BOX = (lambda p: np.maximum(p[..., 0], p[..., 2]), (-14, 0))


@pytest.mark.parametrize(("exact", "reach"), [HOLLOW, BOX], ids=["hollow", "edge"])
def test_a_rounded_corner_of_two_planes_comes_out_sharp(exact, reach) -> None:
    floor, wall = patch((0, 0, 1), reach, (-14, 14)), patch((1, 0, 0), reach, (-14, 14))
    # rounded by a filler, which no plane holds
    rounded = volume_of(lambda p: exact(p) - 0.08 * np.exp(-(p[..., 0] ** 2 + p[..., 2] ** 2) / 0.05**2))
    assert off(rounded, exact) > VOXEL
    sharp = sharpen(rounded, [floor, wall], width=WIDTH, min_weight=0.5)
    assert off(sharp, exact) < 0.5 * VOXEL


def test_a_floor_that_runs_on_behind_a_board_is_no_corner() -> None:
    floor, board = patch((0, 0, 1), (-14, 14), (-14, 14)), patch((1, 0, 0), (0, 14), (-14, 14))
    volume = volume_of(lambda p: p[..., 2] - 0.03)
    before = volume.distance.copy()
    assert (sharpen(volume, [floor, board], width=WIDTH, min_weight=0.5).distance == before).all()


def test_only_the_stretch_where_both_planes_are_is_written() -> None:
    floor, wall = patch((0, 0, 1), (0, 14), (-14, 14)), patch((1, 0, 0), (0, 14), (6, 14))
    volume = volume_of(lambda p: np.minimum(p[..., 0], p[..., 2]) - 0.03)
    before = volume.distance.copy()
    changed = positions(volume)[sharpen(volume, [floor, wall], width=WIDTH, min_weight=0.5).distance != before]
    assert len(changed) and changed[:, 1].min() > 6 * 0.04 - 4 * 0.04 - VOXEL  # the wall, and the gaps it may have
    assert (np.abs(changed[:, [0, 2]]) < WIDTH).all()


def test_three_planes_meet_in_a_corner() -> None:
    """In the corner of a room nothing behind the third wall is called free."""
    floor, wall = patch((0, 0, 1), (0, 14), (0, 14)), patch((1, 0, 0), (0, 14), (0, 14))
    axes = np.array([[1.0, 0, 0], [0.0, 0, 1]])
    third = PlanePatch(np.array([0.0, 1, 0]), 0.0, np.zeros(3), axes, 0.04, np.ones((14, 14), bool), 0.002)
    volume = volume_of(lambda p: p.min(-1) - 0.08 * np.exp(-(np.sort(p, -1)[..., :2] ** 2).sum(-1) / 0.05**2))
    sharpen(volume, [floor, wall, third], width=WIDTH, min_weight=0.5)
    corner = positions(volume)
    near = (np.abs(corner) < 0.9 * WIDTH).all(-1)
    exact = np.clip(corner[near].min(-1) / volume.truncation, -1, 1)
    found, inside = volume.distance[near], corner[near].min(-1) > VOXEL
    assert found[inside] == pytest.approx(exact[inside], abs=1e-5)
    assert inside.sum() == 27 and (found[~inside] <= exact[~inside] + 1e-5).all()


def test_an_edge_is_not_built_out_into_space_that_views_look_through() -> None:
    """Two planes of a plate whose corner is cut off: the views know better than the planes' common line."""
    top, side = patch((0, 0, 1), (-14, 0), (-14, 14)), patch((1, 0, 0), (-14, 0), (-14, 14))
    cut_off = volume_of(
        lambda p: np.maximum(np.maximum(p[..., 0], p[..., 2]), (p[..., 0] + p[..., 2]) / np.sqrt(2) + 0.04)
    )
    is_free = cut_off.distance > 0.5
    sharp = sharpen(cut_off, [top, side], width=WIDTH, min_weight=0.5)
    assert is_free.any() and (sharp.distance[is_free] > 0).all()


def test_a_pane_in_its_niche_is_not_taken_for_the_free_room_before_its_reveal() -> None:
    """Wall and reveal form an edge; the pane, which lies behind the wall's plane and before the reveal's, stays."""
    wall, reveal = patch((0, 0, 1), (-14, 0), (-14, 14)), patch((1, 0, 0), (-14, 0), (-14, 14))
    niche = volume_of(lambda p: np.minimum(np.maximum(p[..., 0], p[..., 2]), p[..., 2] + 0.07))
    sharp = sharpen(niche, [wall, reveal], width=WIDTH, min_weight=0.5)
    vertices = extract(sharp, min_weight=0.5).vertices
    before = vertices[(vertices[:, 0] > 2 * VOXEL) & (vertices[:, 0] < WIDTH) & (np.abs(vertices[:, 1]) < 0.4)]
    assert len(before) > 100 and np.abs(before[:, 2] + 0.07).max() < 0.5 * VOXEL
