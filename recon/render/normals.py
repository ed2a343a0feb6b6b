"""Surface normals of a depth map."""

import numpy as np
from numpy.typing import NDArray

from recon.geometry.cameras import Camera
from recon.geometry.rays import pixel_directions
from recon.geometry.transforms import Array


def normals_of_depth(depth: NDArray[np.float32], camera: Camera, world_from_camera: Array) -> NDArray[np.float32]:
    """Unit normals [h, w, 3] in the world frame that face the camera; 0 where depth [h, w] is 0.

    Cross product of the steps to the neighbouring surface points; on each axis the neighbour nearer in depth is taken, so that
    depth edges do not smear.
    """
    rays = pixel_directions(camera).numpy()
    points = rays / np.maximum(rays[..., 2:], 1e-6) * depth[..., None]
    normal = np.cross(_tangent(points, depth, axis=1), _tangent(points, depth, axis=0))
    length = np.linalg.norm(normal, axis=-1, keepdims=True)
    normal = np.divide(normal, length, out=np.zeros_like(normal), where=length > 1e-12)
    normal *= np.where((normal * points).sum(-1, keepdims=True) > 0, -1, 1)
    normal[depth <= 0] = 0
    return (normal @ world_from_camera[:3, :3].T).astype(np.float32)


def _tangent(points: NDArray, depth: NDArray, *, axis: int) -> NDArray:
    """Step along an image axis at each pixel, towards the side where depth changes less."""
    step = np.diff(points, axis=axis)
    jump = np.abs(np.diff(depth, axis=axis))
    pad = [(0, 0)] * 2
    forward_pad, backward_pad = list(pad), list(pad)
    forward_pad[axis], backward_pad[axis] = (0, 1), (1, 0)
    forward = np.pad(step, [*forward_pad, (0, 0)])
    backward = np.pad(step, [*backward_pad, (0, 0)])
    jump_forward = np.pad(jump, forward_pad, constant_values=np.inf)
    jump_backward = np.pad(jump, backward_pad, constant_values=np.inf)
    return np.where((jump_forward <= jump_backward)[..., None], forward, backward)
