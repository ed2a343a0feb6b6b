"""Score a mesh against an exact one, both in metres and in one frame.

    accuracy       distance from a point of our surface to the exact surface
    completeness   distance from a point of the exact surface, where a camera saw it, to our surface
    precision      share of our surface with accuracy under the threshold
    recall         share of the seen exact surface with completeness under the threshold
    f_score        2 precision recall / (precision + recall)      (Knapitsch et al. 2017, Tanks and Temples)

Distances are exact, point to triangle. Points are spread evenly over area: by area on our mesh, one a voxel on what the
cameras see.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recon.errors import UserError
from recon.formats.open3d_import import import_open3d
from recon.geometry import Camera, TriangleMesh, pixel_centers
from recon.geometry.transforms import Array

VOXEL_M = 0.02  # spacing of the seen points; well under any threshold that makes sense
MARGIN_M = 0.25  # our surface farther than this outside the exact mesh's box is sky or a neighbour's house: not scored
RAYS_PER_VIEW = 20_000
MAX_VOXELS = 4_000_000  # bounds the memory; beyond it the voxels grow


def score_surface(
    ours: TriangleMesh,
    exact: TriangleMesh,
    seen: Array,  # [n, 3] points of the exact surface that some camera sees
    *,
    threshold_m: float,
    n_samples: int,
    seed: int,
) -> dict[str, Any]:
    """Accuracy, completeness, precision, recall, F-score. A mesh with nothing inside the truth's box scores 0."""
    if len(seen) == 0:
        raise UserError("truth: the cameras see nothing of the exact mesh. Does truth.json belong to this mesh?")
    points = sample_surface(ours, n_samples, seed=seed)
    low, high = exact.vertices.min(0) - MARGIN_M, exact.vertices.max(0) + MARGIN_M
    is_inside = ((points >= low) & (points <= high)).all(-1)
    if not is_inside.any():
        return {"threshold_m": threshold_m, "precision": 0.0, "recall": 0.0, "f_score": 0.0, "outside_fraction": 1.0}
    accuracy = distances(exact, points[is_inside])
    completeness = distances(ours, seen)
    precision, recall = float((accuracy < threshold_m).mean()), float((completeness < threshold_m).mean())
    return {
        "threshold_m": threshold_m,
        "precision": precision,
        "recall": recall,
        "f_score": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "accuracy_mean_m": float(accuracy.mean()),
        "accuracy_median_m": float(np.median(accuracy)),
        "completeness_mean_m": float(completeness.mean()),
        "completeness_median_m": float(np.median(completeness)),
        "chamfer_m": float(accuracy.mean() + completeness.mean()) / 2,
        "outside_fraction": float(1 - is_inside.mean()),
        "seen_points": len(seen),
    }


def sample_surface(mesh: TriangleMesh, n: int, *, seed: int) -> Array:
    """n points [n, 3] spread evenly over the area of the mesh; none if it has no area."""
    areas = mesh.face_areas
    if areas.sum() <= 0:
        return np.zeros((0, 3))
    rng = np.random.default_rng(seed)
    face = rng.choice(len(areas), size=n, p=areas / areas.sum())
    a, b, c = (mesh.vertices[mesh.faces[face, i]] for i in range(3))
    u, v = rng.random((2, n, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)  # fold the square onto the triangle
    return a + u * (b - a) + v * (c - a)


def distances(mesh: TriangleMesh, points: Array) -> NDArray[np.float64]:
    """Exact distance [n] of points [n, 3] to the nearest triangle."""
    o3d = import_open3d()
    query = o3d.core.Tensor(np.ascontiguousarray(points, np.float32))
    return _scene(mesh).compute_distance(query).numpy().astype(np.float64)


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


def _scene(mesh: TriangleMesh) -> Any:
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        o3d.core.Tensor(np.ascontiguousarray(mesh.vertices, np.float32)),
        o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)),
    )
    return scene
