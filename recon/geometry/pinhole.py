"""A camera without its lens, in numpy: for pictures whose distortion is taken out, and where a frustum is near enough.

`Camera.project` and `unproject` are for pictures as they were taken.
"""

import numpy as np
from numpy.typing import NDArray

from recon.geometry.cameras import Camera
from recon.geometry.transforms import Array

_AHEAD = 1e-9  # along z, of what a camera can see


def intrinsics(camera: Camera) -> tuple[float, float, float, float]:
    """fx, fy, cx, cy as kernels take them: pixels, the centre of the first at (0.5, 0.5)."""
    return camera.fx, camera.fy, camera.cx, camera.cy


def rays_at(camera: Camera, x: NDArray, y: NDArray) -> Array:
    """Directions [.., 3] in the camera frame with z = 1, so that depth times them is a position, through pixels x, y [..]."""
    return np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones(np.shape(x))], -1)


def rays_of_pixels(camera: Camera, step: int = 1) -> Array:
    """`rays_at` the centres of (every `step`-th of) the pixels: [h, w, 3]."""
    h, w = camera.size_hw
    y, x = np.mgrid[step // 2 : h : step, step // 2 : w : step] + 0.5
    return rays_at(camera, x, y)


def pixels_of(camera: Camera, local: NDArray) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Pixels x, y [..] of positions [.., 3] in the camera frame, and which lie before the camera and in the picture.

    What lies behind the camera is put on the principal point.
    """
    h, w = camera.size_hw
    is_ahead = local[..., 2] > _AHEAD
    z = np.where(is_ahead, local[..., 2], np.inf)
    x, y = local[..., 0] / z * camera.fx + camera.cx, local[..., 1] / z * camera.fy + camera.cy
    return x, y, is_ahead & (x >= 0) & (x < w) & (y >= 0) & (y < h)
