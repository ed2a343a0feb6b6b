"""Where the field is looked at from: few views that cover the capture, because each costs seconds on a CPU."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera, Reconstruction, View, invert_rigid, rigid
from recon.geometry.pinhole import pixels_of
from recon.geometry.transforms import Array, apply_rigid, rotation_from_wxyz, wxyz_from_rotation


@dataclass(frozen=True)
class Viewpoint:
    """A camera and where it stands."""

    camera: Camera
    world_from_camera: Array  # [4, 4]


def training_views(reconstruction: Reconstruction) -> list[View]:
    """The views that are not held out, in name order."""
    return sorted(reconstruction.training_views, key=lambda view: view.name)


def choose_viewpoints(reconstruction: Reconstruction, *, n_views: int, max_side: int) -> list[Viewpoint]:
    """At most `n_views` training poses that cover the capture, as pinhole cameras of at most `max_side` pixels.

    Farthest-point sampling over positions and directions. When the capture has fewer poses than asked for, views half
    way between neighbours in capture order are added: the field can be seen from where nobody stood.
    """
    views = training_views(reconstruction)
    poses = np.stack([view.world_from_camera for view in views])
    distance = typical_distance(reconstruction)
    chosen = [
        Viewpoint(small_pinhole(views[i].camera, max_side), poses[i])
        for i in farthest_poses(poses, n_views, distance=distance)
    ]
    between = _half_way(views, max_side, distance=distance)
    extra = min(n_views - len(chosen), len(between))
    spread = np.linspace(0, len(between) - 1, max(extra, 0)).astype(int)
    return chosen + [between[i] for i in spread]


def farthest_poses(poses: Array, n: int, *, distance: float) -> list[int]:
    """Indices of n poses [m, 4, 4], each the farthest from those before it, in capture order."""
    nearest = np.full(len(poses), np.inf)
    chosen = [0]
    while len(chosen) < min(n, len(poses)):
        nearest = np.minimum(nearest, pose_gap(poses, poses[chosen[-1]], distance=distance))
        nearest[chosen[-1]] = -1
        chosen.append(int(np.argmax(nearest)))
    return sorted(chosen)


def pose_gap(poses: Array, pose: Array, *, distance: float) -> Array:
    """How differently cameras [n, 4, 4] see a scene at `distance` from `pose`, in radians [n].

    A step sideways turns the view of the scene by step / distance, so steps and turns add as angles.
    """
    step = np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=-1) / distance
    turn = np.arccos(np.clip(poses[:, :3, 2] @ pose[:3, 2], -1, 1))
    return np.hypot(step, turn)


def typical_distance(reconstruction: Reconstruction) -> float:
    """Median depth of the scene in the views: from the sparse points, else from how far the cameras spread."""
    depths = point_depths(reconstruction)
    if len(depths):
        return float(np.median(depths))
    centers = reconstruction.centers
    return max(float(np.median(np.linalg.norm(centers - np.median(centers, 0), axis=1))), 1e-6)


def point_depths(reconstruction: Reconstruction) -> NDArray[np.float64]:
    """Camera-z depths of the sparse points inside each training view's picture, all together [n]."""
    if reconstruction.points is None or not len(reconstruction.points.positions):
        return np.zeros(0)
    positions = reconstruction.points.positions
    positions = positions[:: max(1, len(positions) // 20_000)]  # plenty for a percentile
    found = []
    for view in training_views(reconstruction):
        local = apply_rigid(invert_rigid(view.world_from_camera), positions)
        # A frustum test without distortion: enough for percentiles, and distortion folds far outside the picture.
        found.append(local[pixels_of(view.camera, local)[2], 2])
    return np.concatenate(found)


def small_pinhole(camera: Camera, max_side: int) -> Camera:
    """The camera without distortion, at most `max_side` pixels on its longer side."""
    h, w = camera.size_hw
    shrink = min(1.0, max_side / max(h, w))
    return camera.pinhole().resized((max(1, round(h * shrink)), max(1, round(w * shrink))))


def _half_way(views: list[View], max_side: int, *, distance: float) -> list[Viewpoint]:
    """Views between neighbours in capture order that see nearly the same (within 0.5 rad)."""
    found = []
    for a, b in pairwise(views):
        gap = pose_gap(b.world_from_camera[None], a.world_from_camera, distance=distance)[0]
        if 1e-3 < gap < 0.5:
            pose = _mean_pose(a.world_from_camera, b.world_from_camera)
            found.append(Viewpoint(small_pinhole(a.camera, max_side), pose))
    return found


def _mean_pose(a: Array, b: Array) -> Array:
    """Half way between two poses: mean of the centres, normalised mean of the quaternions."""
    p, q = wxyz_from_rotation(a[:3, :3]), wxyz_from_rotation(b[:3, :3])
    mean = p + (q if p @ q >= 0 else -q)
    return rigid(rotation_from_wxyz(mean), (a[:3, 3] + b[:3, 3]) / 2)
