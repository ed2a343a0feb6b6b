"""The usual mistakes of convention in given poses: what each looks like from here, and the poses without it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from recon.geometry import invert_rigid
from recon.geometry.transforms import Array


class Mistake(NamedTuple):
    """One way in which poses are wrong."""

    words: str  # what explains a poor fit, and what to do
    change: Callable[[Array], Array]  # poses [n, 4, 4] in order of capture -> poses without it
    focal_factor: float = 1.0  # of the focal length without it
    is_mended: bool = True  # once it is certain: each pose tells its own right one
    is_mirrored: bool = False  # the world was, along y: points too


_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
MIRROR = np.diag([1.0, -1.0, 1.0, 1.0])
# Camera axes of others from ours: x forward, y left, z up (robots, vehicles); x forward, y right, z up (Unreal, left-handed).
_BODY = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
_UNREAL = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
_WXYZ, _XYZW = [1, 2, 3, 0], [3, 0, 1, 2]  # places of the true x y z w in a quaternion that was read in another order

_FLIPPED = (
    "They fit with the camera axes y and z flipped: OpenGL axes were given for OpenCV ones, or the reverse. Multiply every "
    "pose from the right by diag(1, -1, -1, 1)."
)
_INVERTED = "They fit when inverted: camera_from_world was given for world_from_camera. Invert every matrix"
_QUARTER = (
    "They fit with the cameras turned by a quarter about the optical axis, as when pictures were rotated after the poses "
    "were found. Rotate the pictures back, or the poses with them."
)
_HALF = "They fit with the cameras upside down. Turn pictures or poses by half a turn about the optical axis."
_ORDER = "They fit when the four numbers of each quaternion are read in the order {0}. Write them in the order that the format has."
_TRANSPOSED = (
    "They fit when each rotation is transposed: those of camera_from_world were given with the cameras' centres. Write those of "
    "world_from_camera."
)
_CENTER = (
    "They fit with other centres: the translations of camera_from_world were given beside the rotations of world_from_camera. "
    "Write the cameras' centres, -R t."
)
_LEFT = "They fit when mirrored: coordinates of a left-handed program ({}). Export right-handed ones."
_AHEAD = "They fit with cameras that look along their x axis: axes of a vehicle or a robot's body. Export those of the camera."
_LATE = "They fit when each picture takes the pose of the {} one. Check that poses and pictures are in the same order."
_REVERSED = "They fit in reverse: the first pose belongs to the last picture. Check the order."
_FOCAL = "They fit with {:g} times the focal length: the intrinsics are for pictures of another size. Correct them."


def _roll(angle_deg: float) -> Array:
    """A turn [4, 4] about the optical axis."""
    c, s = np.round([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))], 12)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def _reordered(poses: Array, order: list[int]) -> Array:
    """Poses [n, 4, 4] whose quaternions (x y z w) are read anew in another order."""
    turned = poses.copy()
    turned[:, :3, :3] = Rotation.from_quat(Rotation.from_matrix(poses[:, :3, :3]).as_quat()[:, order]).as_matrix()
    return turned


def _transposed(poses: Array) -> Array:
    """Poses [n, 4, 4] with their rotations transposed and their centres as they are."""
    turned = poses.copy()
    turned[:, :3, :3] = poses[:, :3, :3].transpose(0, 2, 1)
    return turned


def _recentred(poses: Array) -> Array:
    """Poses [n, 4, 4] whose last column t is that of the inverse: centres -R t."""
    moved = poses.copy()
    moved[:, :3, 3] = -np.einsum("nij,nj->ni", poses[:, :3, :3], poses[:, :3, 3])
    return moved


MISTAKES = (
    Mistake(_FLIPPED, lambda poses: poses @ _FLIP),
    Mistake(f"{_INVERTED}.", invert_rigid),
    Mistake(f"{_INVERTED}, and flip the axes y and z.", lambda poses: invert_rigid(poses) @ _FLIP),  # of OpenGL axes
    Mistake(_QUARTER, lambda poses: poses @ _roll(90)),
    Mistake(_QUARTER, lambda poses: poses @ _roll(-90)),
    Mistake(_HALF, lambda poses: poses @ _roll(180)),
    Mistake(_ORDER.format("w x y z"), lambda poses: _reordered(poses, _WXYZ)),
    Mistake(_ORDER.format("x y z w"), lambda poses: _reordered(poses, _XYZW)),
    Mistake(_ORDER.format("w x y z"), lambda poses: invert_rigid(_reordered(invert_rigid(poses), _WXYZ))),
    Mistake(_ORDER.format("x y z w"), lambda poses: invert_rigid(_reordered(invert_rigid(poses), _XYZW))),
    Mistake(_TRANSPOSED, _transposed),
    Mistake(_TRANSPOSED, lambda poses: _transposed(poses @ _FLIP) @ _FLIP),  # of OpenGL axes
    Mistake(_CENTER, _recentred),
    Mistake(_CENTER, lambda poses: _recentred(poses @ _FLIP) @ _FLIP),
    Mistake(_LEFT.format("Unity"), lambda poses: MIRROR @ poses @ MIRROR, is_mirrored=True),
    Mistake(_LEFT.format("Unreal"), lambda poses: MIRROR @ poses @ _UNREAL, is_mirrored=True),
    Mistake(_AHEAD, lambda poses: poses @ _BODY),
    Mistake(_LATE.format("next"), lambda poses: np.concatenate([poses[1:], poses[-1:]]), is_mended=False),
    Mistake(_LATE.format("previous"), lambda poses: np.concatenate([poses[:1], poses[:-1]]), is_mended=False),
    Mistake(_REVERSED, lambda poses: poses[::-1], is_mended=False),
    *(Mistake(_FOCAL.format(f), lambda poses: poses, focal_factor=f, is_mended=False) for f in (0.5, 0.7, 1.4, 2.0)),
)
