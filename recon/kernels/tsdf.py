"""Truncated signed distance over sparse blocks of voxels (Curless and Levoy 1996), one view at a time.

Each voxel keeps the weighted mean of what views say about its distance to the surface, in units of the truncation and cut
to [-1, 1]: positive in front of the surface, negative behind. A view says, at a voxel of depth z,

    (depth - z) * slope / truncation        slope = |normal . ray|, ray with z = 1: the distance to the pixel's tangent plane

nothing where that is below -1 (the voxel is hidden), and 1 along a free ray. The distance to the tangent plane, not along
the ray, keeps a floor seen from far as thin as one seen from above. Between pixels 1 / depth is bilinear (exact on planes)
where the four neighbours differ by less than 5 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK = 8  # voxels a side
SAME_SURFACE = 0.05

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
    slope: Floats  # [h, w] |normal . ray|; 1 where the normal is not known
    weight: Floats  # [h, w] how much the pixel counts
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
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    row, column = y.astype(int), x.astype(int)
    nearest = view.depth[row, column]
    depth = _between_pixels(view.depth, x, y, nearest)
    known = nearest > 0
    says = np.where(known, (depth - z) * view.slope[row, column] / truncation, 1.0)
    speaks = inside & (known | view.is_free[row, column]) & (says >= -1)
    weight = np.where(speaks, view.weight[row, column], 0)
    return np.minimum(says, 1).astype(np.float32), weight.astype(np.float32)


def _between_pixels(depth: Floats, x: NDArray, y: NDArray, nearest: Floats) -> NDArray:
    """Depth [n] at pixel positions: bilinear in 1 / depth where the neighbours are one surface, else the nearest pixel's."""
    h, w = depth.shape
    if min(h, w) < 2:
        return nearest
    x0 = np.clip(np.floor(x - 0.5).astype(int), 0, w - 2)
    y0 = np.clip(np.floor(y - 0.5).astype(int), 0, h - 2)
    corners = np.stack([depth[y0, x0], depth[y0, x0 + 1], depth[y0 + 1, x0], depth[y0 + 1, x0 + 1]])
    low, high = corners.min(0), corners.max(0)
    is_one = (low > 0) & (high - low < SAME_SURFACE * low)
    ax, ay = np.clip(x - 0.5 - x0, 0, 1), np.clip(y - 0.5 - y0, 0, 1)
    a, b, c, d = 1 / np.where(is_one, corners, 1)
    inverse = (1 - ay) * ((1 - ax) * a + ax * b) + ay * ((1 - ax) * c + ax * d)
    return np.where(is_one, 1 / inverse, nearest)
