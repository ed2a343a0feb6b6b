"""Depth maps -> signed distance -> surface (TSDF fusion, Curless and Levoy 1996, over sparse blocks).

Every view writes into *all* blocks in its frustum, not only those near its own surface: what one view saw as solid and
the others look through is carved away here already.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.console import progress, warn
from recon.errors import UserError
from recon.formats.open3d_import import import_open3d
from recon.geometry import TriangleMesh, invert_rigid
from recon.mesh.depth_maps import DepthMap

BLOCK = 8  # voxels a side
SUPERSAMPLING = 3
_BLOCK_BYTES = BLOCK**3 * 8  # float32 distance and weight


def choose_voxel_size(
    maps: Sequence[DepthMap],
    *,
    footprints: float,  # voxel size in pixels of the fused views, at their median depth
    truncation_voxels: float,
    memory_mb: float,
) -> float:
    """Voxel size in world units: the median pixel footprint, made coarser until the blocks fit the memory."""
    sizes = [view.depth[view.depth > 0] / view.viewpoint.camera.fx for view in maps]
    voxel = float(footprints * np.median(np.concatenate(sizes)))
    wanted = voxel
    # (surface_blocks is a little generous, so this is an upper bound.)
    while len(surface_blocks(maps, voxel, truncation_voxels)) * _BLOCK_BYTES > memory_mb * 2**20:
        voxel *= 1.2
    if voxel > wanted:
        warn(
            f"mesh: voxels of {voxel:.4g} units instead of {wanted:.4g}, to stay within mesh.memory_mb={memory_mb:g}. "
            "Raise it for more detail."
        )
    return voxel


def surface_blocks(maps: Sequence[DepthMap], voxel: float, truncation_voxels: float) -> NDArray[np.int32]:
    """Integer coordinates [n, 3] of the blocks that may lie within the truncation of any trusted pixel.

    Found on cells of half a block: the cells of all pixels, and those within the truncation of them.
    """
    half = BLOCK // 2
    cells = _unique_rows(np.concatenate([_unique_rows(_cells(view, voxel * half)) for view in maps]))
    reach = math.ceil(truncation_voxels / half)
    steps = np.arange(-reach, reach + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    return _unique_rows(np.concatenate([_unique_rows((cells + offset) // 2) for offset in offsets])).astype(np.int32)


def fuse(
    maps: Sequence[DepthMap],
    *,
    voxel: float,
    truncation_voxels: float,
    far: float,
    min_weight: float,  # views that must have written a voxel
) -> TriangleMesh:
    """The zero crossing of the fused distance, as triangles in world units (float32 grid). Order is deterministic."""
    assert min_weight >= 1, "a voxel that no view wrote holds no distance"
    o3d = import_open3d()
    core = o3d.core
    blocks = surface_blocks(maps, voxel, truncation_voxels)
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"),
        (core.float32, core.float32),
        ((1), (1)),
        voxel,
        BLOCK,
        len(blocks) + 64,
        core.Device("CPU:0"),
    )
    beyond = 2 * far + 4 * truncation_voxels * voxel  # what a ray that looks through writes: free up to here
    with progress("mesh: fusion", len(maps)) as bar:
        for view in maps:
            inside = blocks[_in_frustum(blocks, view, voxel, far)]
            if len(inside):
                _integrate(o3d, grid, inside, supersample(view), beyond, truncation_voxels)
            bar.advance()
    vertices, faces = _extract(grid, min_weight)
    if not len(faces):
        raise no_surface(f"no voxel of {voxel:.4g} units was confirmed by {min_weight:g} views")
    return _in_fixed_order(vertices, faces)


def _extract(grid: Any, min_weight: float) -> tuple[NDArray, NDArray]:
    """Vertices [v, 3] and faces [f, 3] of the zero crossing; none of either where there is no crossing."""
    try:
        surface = grid.extract_triangle_mesh(weight_threshold=min_weight - 0.5)  # it asks for more than
    except RuntimeError as error:
        if "shape {0}" not in str(error):  # how Open3D 0.20 says that the mesh is empty
            raise
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    return surface.vertex.positions.numpy(), surface.triangle.indices.numpy()


def no_surface(found: str) -> UserError:
    """The error for a field that shows nothing to fuse."""
    return UserError(
        f"mesh: expected rendered depths that agree between views, found none ({found}). Look at the rendered views "
        "(scripts/render.py), train longer (train.max_seconds), or loosen mesh.min_opacity and mesh.agreement."
    )


def _integrate(
    o3d: ModuleType, grid: Any, blocks: NDArray, view: DepthMap, beyond: float, truncation_voxels: float
) -> None:
    core = o3d.core
    depth = np.where(view.is_free & (view.depth == 0), np.float32(beyond), view.depth)
    camera = view.viewpoint.camera
    # Open3D takes floor(u) as the pixel, so the half-pixel principal point goes in as it is (tested on a sphere).
    intrinsic = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
    grid.integrate(
        core.Tensor(np.ascontiguousarray(blocks, np.int32)),
        o3d.t.geometry.Image(core.Tensor(np.ascontiguousarray(depth, np.float32))),
        core.Tensor(intrinsic),
        core.Tensor(invert_rigid(view.viewpoint.world_from_camera)),
        1.0,  # depths are in world units
        2 * beyond,
        float(truncation_voxels),
    )


def supersample(view: DepthMap, factor: int = SUPERSAMPLING) -> DepthMap:
    """The same map with more pixels: bilinear in inverse depth, in which planes are linear; exact on a floor.

    The integration looks up the nearest pixel. On a surface seen obliquely, depth steps from pixel to pixel by more
    than the truncation, and a distant floor would come out in stripes.
    """
    import cv2

    h, w = view.depth.shape
    size = (w * factor, h * factor)
    is_known = view.depth > 0
    inverse = np.where(is_known, 1 / np.where(is_known, view.depth, 1), 0).astype(np.float32)
    weight = cv2.resize(is_known.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    mean_inverse = cv2.resize(inverse, size, interpolation=cv2.INTER_LINEAR)
    # Half of the neighbours are enough: the others are unknown, not different (jumps were removed before).
    depth = np.where(weight > 0.5, weight / np.maximum(mean_inverse, 1e-12), 0).astype(np.float32)
    is_free = cv2.resize(view.is_free.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    camera = view.viewpoint.camera.resized((h * factor, w * factor))
    return DepthMap(replace(view.viewpoint, camera=camera), depth, is_free & (depth == 0))


def _cells(view: DepthMap, side: float) -> NDArray[np.int32]:
    """Coordinates of the cells that the trusted pixels fall in, between neighbouring pixels too."""
    return np.floor(supersample(view).points() / side).astype(np.int32)


def _unique_rows(rows: NDArray) -> NDArray:
    """Unique integer rows [n, 3], by one packed key a row (np.unique over rows sorts far slower)."""
    if not len(rows):
        return rows
    low = rows.min(0).astype(np.int64)
    size = rows.max(0).astype(np.int64) - low + 1
    key = ((rows[:, 0] - low[0]) * size[1] + (rows[:, 1] - low[1])) * size[2] + (rows[:, 2] - low[2])
    unique = np.unique(key)
    return np.stack([unique // (size[1] * size[2]), unique // size[2] % size[1], unique % size[2]], -1) + low


def _in_frustum(blocks: NDArray, view: DepthMap, voxel: float, far: float) -> NDArray[np.bool_]:
    """Which blocks [n, 3] may project into the picture: their bounding sphere against the image, generously."""
    camera, (h, w) = view.viewpoint.camera, view.viewpoint.camera.size_hw
    side = voxel * BLOCK
    camera_from_world = invert_rigid(view.viewpoint.world_from_camera)
    local = (blocks + 0.5) * side @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    z = np.maximum(local[:, 2], side)
    x, y = local[:, 0] / z * camera.fx + camera.cx, local[:, 1] / z * camera.fy + camera.cy
    reach = side * max(camera.fx, camera.fy) / z
    inside = (x > -reach) & (x < w + reach) & (y > -reach) & (y < h + reach)
    return inside & (local[:, 2] > -side) & (local[:, 2] < 2 * far + side)


def _in_fixed_order(vertices: NDArray, faces: NDArray) -> TriangleMesh:
    """Sort vertices and faces: the extraction runs in threads and returns them in any order."""
    order = np.lexsort(vertices.T)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    faces = rank[faces]
    first = faces.argmin(1)
    faces = np.take_along_axis(faces, (first[:, None] + np.arange(3)) % 3, axis=1)  # keeps the winding
    faces = faces[np.lexsort(faces.T[::-1])]
    return TriangleMesh(vertices[order].astype(np.float64), faces.astype(np.int32))
