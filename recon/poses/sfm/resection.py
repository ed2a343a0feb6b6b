"""Resection, a camera posed from points that are known: its pose, and how exactly the centres of a model's cameras are known by it.

To first order, from rays b to points at distance d, whose angular error has variance s^2: turning a camera by w and moving it by c
(in its frame) changes b by w x b - (c - b b^T c) / d. Turning and moving look alike where the view is narrow, which makes centres
five times less certain than directions alone would say.
"""

from dataclasses import dataclass

import numpy as np
import pycolmap

from recon.geometry import Camera
from recon.geometry.transforms import Array, invert_rigid
from recon.poses.sfm.colmap_model import Model, colmap_camera

_MOST = 500  # points per camera: the sums need no more
_FEWEST = 6  # points of a camera that says anything


@dataclass(frozen=True)
class Resected:
    """Where a camera stands, and how many points agree with that."""

    world_from_camera: Array  # [4, 4]
    n_inliers: int


def resect(camera: Camera, pixels: Array, positions: Array, *, max_error_px: float, seed: int) -> Resected | None:
    """The pose from which the camera sees world positions [n, 3] at pixels [n, 2], by sampling consensus; None where there is none.

    max_error_px: of a point that agrees. seed: of the sampling.
    """
    if len(pixels) < _FEWEST:
        return None
    options = pycolmap.AbsolutePoseEstimationOptions()
    options.ransac.max_error, options.ransac.random_seed = max_error_px, seed
    found = pycolmap.estimate_and_refine_absolute_pose(pixels, positions, colmap_camera(camera), options)
    if found is None:
        return None
    camera_from_world = np.vstack([found["cam_from_world"].matrix(), [0.0, 0.0, 0.0, 1.0]])
    return Resected(invert_rigid(camera_from_world), int(found["num_inliers"]))


def position_sigma(model: Model) -> float:
    """One sigma of a camera centre along an axis in model units, the median over cameras; infinite where none sees enough."""
    # The mean length of a normally distributed error in two dimensions is sqrt(pi / 2) of its sigma along an axis.
    error_px = model.compute_mean_reprojection_error() * float(np.sqrt(2 / np.pi))
    sigmas = []
    for image in (model.image(image_id) for image_id in model.reg_image_ids()):
        if image.num_points3D >= _FEWEST:
            sigma_rad = error_px / model.camera(image.camera_id).mean_focal_length()
            sigmas.append(sigma_rad * _sigma_at_unit_error(_points_in_camera(model, image), image.num_points3D))
    return float(np.median(sigmas)) if sigmas else float("inf")


def _points_in_camera(model: Model, image: pycolmap.Image) -> Array:
    """Up to `_MOST` of the points [n, 3] that an image sees, in its camera's frame."""
    seen = [point.point3D_id for point in image.points2D if point.has_point3D()]
    world = np.array([model.point3D(key).xyz for key in seen[:: -(-len(seen) // _MOST)]])
    camera_from_world = image.cam_from_world()
    return world @ camera_from_world.rotation.matrix().T + camera_from_world.translation


def _sigma_at_unit_error(points: Array, count: int) -> float:
    """One sigma of a camera's centre along an axis, if it sees `count` points like `points` [n, 3], each wrong by a radian."""
    distances = np.linalg.norm(points, axis=1)
    rays = points / distances[:, None]
    by_turning = np.cross(np.eye(3), rays[:, None]).swapaxes(1, 2)  # [n, 3, 3], columns: about x, y, z
    by_moving = (rays[:, :, None] * rays[:, None] - np.eye(3)) / distances[:, None, None]
    jacobian = np.concatenate([by_turning, by_moving], 2).reshape(-1, 6)
    information = jacobian.T @ jacobian * (count / len(points))
    return float(np.sqrt(np.trace(np.linalg.pinv(information, hermitian=True)[3:, 3:]) / 3))
