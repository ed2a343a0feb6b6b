"""A reconstruction laid onto the truth by its cameras: one similarity from where they are and how they are turned.

Positions alone leave the roll about the way open where it is nearly straight: along a house front, 11 m with wiggles of 10 cm,
cameras that were right to 1.3 mm came out turned by .34 degrees, and the wall 6 m away 36 mm off. Rotations alone would turn a
long way by what is common to their errors. So both count, each by how far its residuals spread.

    x, R        position and rotation of a camera in the world; y, Q the same in the truth
    minimised   sum |y - (s A x + t)|^2 / (2 v)  +  sum |Q R^T - A|^2 / (4 w)      over A, s, t
    v, w        variance of a coordinate of the positions, and of the rotations about an axis
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Similarity, View
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError

_ROUNDS = 20  # the variances and the fit settle in three to six
# Spreads below count as this, relative to the way and in radians: neither may outweigh the other without end
_EXACT = 1e-9


def align_cameras(views: Sequence[View], truth_from_camera: Array) -> Similarity:
    """`truth_from_world` by the poses of the views and those of the truth [n, 4, 4].

    Raises:
        UserError: cameras that do not move, or along another way than those of the truth.
    """
    world_from_camera = np.stack([view.world_from_camera for view in views])
    x, y = world_from_camera[:, :3, 3], truth_from_camera[:, :3, 3]
    centred_x, centred_y = x - x.mean(0), y - y.mean(0)
    way = float(np.linalg.norm(centred_y))
    if way <= 0 or np.ptp(x, axis=0).max() <= 0:
        raise UserError("truth: the cameras do not move, so nothing fixes the scale. Film while walking.")
    turns = truth_from_camera[:, :3, :3] @ np.swapaxes(world_from_camera[:, :3, :3], 1, 2)
    a = _nearest_rotation(turns.sum(0))
    for _ in range(_ROUNDS):
        scale = float((centred_y * (centred_x @ a.T)).sum() / (centred_x**2).sum())
        v = max(float(((centred_y - scale * centred_x @ a.T) ** 2).mean()), (_EXACT * way) ** 2)
        w = max(float(((turns - a) ** 2).sum((1, 2)).mean()) / 6, _EXACT**2)
        a = _nearest_rotation(max(scale, 0) / v * centred_y.T @ centred_x + turns.sum(0) / (2 * w))
    scale = float((centred_y * (centred_x @ a.T)).sum() / (centred_x**2).sum())
    if scale <= 0:
        raise UserError("truth: the camera path runs against the truth. Is this the truth of the captured video?")
    return Similarity(scale, a, y.mean(0) - scale * a @ x.mean(0))


def rotation_angles_deg(a: Array, b: Array) -> NDArray[np.float64]:
    """Angles [n] between rotations [n, 3, 3], exact near zero: 2 asin(|a - b| / sqrt 8)."""
    return np.rad2deg(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=(1, 2)) / np.sqrt(8), 0, 1)))


def _nearest_rotation(matrix: Array) -> Array:
    """The rotation [3, 3] with the largest trace of its product with `matrix`."""
    u, _, vt = np.linalg.svd(matrix)
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
