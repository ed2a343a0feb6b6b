"""Signed distance -> surface: the zero crossing by marching cubes, a slab of blocks at a time.

Open3D makes the triangles; its working memory, and a limit that it crashes at, grow with the blocks handed to it at once.
"""

import numpy as np
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.geometry.open3d_import import import_open3d
from recon.kernels.tsdf import BLOCK, TsdfVolume
from recon.workspace.errors import UserError

SLAB_BLOCKS = 50_000  # 8 kB each in Open3D 0.20, which crashes from 2 GB on


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


def _welded(vertices: NDArray[np.float32], faces: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
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
