"""The parts of a COLMAP model that text and binary files share: camera models, poses, points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recon.formats.gathering import LostPoseError
from recon.geometry.cameras import Camera
from recon.geometry.lenses import LENSES
from recon.geometry.points import Points
from recon.geometry.transforms import Array, invert_rigid, rigid, rotation_from_wxyz
from recon.workspace.errors import UserError

Posed = tuple[str, int, Callable[[], Array]]  # image name, camera id, world_from_camera or why there is none


@dataclass(frozen=True)
class Model:
    """A COLMAP camera model: its number in binary files, how many focal lengths, and its coefficients in our model."""

    id: int
    n_focal: int
    ours: str
    coefficients: int  # how many of our model's leading coefficients it has


def _own(name: str) -> Model:
    model = LENSES[name]
    return Model(model.colmap_id, 2, name, len(model.coefficients))


MODELS = {
    "SIMPLE_PINHOLE": Model(0, 1, "PINHOLE", 0),
    "PINHOLE": _own("PINHOLE"),
    "SIMPLE_RADIAL": Model(2, 1, "OPENCV", 1),
    "RADIAL": Model(3, 1, "OPENCV", 2),
    "OPENCV": _own("OPENCV"),
    "OPENCV_FISHEYE": _own("OPENCV_FISHEYE"),
    "FULL_OPENCV": _own("FULL_OPENCV"),
    "FOV": _own("FOV"),
    "THIN_PRISM_FISHEYE": _own("THIN_PRISM_FISHEYE"),
    "SIMPLE_FISHEYE": Model(14, 1, "OPENCV_FISHEYE", 0),
    "FISHEYE": Model(15, 2, "OPENCV_FISHEYE", 0),
    "SIMPLE_RADIAL_FISHEYE": Model(8, 1, "OPENCV_FISHEYE", 1),
    "RADIAL_FISHEYE": Model(9, 1, "OPENCV_FISHEYE", 2),
}
NAMES = {model.id: name for name, model in MODELS.items()}


def camera_of(file: Path, name: str, width: int, height: int, numbers: Sequence[float]) -> Camera:
    """Our camera for one of COLMAP's, its parameters in COLMAP's order; `file` names it in errors."""
    model = MODELS.get(name)
    if model is None:
        raise UserError(
            f"{file}: camera model {name} is not read; expected one of {', '.join(MODELS)}. Undistort first."
        )
    if len(numbers) != model.n_focal + 2 + model.coefficients:
        raise damaged(file, f"{name} with {len(numbers)} parameters")
    focal = numbers[: model.n_focal]
    cx, cy = numbers[model.n_focal : model.n_focal + 2]
    given = numbers[model.n_focal + 2 :]
    coefficients = (*given, *(0.0,) * (len(LENSES[model.ours].coefficients) - len(given)))
    try:
        return Camera(model.ours, (height, width), focal[0], focal[-1], cx, cy, coefficients)
    except ValueError as error:
        raise UserError(f"{file}: {error}. Correct the intrinsics.") from error


def pose_of(file: Path, name: str, wxyz: Sequence[float], translation: Sequence[float]) -> Array:
    """world_from_camera [4, 4] of COLMAP's camera_from_world; `file` and `name` name it in errors."""
    numbers = np.array([*wxyz, *translation])
    if not np.isfinite(numbers).all() or not numbers[:4].any():
        raise LostPoseError(
            f"{file}: the pose of {name} holds NaN, infinity or a quaternion of zeros. Correct or delete it."
        )
    if not 0.9 < np.linalg.norm(numbers[:4]) < 1.1:
        raise UserError(f"{file}: the pose of {name} has no unit quaternion. Correct or delete it.")
    return invert_rigid(rigid(rotation_from_wxyz(numbers[:4]), numbers[4:]))


def finite_points(positions: list, colors: list) -> Points:
    """Points of rows of numbers, without those that are not finite."""
    xyz = np.array(positions, dtype=np.float64).reshape(-1, 3)
    rgb = np.array(colors, dtype=np.uint8).reshape(-1, 3)
    finite = np.isfinite(xyz).all(-1)
    return Points(xyz[finite], rgb[finite])


def damaged(file: Path, found: str) -> UserError:
    """The error to raise for a damaged file."""
    return UserError(f"{file}: not a valid COLMAP model ({found}). Export it again.")
