"""Holes closed by their planes: where a floor or a wall is known round a hole and no view looks through, it goes on.

Written into the signed distance where nobody has seen anything, so that the filled part and what is round it come out as
one surface.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from recon.kernels.tsdf import BLOCK, TsdfVolume
from recon.mesh.agreement import no_votes, vote
from recon.mesh.depth_maps import DepthMap
from recon.mesh.fusion import dilated_blocks
from recon.mesh.planes import PlanePatch

_MIN_CONTRADICTING = 2  # views that look through a cell leave it open


@dataclass(frozen=True)
class Filling:
    """A plane and the cells of it that were filled."""

    plane: PlanePatch
    is_filled: NDArray[np.bool_]  # [rows, columns]


def find_fillings(
    planes: Sequence[PlanePatch], maps: Sequence[DepthMap], *, reach: float, tolerance: float, voxel: float
) -> list[Filling]:
    """The cells of each plane that lie inside its outline and that no two views look through.

    Inside: enclosed by covered cells, or in a gap or bay narrower than 2 `reach` (world units).
    """
    found = []
    for plane in planes:
        inside = _inside(plane.is_covered, max(1, round(reach / plane.cell))) & ~plane.is_covered
        places = plane.centers(inside)
        votes = no_votes(len(places))
        for view in maps:
            votes = votes + vote(places, view, tolerance=tolerance, margin=voxel)
        filled = inside.copy()
        filled[inside] = (votes.contradicting < _MIN_CONTRADICTING) | (votes.contradicting <= votes.agreeing)
        if filled.any():
            found.append(Filling(plane, filled))
    return found


def _inside(covered: NDArray[np.bool_], n_cells: int) -> NDArray[np.bool_]:
    """Cells enclosed by covered ones, or within a gap or bay narrower than 2 n cells (a closing by a disc)."""
    padded = np.pad(covered, n_cells + 1)
    away = ndimage.distance_transform_edt(~padded)
    closed = ndimage.distance_transform_edt(away <= n_cells) > n_cells
    closed = ndimage.binary_fill_holes(closed | padded)
    return closed[n_cells + 1 : -n_cells - 1, n_cells + 1 : -n_cells - 1]


def fill(volume: TsdfVolume, fillings: Sequence[Filling], *, min_weight: float) -> TsdfVolume:
    """The volume with every filling's plane where its own voxels weigh less than `min_weight`."""
    if not fillings:
        return volume
    wanted = [_blocks_of(filling, volume.voxel) for filling in fillings]
    volume, at = _with_blocks(volume, np.concatenate(wanted))
    ends = np.cumsum([len(blocks) for blocks in wanted])
    for filling, blocks in zip(fillings, np.split(at, ends)[:-1], strict=True):
        _fill_one(volume, filling, blocks, min_weight)
    return volume


def _blocks_of(filling: Filling, voxel: float) -> NDArray[np.int32]:
    """The blocks [n, 3] that a filling reaches into."""
    half = BLOCK // 2 * voxel
    places = _between(filling.plane, filling.is_filled, half / 2)
    return dilated_blocks(np.unique(np.floor(places / half).astype(np.int64), axis=0), 1)


def _fill_one(volume: TsdfVolume, filling: Filling, blocks: NDArray[np.int64], min_weight: float) -> None:
    """Written into `volume`, whose `blocks` (by their numbers) the filling reaches into."""
    plane = filling.plane
    z, y, x = np.mgrid[:BLOCK, :BLOCK, :BLOCK]
    inside = np.stack([x, y, z], -1).reshape(-1, 3)
    # one cell more all round, so that the filled part meets what is known
    mask = ndimage.binary_dilation(filling.is_filled, structure=np.ones((3, 3)))
    distance, weight = (a.reshape(len(volume.blocks), -1) for a in (volume.distance, volume.weight))
    for part in np.array_split(blocks, max(1, len(blocks) // 2000)):
        positions = ((volume.blocks[part, None] * BLOCK + inside) * volume.voxel).reshape(-1, 3)
        height = plane.heights(positions) / volume.truncation
        say = (np.abs(height) <= 1) & plane.holds(positions, mask) & (weight[part].reshape(-1) < min_weight)
        say = say.reshape(len(part), -1)
        distance[part] = np.where(say, height.reshape(say.shape), distance[part])
        weight[part] = np.where(say, min_weight, weight[part])


def _between(plane: PlanePatch, mask: NDArray[np.bool_], spacing: float) -> NDArray[np.float64]:
    """Positions on the masked cells, at most `spacing` apart."""
    n = max(1, int(np.ceil(plane.cell / spacing)))
    steps = (np.arange(n) + 0.5) / n - 0.5
    offsets = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * plane.cell @ plane.axes
    return (plane.centers(mask)[:, None] + offsets).reshape(-1, 3)


def _with_blocks(volume: TsdfVolume, wanted: NDArray[np.int32]) -> tuple[TsdfVolume, NDArray[np.int64]]:
    """The volume with the wanted blocks [n, 3] added where it lacks them, and the places of all of them in it [n]."""
    together = np.concatenate([volume.blocks, wanted])
    unique, first, inverse = np.unique(together, axis=0, return_index=True, return_inverse=True)
    new = first[first >= len(volume.blocks)]
    shape = (len(new), BLOCK, BLOCK, BLOCK)
    grown = replace(
        volume,
        blocks=np.ascontiguousarray(np.concatenate([volume.blocks, together[new]])),
        distance=np.concatenate([volume.distance, np.ones(shape, np.float32)]),
        weight=np.concatenate([volume.weight, np.zeros(shape, np.float32)]),
    )
    place_of = np.empty(len(unique), np.int64)
    is_new = first >= len(volume.blocks)
    place_of[~is_new] = first[~is_new]
    place_of[is_new] = len(volume.blocks) + np.arange(len(new))
    return grown, place_of[inverse.reshape(-1)[len(volume.blocks) :]]
