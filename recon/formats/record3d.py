"""Record3D's raw captures: `metadata` with `rgbd/N.jpg` (an unpacked .r3d), or `metadata.json` with `rgb/N.jpg`.

The metadata are JSON: `poses`, a row [qx qy qz qw tx ty tz] a frame, `world_from_camera` with OpenGL camera axes in metres;
`K`, the camera matrix column by column for a picture of `w` x `h`, or `perFrameIntrinsicCoeffs` [fx fy cx cy]; `fps` or
`frameTimestamps`. Depth beside the pictures: `depth_files.py`. See docs/conventions.md.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recon.formats.gathering import Gathering, LostPoseError, check_not_lost
from recon.formats.given_poses import camera_for_image
from recon.formats.images import list_images
from recon.formats.transforms_json import load
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reading, Reconstruction, View
from recon.geometry.transforms import Array, opencv_from_opengl, rigid, rotation_from_wxyz
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_METADATA = ("metadata", "metadata.json")
_PICTURES = ("rgbd", "rgb")


def read(path: Path) -> Reconstruction:
    """Read the capture in the folder `path`, in metres and the frame of the app; the name of a picture is its number.

    Raises `UserError` naming the file and key of what is missing or damaged, or a picture without a pose.
    """
    file = _metadata(path)
    value = load(file)
    poses = _table(file, value, "poses", 7, may_be_lost=True)
    intrinsics, times = _intrinsics(file, value, len(poses)), _times(file, value, len(poses))
    views = []
    gathered = Gathering(file)
    for i, picture in _pictures(file, len(poses)):
        pose = gathered.pose(picture.name, partial(_pose, f"{file}: pose {i}", poses[i]))
        if pose is not None and gathered.opens(picture, picture.name):
            camera, reading = _camera(file, value, intrinsics[i], picture)
            views.append(View(picture.stem, picture, camera, pose, time_s=times[i], reading=reading))
    gathered.tell(len(views))
    return Reconstruction(tuple(views))


def _pose(label: str, row: Array) -> Array:
    """`world_from_camera` [4, 4] of a row [7] qx qy qz qw tx ty tz."""
    check_not_lost(row, label)
    length = float(np.linalg.norm(row[:4]))
    if length == 0:
        raise LostPoseError(f"{label} is all zeros.")
    if abs(length - 1) > 0.1:
        raise UserError(f"{label} starts with no unit quaternion (length {length:.3g}). Export it again.")
    return opencv_from_opengl(rigid(rotation_from_wxyz(np.roll(row[:4], 1)), row[4:]))


def _metadata(path: Path) -> Path:
    if is_file(path) and path.suffix != ".r3d":
        return path
    found = next((path / name for name in _METADATA if is_file(path / name)), None)
    if found is None:
        raise UserError(f"{path}: no metadata of Record3D there. Unpack the .r3d (it is a zip) and give its folder.")
    return found


def _pictures(file: Path, n_poses: int) -> list[tuple[int, Path]]:
    """The row of its pose and the path of every picture, in order."""
    folder = next((file.parent / name for name in _PICTURES if is_folder(file.parent / name)), None)
    pictures = (
        []
        if folder is None
        else [picture for picture in list_images(folder) if picture.stem.isdecimal() and len(picture.stem) < 18]
    )
    if not pictures:
        raise UserError(f"{file}: no pictures 0.jpg, 1.jpg, ... in rgbd/ or rgb/ beside it. Export it again.")
    last = int(pictures[-1].stem)
    if last >= n_poses:
        raise UserError(
            f"{pictures[-1]}: there are {n_poses} poses, from 0, and none for this picture. Export it again."
        )
    return [(int(picture.stem), picture) for picture in pictures]


def _table(file: Path, value: dict[str, Any], key: str, columns: int, *, may_be_lost: bool = False) -> Array:
    """The numbers [n, columns] under `key`, finite ones unless they `may_be_lost`."""
    try:
        table = np.array(value[key], dtype=np.float64).reshape(-1, columns)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{file}: {key!r} is not a table of {columns} columns ({error}). Export it again.") from error
    if len(table) == 0 or not (may_be_lost or np.isfinite(table).all()):
        raise UserError(f"{file}: {key!r} is empty, or holds NaN or infinity. Export it again.")
    return table


def _intrinsics(file: Path, value: dict[str, Any], count: int) -> Array:
    """fx fy cx cy [count, 4]: each frame's own where they are, as the focus moves; else K for all."""
    if value.get("perFrameIntrinsicCoeffs"):
        return _rows_for(file, "perFrameIntrinsicCoeffs", _table(file, value, "perFrameIntrinsicCoeffs", 4), count)
    k = _table(file, value, "K", 9)[0]
    return np.repeat([[k[0], k[4], k[6], k[7]]], count, axis=0)


def _times(file: Path, value: dict[str, Any], count: int) -> list[float | None]:
    """Seconds from the first frame; None where the file says nothing of time."""
    if value.get("frameTimestamps"):
        stamps = _rows_for(file, "frameTimestamps", _table(file, value, "frameTimestamps", 1), count)[:, 0]
        return [float(t) for t in stamps - stamps[0]]
    fps: Any = value.get("fps")
    is_rate = isinstance(fps, (int, float)) and not isinstance(fps, bool) and 1e-6 < fps < 1e6
    return [i / fps for i in range(count)] if is_rate else [None] * count


def _rows_for(file: Path, key: str, table: Array, count: int) -> Array:
    if len(table) != count:
        raise UserError(f"{file}: {len(table)} rows under {key!r}, but {count} poses. Export it again.")
    return table


def _camera(file: Path, value: dict[str, Any], intrinsics: Array, picture: Path) -> tuple[Camera, Reading]:
    label = f"{file}: frame {picture.stem}"
    fx, fy, cx, cy = (float(number) for number in intrinsics)
    try:
        size_hw = int(value["h"]), int(value["w"])
        camera = Camera("PINHOLE", size_hw, fx, fy, cx, cy)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{label}: no valid 'w', 'h' and intrinsics ({error}). Export it again.") from error
    return camera_for_image(camera, picture, label)
