"""Depth maps -> signed distance (TSDF fusion, Curless and Levoy 1996, over sparse blocks).

Every view writes into *all* blocks in its frustum, not only those near its own surface: what one view saw as solid and
the others look through is carved away here already.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry import invert_rigid
from recon.geometry.pinhole import intrinsics
from recon.geometry.transforms import apply_rigid
from recon.kernels.tsdf import BLOCK, TsdfView, TsdfVolume, integrate
from recon.mesh.depth_maps import DepthMap
from recon.mesh.zones import Zone
from recon.workspace.console import progress, warn

_BLOCK_BYTES = BLOCK**3 * 8  # float32 distance and weight
_KEY_BITS = 21  # of each coordinate of a cell in a packed key


def choose_voxel_size(
    maps: Sequence[DepthMap],
    *,
    footprints: float,  # voxel size in pixels of the fused views, at their median depth
    truncation_voxels: float,
    memory_mb: float,
    zone: Zone | None = None,
) -> tuple[float, NDArray[np.int32]]:
    """Voxel size in world units: the median pixel footprint, made coarser until the blocks fit the memory; and those blocks.

    With a `zone`, only the pixels and blocks in it count.
    """
    sizes = [_footprints(view, zone) for view in maps]
    voxel = float(footprints * np.median(np.concatenate(sizes)))
    wanted = voxel
    # (surface_blocks is a little generous, so this is an upper bound. Blocks of a surface are as many as 1 / voxel^2.)
    blocks = surface_blocks(maps, voxel, truncation_voxels, zone=zone)
    while (share := len(blocks) * _BLOCK_BYTES / (memory_mb * 2**20)) > 1:
        voxel *= max(1.05, math.sqrt(share))
        blocks = surface_blocks(maps, voxel, truncation_voxels, zone=zone)
    if voxel > wanted:
        warn(
            f"mesh: voxels of {voxel:.4g} units instead of {wanted:.4g}, to stay within {memory_mb:.0f} MB (mesh.memory_mb). "
            "Raise it for more detail."
        )
    return voxel, blocks


def surface_blocks(
    maps: Sequence[DepthMap], voxel: float, truncation_voxels: float, *, zone: Zone | None = None
) -> NDArray[np.int32]:
    """Integer coordinates [n, 3] of the blocks (of the zone) that may lie within the truncation of any trusted pixel.

    Found on cells of half a block: the cells of the pixels, and those within the truncation of them.
    """
    half = BLOCK // 2
    found = [np.unique(_keys(_cells(view, voxel * half))) for view in maps]
    blocks = dilated_blocks(_from_keys(np.unique(np.concatenate(found))), math.ceil(truncation_voxels / half))
    side = BLOCK * voxel
    return blocks if zone is None else blocks[zone.holds(side * (blocks.astype(np.float64) + 0.5), margin=side)]


def dilated_blocks(cells: NDArray[np.int64], reach: int) -> NDArray[np.int32]:
    """The blocks [n, 3] of all cells (half a block a side) within `reach` cells of some cells [m, 3], in fixed order."""
    steps = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    keys = np.unique(np.concatenate([np.unique(_keys((cells + offset) // 2)) for offset in offsets]))
    return _from_keys(keys).astype(np.int32)


def fuse(
    maps: Sequence[DepthMap],
    *,
    voxel: float,
    truncation_voxels: float,
    far: float,
    blocks: NDArray[np.int32] | None = None,
) -> TsdfVolume:
    """The maps' signed distance round their surfaces; `blocks`: their `surface_blocks`, where they are known already."""
    blocks = surface_blocks(maps, voxel, truncation_voxels) if blocks is None else blocks
    volume = TsdfVolume.empty(blocks, voxel=voxel, truncation=truncation_voxels * voxel)
    add_views(volume, maps, far=far)
    return volume


def grown(volume: TsdfVolume, *, by: float) -> TsdfVolume:
    """The volume whose surface lies `by` truncations farther out.

    Rays that pass an outline call every voxel beside it empty by a whole truncation, however near the outline lies, and what
    sees the thing itself calls those behind its skin solid by a part of one: the mean of the two eats what is thin and convex.
    """
    return replace(volume, distance=np.where(volume.weight > 0, volume.distance - np.float32(by), volume.distance))


def add_views(volume: TsdfVolume, maps: Sequence[DepthMap], *, far: float) -> None:
    """Integrate maps into a volume."""
    with progress("mesh: fusion", len(maps)) as bar:
        for view in maps:
            camera = view.viewpoint.camera
            tsdf_view = TsdfView(
                intrinsics(camera),
                invert_rigid(view.viewpoint.world_from_camera),
                view.depth,
                view.weight,
                view.unit_normals,
                view.is_free,
                2 * far,
            )
            integrate(volume, tsdf_view)
            bar.advance()


def _footprints(view: DepthMap, zone: Zone | None = None) -> NDArray[np.float32]:
    depth = view.depth[::2, ::2]
    sizes = depth[depth > 0] / np.float32(view.viewpoint.camera.fx)
    return sizes if zone is None else sizes[zone.holds(view.points(step=2))]


def _cells(view: DepthMap, side: float) -> NDArray[np.int64]:
    """Coordinates of the cells that the trusted pixels fall in.

    Of surfaces that face the camera, every so many pixels are asked, a third of a cell apart; of those seen obliquely,
    whose neighbouring pixels lie more than a cell apart, nine places of each pixel's plane.
    """
    footprints = _footprints(view)
    apart = side / 3 / float(np.median(footprints)) if len(footprints) else 1
    points = np.concatenate([view.points(step=max(1, int(apart))), _oblique_points(view, side)])
    return np.floor(points / side).astype(np.int64)


def _oblique_points(view: DepthMap, side: float) -> NDArray[np.float64]:
    """Nine places [n, 3] on the plane of each pixel that reaches over more than half a cell."""
    camera, pose = view.viewpoint.camera, view.viewpoint.world_from_camera
    along = -(view.camera_rays * view.unit_normals).sum(-1)  # cosine of the ray, times its length
    depth = view.depth
    oblique = (depth > 0) & (depth / camera.fx > 0.5 * side * np.maximum(along, 1e-3))
    if not oblique.any():
        return np.zeros((0, 3))
    rays, normals = view.camera_rays[oblique], view.unit_normals[oblique]
    height = (along[oblique] * depth[oblique])[:, None]  # of the camera over the pixel's plane
    thirds = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 2) / 3
    found = []
    for across, down in thirds:
        shifted = rays + np.array([across / camera.fx, down / camera.fy, 0.0])
        meets = -(shifted * normals).sum(-1, keepdims=True)
        distance = np.where(meets > 1e-3, height / np.maximum(meets, 1e-3), depth[oblique][:, None])
        found.append(shifted * np.clip(distance, 0.5 * depth[oblique][:, None], 2 * depth[oblique][:, None]))
    return apply_rigid(pose, np.concatenate(found))


def _keys(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """One integer per cell [n, 3]: integers are made unique and sorted far faster than rows."""
    shifted = cells.astype(np.int64) + (1 << (_KEY_BITS - 1))
    return (shifted[:, 0] << 2 * _KEY_BITS) | (shifted[:, 1] << _KEY_BITS) | shifted[:, 2]


def _from_keys(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    mask = (1 << _KEY_BITS) - 1
    return np.stack([keys >> 2 * _KEY_BITS, keys >> _KEY_BITS & mask, keys & mask], -1) - (1 << (_KEY_BITS - 1))
