"""Depth maps -> signed distance -> surface (TSDF fusion, Curless and Levoy 1996, over sparse blocks).

Every view writes into *all* blocks in its frustum, not only those near its own surface: what one view saw as solid and
the others look through is carved away here already.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.geometry import TriangleMesh, invert_rigid
from recon.geometry.open3d_import import import_open3d
from recon.geometry.pinhole import intrinsics
from recon.geometry.transforms import apply_rigid
from recon.kernels.tsdf import BLOCK, TsdfView, TsdfVolume, integrate
from recon.mesh.depth_maps import DepthMap
from recon.mesh.zones import Zone
from recon.workspace.console import progress, warn
from recon.workspace.errors import UserError

_BLOCK_BYTES = BLOCK**3 * 8  # float32 distance and weight
# Blocks that the surface is extracted from at once. Open3D 0.20 takes 8 kB for each, and crashes from 2 GB on.
SLAB_BLOCKS = 50_000
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
            f"mesh: voxels of {voxel:.4g} units instead of {wanted:.4g}, to stay within mesh.memory_mb={memory_mb:g}. "
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
    return blocks if zone is None else blocks[zone.holds((blocks + 0.5) * side, margin=side)]


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


def extract(volume: TsdfVolume, *, min_weight: float) -> TriangleMesh:
    """The zero crossing among voxels of at least `min_weight`, as triangles in world units; order is deterministic."""
    assert min_weight > 0, "a voxel that no view wrote holds no distance"
    threshold = float(np.nextafter(np.float32(min_weight), np.float32(0)))
    parts = [_slab(volume, low, high, threshold) for low, high in _slabs(volume.blocks[:, 0])]
    vertices = np.concatenate([part[0] for part in parts])
    if not len(vertices):
        raise no_surface(f"no voxel of {volume.voxel:.4g} units was seen with a weight of {min_weight:g}")
    starts = np.cumsum([0, *(len(part[0]) for part in parts)])
    faces = np.concatenate([part[1] + start for part, start in zip(parts, starts, strict=False)])
    return _in_fixed_order(*_welded(vertices, faces) if len(parts) > 1 else (vertices, faces))


def _slabs(columns: NDArray[np.int32]) -> list[tuple[int, int]]:
    """Ranges [low, high) of the blocks' first coordinate that hold SLAB_BLOCKS blocks or little more, in order."""
    present, counts = np.unique(columns, return_counts=True)
    n = np.cumsum(counts) // SLAB_BLOCKS
    firsts = present[np.concatenate([[True], n[1:] > n[:-1]])]
    return list(zip(firsts.tolist(), [*firsts[1:].tolist(), int(present[-1]) + 1], strict=True))


def _slab(volume: TsdfVolume, low: int, high: int, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vertices [v, 3] and faces [f, 3] of the blocks whose first coordinate is in [low, high).

    The next column of blocks holds the far corners of the last cells; its own cells are left out again.
    """
    o3d = import_open3d()
    core = o3d.core
    chosen = (volume.blocks[:, 0] >= low) & (volume.blocks[:, 0] <= high)
    types, shapes = (core.float32, core.float32), ((1), (1))
    grid = o3d.t.geometry.VoxelBlockGrid(
        ("tsdf", "weight"), types, shapes, volume.voxel, BLOCK, int(chosen.sum()) + 64, core.Device("CPU:0")
    )
    places = grid.hashmap().activate(core.Tensor(volume.blocks[chosen]))[0].numpy()
    for name, values in (("tsdf", volume.distance), ("weight", volume.weight)):
        attribute = grid.attribute(name).numpy()  # a view
        attribute[places] = values[chosen][..., None]
    try:
        surface = grid.extract_triangle_mesh(weight_threshold=threshold)
    except RuntimeError as error:
        if "shape {0}" not in str(error):  # how Open3D 0.20 says that the mesh is empty
            raise
        surface = None
    if surface is None or not len(surface.triangle.indices):
        return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    vertices, faces = surface.vertex.positions.numpy(), surface.triangle.indices.numpy().astype(np.int64)
    middle, keep = vertices[:, 0][faces].mean(1), np.ones(len(faces), bool)
    if low > volume.blocks[:, 0].min():
        keep &= middle >= low * BLOCK * volume.voxel
    if high <= volume.blocks[:, 0].max():
        keep &= middle < high * BLOCK * volume.voxel
    return vertices, faces[keep]


def _welded(
    vertices: NDArray[np.float32], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Equal vertices once: slabs make those between them out of the same numbers. Unused ones go."""
    used = np.unique(faces)
    kept, rank = np.unique(vertices[used], axis=0, return_inverse=True)
    place = np.zeros(len(vertices), np.int64)
    place[used] = rank.ravel()
    return kept, place[faces]


def no_surface(found: str) -> UserError:
    """The error for views that show nothing to fuse."""
    return UserError(
        f"mesh: expected depths that agree between views, found none ({found}). Look at the rendered views "
        "(scripts/render.py), train longer (train.max_seconds), or loosen mesh.min_opacity and mesh.agreement."
    )


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
