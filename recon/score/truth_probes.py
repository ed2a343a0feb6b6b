"""Asking meshes: points on them, the nearest place, the first hit of a ray, and what cameras see of them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.open3d_import import import_open3d
from recon.geometry import Camera, TriangleMesh, pixel_centers
from recon.geometry.transforms import Array

VOXEL_M = 0.02  # spacing of the seen points; not above any threshold
RAYS_PER_VIEW = 20_000
MAX_VOXELS = 4_000_000  # bounds the memory; beyond it the voxels grow


def sample_surface(mesh: TriangleMesh, n: int, *, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """n points [n, 3] spread evenly over the area of the mesh, and their faces [n]; none if it has no area."""
    areas = mesh.face_areas
    if areas.sum() <= 0:
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    rng = np.random.default_rng(seed)
    face = rng.choice(len(areas), size=n, p=areas / areas.sum())
    a, b, c = (mesh.vertices[mesh.faces[face, i]] for i in range(3))
    u, v = rng.random((2, n, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)  # fold the square onto the triangle
    return a + u * (b - a) + v * (c - a), face


@dataclass(frozen=True)
class Nearest:
    """The nearest place on a mesh of n points."""

    distances: NDArray[np.float64]  # [n]
    faces: NDArray[np.int64]  # [n]


def nearest(mesh: TriangleMesh, points: Array) -> Nearest:
    """Exact distance of points [n, 3] to the nearest triangle, and which."""
    o3d = import_open3d()
    found = _scene(mesh).compute_closest_points(o3d.core.Tensor(np.ascontiguousarray(points, np.float32)))
    distance = np.linalg.norm(found["points"].numpy().astype(np.float64) - points, axis=-1)
    return Nearest(distance, found["primitive_ids"].numpy().astype(np.int64))


def face_normals(mesh: TriangleMesh) -> Array:
    """Unit normals [f, 3]; zero for a degenerate face."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)


def seen_points(
    mesh: TriangleMesh,
    camera: Camera,
    world_from_camera: Array,  # [n, 4, 4]
    *,
    max_distance_m: float,
    n_points: int,
    seed: int,
) -> Array:
    """Points [<= n_points, 3] of the mesh that a camera sees within `max_distance_m`, at most one a voxel."""
    scene = _scene(mesh)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    voxel_m = VOXEL_M
    while _surface_voxels(mesh, voxel_m) > MAX_VOXELS:
        voxel_m *= 2
    n_cells = np.floor((high - low) / voxel_m).astype(np.int64) + 2
    keys, points = np.zeros(0, np.int64), np.zeros((0, 3), np.float32)
    for pose in world_from_camera:
        hits = _hits(scene, camera, pose, max_distance_m)
        cells = np.clip(((hits - low) / voxel_m).astype(np.int64), 0, n_cells - 1)
        new_keys = (cells[:, 0] * n_cells[1] + cells[:, 1]) * n_cells[2] + cells[:, 2]
        keys, first = np.unique(np.concatenate([keys, new_keys]), return_index=True)
        points = np.concatenate([points, hits])[first]
    if len(points) > n_points:
        points = points[np.sort(np.random.default_rng(seed).choice(len(points), n_points, replace=False))]
    return points.astype(np.float64)


def _surface_voxels(mesh: TriangleMesh, voxel_m: float) -> float:
    return float(mesh.face_areas.sum()) / voxel_m**2


def _hits(scene: Any, camera: Camera, pose: Array, max_distance_m: float) -> NDArray[np.float32]:
    """Where rays through an even subset of the pixels first meet the mesh, [k, 3]."""
    o3d = import_open3d()
    h, w = camera.size_hw
    step = max(1, int(np.ceil(np.sqrt(h * w / RAYS_PER_VIEW))))
    pixels = pixel_centers((h, w))[step // 2 :: step, step // 2 :: step].reshape(-1, 2)
    rotation = torch.from_numpy(pose[:3, :3].T.astype(np.float32))
    directions = (camera.unproject(pixels) @ rotation).numpy()
    origin = pose[:3, 3].astype(np.float32)
    rays = np.concatenate([np.broadcast_to(origin, directions.shape), directions], -1)
    distance = scene.cast_rays(o3d.core.Tensor(np.ascontiguousarray(rays)))["t_hit"].numpy()
    is_near = distance < max_distance_m
    return origin + distance[is_near, None] * directions[is_near]


def cast(mesh: TriangleMesh, origins: Array, directions: Array) -> NDArray[np.float64]:
    """Distance [n] to the first hit of rays [n, 3]; infinite where there is none."""
    o3d = import_open3d()
    rays = np.concatenate([origins, directions], -1).astype(np.float32)
    return _scene(mesh).cast_rays(o3d.core.Tensor(np.ascontiguousarray(rays)))["t_hit"].numpy().astype(np.float64)


def _scene(mesh: TriangleMesh) -> Any:
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)),
    )
    return scene
