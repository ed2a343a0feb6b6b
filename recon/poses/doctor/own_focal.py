"""The focal length that a frame's own points ask for, beside the one that it shares: what tells that a lens zoomed."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from recon.geometry import View, apply_rigid, invert_rigid
from recon.geometry.transforms import Array

_MIN_POINTS = 30
_ROUNDS = 6
_OUTLIER_PX = 1.5  # at this error a point counts half (Cauchy)
_MIN_COSINE = 0.2  # of a ray with the viewing axis: beyond 78 degrees the image plane is no measure


def own_focal_change(view: View, positions: Array, pixels: Array) -> float:
    """Logarithm of the focal length that fits best, over that of the view's camera; NaN where too few points tell.

    positions [n, 3] in the world are seen at pixels [n, 2]; lens distortion stays the camera's. Pose and focal length are fitted
    together by Gauss-Newton, as a wrong focal length moves the camera along its axis.
    """
    rays = view.camera.unproject(torch.from_numpy(pixels)).numpy()
    is_ahead = rays[:, 2] > _MIN_COSINE
    if is_ahead.sum() < _MIN_POINTS:
        return float("nan")
    wanted, camera_from_world = rays[is_ahead, :2] / rays[is_ahead, 2:], invert_rigid(view.world_from_camera)
    log_focal = 0.0
    for _ in range(_ROUNDS):
        local = apply_rigid(camera_from_world, positions[is_ahead])
        local[:, 2] = np.maximum(local[:, 2], 1e-9)
        errors, slopes = _projection(local, wanted, np.exp(log_focal))
        weights = 1 / (1 + (np.linalg.norm(errors, axis=1) * view.camera.fx / _OUTLIER_PX) ** 2)
        normal = np.einsum("n,nij,nik->jk", weights, slopes, slopes) + 1e-9 * np.eye(7)
        step = -np.linalg.solve(normal, np.einsum("n,nij,ni->j", weights, slopes, errors))
        turn = Rotation.from_rotvec(step[3:6]).as_matrix()
        camera_from_world[:3] = turn @ camera_from_world[:3]
        camera_from_world[:3, 3] += step[:3]
        log_focal += float(step[6])
    return log_focal if np.isfinite(log_focal) else float("nan")


def _projection(local: Array, wanted: Array, focal: float) -> tuple[Array, Array]:
    """Errors [n, 2] on the image plane of points [n, 3] in the camera frame, and their slopes [n, 2, 7].

    Slopes: for a shift of the points, a small turn of them about the camera, and the logarithm of the focal length.
    """
    x, y, z = local.T
    plane, zero = local[:, :2] / z[:, None], np.zeros_like(x)
    by_shift = focal * np.stack([np.stack([1 / z, zero, -x / z**2], -1), np.stack([zero, 1 / z, -y / z**2], -1)], 1)
    turned = np.stack([np.stack([zero, z, -y], -1), np.stack([-z, zero, x], -1), np.stack([y, -x, zero], -1)], 1)
    return focal * plane - wanted, np.concatenate([by_shift, by_shift @ turned, focal * plane[..., None]], -1)
