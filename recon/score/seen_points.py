"""What cameras see of an exact mesh, as points."""

import numpy as np
import torch

from recon.geometry import Camera, TriangleMesh, pixel_centers
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

VOXEL_M = 0.02  # spacing of the seen points; not above any threshold
RAYS_PER_VIEW = 20_000
MAX_VOXELS = 4_000_000  # bounds the memory; beyond it the voxels grow


def seen_points(
    mesh: TriangleMesh,
    camera: Camera,
    world_from_camera: Array,  # [n, 4, 4]
    *,
    max_distance_m: float,
    n_points: int,
    seed: int,
) -> Array:
    """Points [<= n_points, 3] of the mesh that a camera sees within `max_distance_m`, at most one per voxel.

    world_from_camera: its poses. seed: of the points' choice.
    """
    surface = Surface(mesh)
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    voxel_m = VOXEL_M
    while _surface_voxels(mesh, voxel_m) > MAX_VOXELS:
        voxel_m *= 2
    n_cells = np.floor((high - low) / voxel_m).astype(np.int64) + 2
    keys, points = np.zeros(0, np.int64), np.zeros((0, 3))
    for pose in world_from_camera:
        hits = _hits(surface, camera, pose, max_distance_m)
        cells = np.clip(((hits - low) / voxel_m).astype(np.int64), 0, n_cells - 1)
        new_keys = (cells[:, 0] * n_cells[1] + cells[:, 1]) * n_cells[2] + cells[:, 2]
        keys, first = np.unique(np.concatenate([keys, new_keys]), return_index=True)
        points = np.concatenate([points, hits])[first]
    if len(points) > n_points:
        points = points[np.sort(np.random.default_rng(seed).choice(len(points), n_points, replace=False))]
    return points


def _surface_voxels(mesh: TriangleMesh, voxel_m: float) -> float:
    return float(mesh.face_areas.sum()) / voxel_m**2


def _hits(surface: Surface, camera: Camera, pose: Array, max_distance_m: float) -> Array:
    """Where rays through an even subset of the pixels first meet the mesh, [k, 3]."""
    h, w = camera.size_hw
    step = max(1, int(np.ceil(np.sqrt(h * w / RAYS_PER_VIEW))))
    pixels = pixel_centers((h, w))[step // 2 :: step, step // 2 :: step].reshape(-1, 2)
    rotation = torch.from_numpy(pose[:3, :3].T.astype(np.float32))
    directions = (camera.unproject(pixels) @ rotation).numpy()
    origin = pose[:3, 3]
    distance = surface.cast(np.broadcast_to(origin, directions.shape), directions).distance
    is_near = distance < max_distance_m
    return origin + distance[is_near, None] * directions[is_near]
