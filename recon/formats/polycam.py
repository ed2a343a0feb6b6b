"""Polycam's raw export: `keyframes/cameras/*.json` and `keyframes/images/`, or `corrected_*` where the app adjusted them.

A camera file holds `fx fy cx cy width height` and the rows t_00 to t_23 of `world_from_camera` as ARKit has it: OpenGL
camera axes, metres, +y up along gravity. Depth and confidence: `depth_images.py`. See docs/conventions.md.
"""

from pathlib import Path
from typing import Any

import numpy as np

from recon.console import warn
from recon.errors import UserError
from recon.formats.given_poses import camera_for_image, find_picture, rigid_matrix
from recon.formats.images import natural_key
from recon.formats.transforms_json import load, number
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array, opencv_from_opengl

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
    found = [(file, picture) for file in files if (picture := find_picture(images / file.stem)) is not None]
    if not found:
        raise UserError(f"{images}: holds no picture of the {len(files)} cameras in {cameras.name}/. Export it again.")
    if len(found) < len(files):
        warn(f"{images}: {len(files) - len(found)} of {len(files)} pictures do not exist and are skipped.")
    return Reconstruction(tuple(_view(file, picture) for file, picture in found), is_up_aligned=True)


def _folders(path: Path) -> tuple[Path, Path]:
    top = path if path.is_dir() else path.parent
    for keyframes in (top / "keyframes", top):
        for cameras, images in ((keyframes / c, keyframes / i) for c, i in _FOLDERS):
            if images.is_dir() and any(cameras.glob("*.json")):
                return cameras, images
    raise UserError(f"{path}: no keyframes/cameras/*.json with keyframes/images/. Give the unpacked raw-data export.")


def _view(file: Path, picture: Path) -> View:
    value = load(file)
    label = str(file)
    fx, fy, cx, cy, width, height = (_number(label, value, key) for key in ("fx", "fy", "cx", "cy", "width", "height"))
    try:
        camera = Camera("PINHOLE", (int(height), int(width)), fx, fy, cx, cy)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Export it again.") from error
    return View(file.stem, picture, camera_for_image(camera, picture, label), _pose(label, value))


def _pose(label: str, value: dict[str, Any]) -> Array:
    rows = np.array([[_number(label, value, f"t_{i}{j}") for j in range(4)] for i in range(3)])
    return _Z_UP_FROM_ARKIT @ opencv_from_opengl(rigid_matrix(rows, label))


def _number(label: str, value: dict[str, Any], key: str) -> float:
    if key not in value:
        raise UserError(f"{label} lacks the key {key!r}. Export it again from the app, as raw data.")
    return number(label, value, key)
