"""Truncated signed distance over sparse blocks of voxels (Curless and Levoy 1996), one view at a time.

Each voxel keeps the weighted mean of what views say about its distance to the surface, in units of the truncation and cut
to [-1, 1]: positive in front of the surface, negative behind. A view says, at a voxel X that falls into a pixel with the
point P and the normal n,

    n . (X - P) / truncation

nothing where that is below -1 (the voxel is hidden) or X lies more than 4 truncations deeper than P (a silhouette says
nothing of what is far behind it), and 1 along a free ray. The distance to the pixel's plane, not along
the ray, keeps a floor seen from far as thin and as whole as one seen from above.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 8  # voxels a side
BEHIND = 4  # truncations along z behind a pixel's depth that it still speaks of

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class TsdfVolume:
    """Voxel (x, y, z) of block b lies at (8 b + (x, y, z)) * voxel. Arrays are written in place."""

    blocks: NDArray[np.int32]  # [n, 3]
    distance: Floats  # [n, 8, 8, 8] (z, y, x), in units of the truncation
    weight: Floats  # [n, 8, 8, 8]; 0: nobody has seen it
    voxel: float  # world units
    truncation: float  # world units

    def __post_init__(self) -> None:
        assert self.blocks.dtype == np.int32 and self.blocks.shape == (len(self.blocks), 3)
        assert self.distance.shape == self.weight.shape == (len(self.blocks), BLOCK, BLOCK, BLOCK)
        assert all(array.flags.c_contiguous for array in (self.blocks, self.distance, self.weight))

    @staticmethod
    def empty(blocks: NDArray[np.int32], *, voxel: float, truncation: float) -> "TsdfVolume":
        shape = (len(blocks), BLOCK, BLOCK, BLOCK)
        blocks = np.ascontiguousarray(blocks, np.int32)
        return TsdfVolume(blocks, np.ones(shape, np.float32), np.zeros(shape, np.float32), voxel, truncation)


@dataclass(frozen=True)
class TsdfView:
    """A depth map with its pinhole camera."""

    intrinsics: tuple[float, float, float, float]  # fx fy cx cy, half-pixel convention
    camera_from_world: NDArray[np.float64]  # [4, 4]
    depth: Floats  # [h, w] along camera z; 0 = unknown, or free
    weight: Floats  # [h, w] how much the pixel counts
    normal: Floats  # [h, w, 3] unit, in the camera frame, towards the camera; (0, 0, -1) says no more than the depth
    is_free: NDArray[np.bool_]  # [h, w] nothing along this ray, where depth is 0
    far: float  # nothing behind it is touched


def integrate(volume: TsdfVolume, view: TsdfView) -> None:
    """Add what a view says to the volume."""
    from recon.kernels import native

    if native.why_missing():
        integrate_reference(volume, view)
    else:
        from recon.kernels.native import tsdf

        tsdf.integrate(volume, view)


def integrate_reference(volume: TsdfVolume, view: TsdfView) -> None:
    """`integrate` in numpy, a few blocks at a time: the definition."""
    z, y, x = np.mgrid[:BLOCK, :BLOCK, :BLOCK]
    inside = np.stack([x, y, z], -1).reshape(-1, 3)
    flat_distance, flat_weight = volume.distance.reshape(-1, BLOCK**3), volume.weight.reshape(-1, BLOCK**3)
    for start in range(0, len(volume.blocks), 512):
        part = slice(start, start + 512)
        positions = (volume.blocks[part, None] * BLOCK + inside) * volume.voxel
        says, weight = _say(positions.reshape(-1, 3), view, volume.truncation)
        distance, total = flat_distance[part].reshape(-1), flat_weight[part].reshape(-1)
        total += weight
        distance += np.where(weight > 0, (says - distance) * weight / np.maximum(total, 1e-30), 0)
        flat_distance[part], flat_weight[part] = distance.reshape(-1, BLOCK**3), total.reshape(-1, BLOCK**3)


def _say(positions: NDArray, view: TsdfView, truncation: float) -> tuple[Floats, Floats]:
    """What the view says about positions [n, 3], and with what weight [n]."""
    (fx, fy, cx, cy), (h, w) = view.intrinsics, view.depth.shape
    local = positions @ view.camera_from_world[:3, :3].T + view.camera_from_world[:3, 3]
    z = local[:, 2]
    safe = np.where(z > 1e-6, z, np.inf)
    x, y = local[:, 0] / safe * fx + cx, local[:, 1] / safe * fy + cy
    inside = (z > 1e-6) & (z <= view.far) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
    row, column = np.where(inside, y, 0).astype(int), np.where(inside, x, 0).astype(int)
    depth, normal = view.depth[row, column], view.normal[row, column]
    point = np.stack([(column + 0.5 - cx) / fx, (row + 0.5 - cy) / fy, np.ones(len(z))], -1) * depth[:, None]
    says = np.where(depth > 0, ((local - point) * normal).sum(-1) / truncation, 1.0)
    is_reached = (depth == 0) | (z <= depth + BEHIND * truncation)
    speaks = inside & ((depth > 0) | view.is_free[row, column]) & (says >= -1) & is_reached
    weight = np.where(speaks, view.weight[row, column], 0)
    return np.minimum(says, 1).astype(np.float32), weight.astype(np.float32)
