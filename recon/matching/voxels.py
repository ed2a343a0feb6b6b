"""Confirmed depths of all views as oriented voxels, so that each piece of matter counts once, however many views saw it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture


@dataclass(frozen=True)
class Voxels:
    """Oriented matter: one entry a voxel."""

    positions: Array  # [n, 3]
    normals: Array  # [n, 3] unit
    weights: Array  # [n] in (0, 1]: less where few pixels say so

    def __len__(self) -> int:
        return len(self.positions)

    def where(self, keep: NDArray) -> "Voxels":
        return Voxels(self.positions[keep], self.normals[keep], self.weights[keep])


def oriented_voxels(pictures: Sequence[Picture], confirmed: Sequence[Confirmed], side: float) -> Voxels:
    """Mean position and normal of the confirmed pixels in every voxel of `side` that several of them fall into."""
    points, normals = [], []
    for picture, known in zip(pictures, confirmed, strict=True):
        step = max(1, max(picture.camera.size_hw) // 200)
        at = np.zeros_like(known.is_confirmed)
        at[::step, ::step] = known.is_confirmed[::step, ::step]
        y, x = np.nonzero(at)
        camera, pose = picture.camera, picture.world_from_camera
        rays = np.stack([(x + 0.5 - camera.cx) / camera.fx, (y + 0.5 - camera.cy) / camera.fy, np.ones(len(x))], -1)
        points.append(rays * known.depth[at][:, None] @ pose[:3, :3].T + pose[:3, 3])
        q = known.planes[at].astype(np.float64)
        normals.append(-q / np.linalg.norm(q, axis=-1, keepdims=True) @ pose[:3, :3].T)
    position, normal = np.concatenate(points), np.concatenate(normals)
    if not len(position):
        return Voxels(position, normal, np.zeros(0))
    cells = np.floor((position - position.min(0)) / side).astype(np.int64)
    size = cells.max(0) + 1
    key = (cells[:, 0] * size[1] + cells[:, 1]) * size[2] + cells[:, 2]
    _, owner, counts = np.unique(key, return_inverse=True, return_counts=True)
    sums = [np.bincount(owner, column) for column in (*position.T, *normal.T)]
    mean = np.stack(sums, -1) / counts[:, None]
    length = np.linalg.norm(mean[:, 3:], axis=-1)
    keep = (counts >= 3) & (length > 0.6)  # a voxel whose normals scatter says nothing of planes
    weights = np.minimum(counts / 12, 1)
    return Voxels(mean[keep, :3], mean[keep, 3:] / length[keep, None], weights[keep])
