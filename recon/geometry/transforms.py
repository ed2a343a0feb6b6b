"""Rigid and similarity transforms, named `destination_from_source` so that products cancel by eye.

Rotations, poses and similarities are float64 numpy arrays at rest; nothing here needs gradients. See
docs/conventions.md for axes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_OPENGL_AXES = np.diag([1.0, -1.0, -1.0, 1.0])


def opencv_from_opengl(world_from_camera: Array) -> Array:
    """Camera poses [.., 4, 4] with OpenGL / Blender axes (y up, z backward) -> OpenCV axes (y down, z forward)."""
    return np.asarray(world_from_camera, dtype=np.float64) @ _OPENGL_AXES


def opengl_from_opencv(world_from_camera: Array) -> Array:
    """The inverse of `opencv_from_opengl` (the same flip)."""
    return opencv_from_opengl(world_from_camera)


def invert_rigid(b_from_a: Array) -> Array:
    """Inverse of rigid transforms [.., 4, 4]: transposed rotation, no matrix solve."""
    rotation_t = np.swapaxes(b_from_a[..., :3, :3], -1, -2)
    inverse = np.zeros_like(b_from_a)
    inverse[..., :3, :3] = rotation_t
    inverse[..., :3, 3:] = -rotation_t @ b_from_a[..., :3, 3:]
    inverse[..., 3, 3] = 1.0
    return inverse


def apply_rigid(b_from_a: Array, positions: NDArray) -> NDArray:
    """Positions [.., 3] of frame a in frame b, by a rigid [4, 4]."""
    return positions @ b_from_a[:3, :3].T + b_from_a[:3, 3]


def rigid(rotation: Array, translation: Array) -> Array:
    """Assemble [4, 4] from a rotation [3, 3] and a translation [3]."""
    transform = np.eye(4)
    transform[:3, :3] = rotation
    transform[:3, 3] = translation
    return transform


def is_rigid(transform: Array, *, tolerance: float = 1e-3) -> bool:
    """Whether it is a finite [4, 4] whose upper 3x3 is a rotation: its columns are unit and at right angles, within `tolerance`."""
    if transform.shape != (4, 4) or not np.isfinite(transform).all():
        return False
    rotation = transform[:3, :3]
    return bool(np.abs(rotation.T @ rotation - np.eye(3)).max() <= tolerance and np.linalg.det(rotation) > 0)


def rotation_from_wxyz(wxyz: Array) -> Array:
    """Rotation matrices [.., 3, 3] of quaternions [.., 4] (wxyz, any non-zero length)."""
    from scipy.spatial.transform import Rotation  # slow to load, and most commands turn nothing

    xyzw = np.roll(np.asarray(wxyz, float), -1, axis=-1)
    return Rotation.from_quat(xyzw.reshape(-1, 4)).as_matrix().reshape(*xyzw.shape[:-1], 3, 3)


def wxyz_from_rotation(rotation: Array) -> Array:
    """Unit quaternion [4] (wxyz, w >= 0) of a rotation [3, 3]."""
    from scipy.spatial.transform import Rotation

    return np.roll(Rotation.from_matrix(rotation).as_quat(canonical=True), 1)


def rotation_between(a: Array, b: Array) -> Array:
    """The smallest rotation [3, 3] that takes direction `a` [3] to direction `b` [3] (neither need be unit)."""
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    axis, cosine = np.cross(a, b), float(a @ b)
    if cosine < -1 + 1e-12:  # opposite: half a turn about any axis across a
        across = np.cross(a, np.eye(3)[np.argmin(np.abs(a))])
        across /= np.linalg.norm(across)
        return 2 * np.outer(across, across) - np.eye(3)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def cross(a: Array, b: Array) -> Array:
    """Cross products [.., 3] of vectors [.., 3]: numpy's own to the bit, in a third of its time where they are few."""
    result = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[..., i] = a[..., j] * b[..., k] - a[..., k] * b[..., j]
    return result


