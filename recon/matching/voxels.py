"""Confirmed depths of all views as oriented voxels, so that each piece of matter counts once, however many views saw it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry.pinhole import rays_at
from recon.geometry.transforms import Array, apply_rigid
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture


@dataclass(frozen=True)
class Voxels:
    """Oriented matter: one entry per voxel."""

    positions: Array  # [n, 3]
    normals: Array  # [n, 3] unit
    weights: Array  # [n] in (0, 1]: less where few pixels say so

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, keep: NDArray) -> "Voxels":
        return Voxels(self.positions[keep], self.normals[keep], self.weights[keep])


def oriented_voxels(pictures: Sequence[Picture], confirmed: Iterable[Confirmed], side: float) -> Voxels:
    """Mean position and normal of the confirmed pixels in every voxel of `side` that several of them fall into."""
    parts, n_merged = [_merged(np.zeros((0, 3), np.int32), np.zeros((0, 6)), np.zeros(0))], 0
    for picture, known in zip(pictures, confirmed, strict=True):
        position, normal = _oriented_points(picture, known)
        here = np.floor(position / side).astype(np.int32)
        parts.append(_merged(here, np.concatenate([position, normal], -1), np.ones(len(here))))
        if sum(len(counts) for *_, counts in parts) > 2 * n_merged:
            parts = [_merged(*map(np.concatenate, zip(*parts, strict=True)))]
            n_merged = len(parts[0][2])
    _, sums, counts = _merged(*map(np.concatenate, zip(*parts, strict=True)))
    mean = sums / np.maximum(counts, 1)[:, None]
    length = np.linalg.norm(mean[:, 3:], axis=-1)
    keep = (counts >= 3) & (length > 0.6)  # a voxel whose normals scatter says nothing of planes
    weights = np.minimum(counts / 12, 1)
    return Voxels(mean[keep, :3], mean[keep, 3:] / length[keep, None], weights[keep])


def _oriented_points(picture: Picture, known: Confirmed) -> tuple[Array, Array]:
    """World positions and normals [n, 3] of a share of the confirmed pixels."""
    step = max(1, max(picture.camera.size_hw) // 200)
    y, x = (step * i for i in np.nonzero(known.depth[::step, ::step]))
    rays = rays_at(picture.camera, x + 0.5, y + 0.5)
    position = apply_rigid(picture.world_from_camera, rays * known.depth[y, x][:, None])
    return position, known.normal[y, x].astype(np.float64)


def _merged(cells: NDArray[np.int32], sums: Array, counts: Array) -> tuple[NDArray[np.int32], Array, Array]:
    """The rows of each cell made one."""
    order = np.lexsort(cells.T)
    cells, sums, counts = cells[order], sums[order], counts[order]
    is_first = np.concatenate([np.ones(min(len(cells), 1), bool), (np.diff(cells, axis=0) != 0).any(1)])
    starts = np.flatnonzero(is_first)
    if not len(starts):
        return cells, sums, counts
    return cells[starts], np.add.reduceat(sums, starts), np.add.reduceat(counts, starts)
