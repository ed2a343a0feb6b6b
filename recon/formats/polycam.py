"""Polycam's raw export: `keyframes/cameras/*.json` and `keyframes/images/`, or `corrected_*` where the app adjusted them.

A camera file holds `fx fy cx cy width height` and the rows t_00 to t_23 of `world_from_camera` as ARKit has it: OpenGL
camera axes, metres, +y up along gravity. Depth and confidence: `depth_files.py`. See docs/conventions.md.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import camera_for_image, rigid_matrix
from recon.formats.images import natural_key
from recon.formats.transforms_json import load
from recon.formats.transforms_lenses import number
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array, opencv_from_opengl
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_folder

_NOT_FINITE = (float("inf"), float("-inf"))
_FOLDERS = (("corrected_cameras", "corrected_images"), ("cameras", "images"))  # the adjusted ones are the better ones
# z = ARKit's y, and x, y follow without a mirror: the turn that nerfstudio makes too.
_Z_UP_FROM_ARKIT = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def read(path: Path) -> Reconstruction:
    """Read the export in the folder `path` (or its `keyframes/`), in metres with +z up as gravity has it.

    Cameras whose picture is missing are skipped with one warning. Raises `UserError` naming the file of a camera that
    lacks a number, has a pose that is not rigid, or is not for its picture.
    """
    cameras, images = _folders(path)
    files = sorted(cameras.glob("*.json"), key=lambda file: natural_key(file.name))
    gathered, views = Gathering(images / "x"), []
    for file in files:
        picture = gathered.picture(file.stem)
        view = None if picture is None else _view(gathered, file, picture)
        if view is not None:
            views.append(view)
    gathered.tell(len(views), hint="Export it again.")
    _say_others(cameras, len(views))
    return Reconstruction(tuple(views), is_up_aligned=True)


def _say_others(cameras: Path, n_read: int) -> None:
    """The app's uncorrected frames, where the corrected ones are read: they are more, or the same once more."""
    others = cameras.with_name(_FOLDERS[1][0])
    if cameras.name == others.name or not is_folder(others):
        return
    n = sum(1 for _ in others.glob("*.json"))
    what = f"{cameras.parent}: {n_read} frames that the app corrected are read ({cameras.name}/)"
    if n > n_read:
        warn(
            f"{what}; {n - n_read} more that it could not correct are left out, in {others.name}/ ({n} frames). To read "
            f"those instead, move {cameras.name}/ away."
        )
    elif n:
        say(f"{what}; the {n} uncorrected ones in {others.name}/ are not needed")


def _folders(path: Path) -> tuple[Path, Path]:
    top = path if is_folder(path) else path.parent
    for keyframes in (top / "keyframes", top):
        for cameras, images in ((keyframes / c, keyframes / i) for c, i in _FOLDERS):
            if is_folder(images) and any(cameras.glob("*.json")):
                return cameras, images
    raise UserError(f"{path}: no keyframes/cameras/*.json with keyframes/images/. Give the unpacked raw-data export.")


def _view(gathered: Gathering, file: Path, picture: Path) -> View | None:
    """The view of a camera file; None, noted, where its pose was lost."""
    value, label = load(file), str(file)
    pose = gathered.pose(file.stem, partial(_pose, label, value))
    if pose is None:
        return None
    fx, fy, cx, cy, width, height = (_number(label, value, key) for key in ("fx", "fy", "cx", "cy", "width", "height"))
    try:
        camera = Camera("PINHOLE", (int(height), int(width)), fx, fy, cx, cy)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{label}: {error}. Export it again.") from error
    camera, reading = camera_for_image(camera, picture, label)
    return View(file.stem, picture, camera, pose, reading=reading)


def _pose(label: str, value: dict[str, Any]) -> Array:
    keys = [f"t_{i}{j}" for i in range(3) for j in range(4)]
    if any(
        value.get(key, 0.0) is None or value.get(key) in _NOT_FINITE or value.get(key) != value.get(key) for key in keys
    ):
        raise LostPoseError(f"{label}: the pose holds NaN or infinity.")
    rows = np.array([_number(label, value, key) for key in keys]).reshape(3, 4)
    return _Z_UP_FROM_ARKIT @ opencv_from_opengl(rigid_matrix(rows, label))


def _number(label: str, value: dict[str, Any], key: str) -> float:
    if key not in value:
        raise UserError(f"{label} lacks the key {key!r}. Export it again from the app, as raw data.")
    return number(label, value, key)