def plane_axes(normal: Array) -> Array:
    """Two unit vectors [2, 3] that span the plane with this unit normal [3]: u x v = normal.

    >>> plane_axes(np.array([0.0, 0.0, 1.0])).tolist()
    [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]
    """
    farthest = np.eye(3)[np.argmin(np.abs(normal))]  # the axis that the normal is least along
    u = np.cross(normal, farthest)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(normal, u)])


def look_at(eye: Array, target: Array, up: Array) -> Array:
    """`world_from_camera` [4, 4] (OpenCV axes) at `eye`, looking at `target`, with `up` [3] up in its image."""
    forward = target - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, up)
    if np.linalg.norm(right) < 1e-9:  # looking straight along up: any right does
        right = np.cross(forward, np.eye(3)[np.argmin(np.abs(forward))])
    right = right / np.linalg.norm(right)
    return rigid(np.stack([right, np.cross(forward, right), forward], axis=1), np.asarray(eye, float))


@dataclass(frozen=True)
class Similarity:
    """`b = scale * rotation @ a + translation`: maps frame a to frame b (`b_from_a`)."""

    scale: float
    rotation: Array  # [3, 3]
    translation: Array  # [3]

    def __post_init__(self) -> None:
        assert self.rotation.shape == (3, 3) and self.translation.shape == (3,) and self.scale > 0

    @staticmethod
    def identity() -> "Similarity":
        """The similarity that moves nothing."""
        return Similarity(1.0, np.eye(3), np.zeros(3))

    @staticmethod
    def from_matrix(matrix: Array) -> "Similarity":
        """From [4, 4] = [[scale * rotation, translation], [0, 1]]; `ValueError` for any other matrix."""
        matrix = np.asarray(matrix, float)
        is_one = matrix.shape == (4, 4) and bool(np.isfinite(matrix).all()) and np.linalg.det(matrix[:3, :3]) > 0
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3]))) if is_one else 1.0
        if not is_one or np.abs(matrix[:3, :3].T @ matrix[:3, :3] / scale**2 - np.eye(3)).max() > 1e-3:
            raise ValueError("not a similarity: expected 4 x 4, a scaled rotation beside a translation")
        return Similarity(scale, matrix[:3, :3] / scale, matrix[:3, 3])

    @property
    def matrix(self) -> Array:
        """The similarity as a matrix [4, 4]."""
        return rigid(self.scale * self.rotation, self.translation)

    def points(self, positions: Array) -> Array:
        """Map positions [.., 3]."""
        return self.scale * positions @ self.rotation.T + self.translation

    def poses(self, a_from_camera: Array) -> Array:
        """Map camera poses [.., 4, 4]; they stay rigid: only the camera centres are scaled."""
        mapped = np.array(a_from_camera, dtype=np.float64)
        mapped[..., :3, :3] = self.rotation @ mapped[..., :3, :3]
        mapped[..., :3, 3] = self.points(mapped[..., :3, 3])
        return mapped

    def inverse(self) -> "Similarity":
        """The similarity `a_from_b` of this `b_from_a`."""
        rotation_t = self.rotation.T
        return Similarity(1 / self.scale, rotation_t, -rotation_t @ self.translation / self.scale)

    def __matmul__(self, other: "Similarity") -> "Similarity":
        """The similarity `c_from_a = c_from_b @ b_from_a`."""
        return Similarity(
            self.scale * other.scale, self.rotation @ other.rotation, self.points(other.translation[None])[0]
        )


def align_points(a: Array, b: Array) -> Similarity:
    """The similarity `b_from_a` with the least squared error for matched points [n, 3] (Umeyama 1991, n >= 3)."""
    assert a.shape == b.shape and a.ndim == 2 and len(a) >= 3
    mean_a, mean_b = a.mean(0), b.mean(0)
    centred_a, centred_b = a - mean_a, b - mean_b
    u, singular, vt = np.linalg.svd(centred_b.T @ centred_a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt)) or 1.0])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (centred_a**2).sum())
    return Similarity(scale, rotation, mean_b - scale * rotation @ mean_a)
