"""Camera paths from files: the JSON that nerfstudio's viewer exports."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from recon.geometry import Camera, is_rigid, opencv_from_opengl, rigid
from recon.geometry.transforms import Array
from recon.render.paths import Path3D, fitted
from recon.workspace.errors import UserError
from recon.workspace.reading import read_json_of

MAX_FRAMES, MAX_SIDE = 20_000, 8192  # beyond is surely a mistake


def read_path_file(file: Path, *, max_size: int) -> tuple[Path3D, float | None]:
    """A nerfstudio camera path: views in the world frame of poses/cameras.json, and frames per second where stated.

    `camera_path[i].camera_to_world` is 4x4 row-major with OpenGL axes, `fov` the vertical angle in degrees; the picture
    size `render_width` x `render_height` is reduced to `max_size`.
    """
    value = read_json_of(
        file,
        name=f"camera path {file}",
        if_missing="does not exist. Use path=interpolate, orbit, spiral or an existing .json.",
        if_broken="Export it again from the viewer.",
    )
    try:
        return _parse_path(value, max_size)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(
            f"camera path {file}: {reason}. Expected a nerfstudio camera path: render_height, render_width and "
            "camera_path[] with camera_to_world (16 numbers) and fov."
        ) from error


def _parse_path(value: Any, max_size: int) -> tuple[Path3D, float | None]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {type(value).__name__}")
    kind = value.get("camera_type", "perspective")
    if kind != "perspective":
        raise ValueError(f"camera_type {kind!r} cannot be rendered, only 'perspective'")
    size_hw = (_number(value["render_height"], 1, MAX_SIDE), _number(value["render_width"], 1, MAX_SIDE))
    stops = value["camera_path"]
    if not isinstance(stops, list) or not 1 <= len(stops) <= MAX_FRAMES:
        raise ValueError(f"camera_path must list 1 to {MAX_FRAMES} cameras")
    fps = None if value.get("fps") is None else _number(value["fps"], 0.1, 240)
    return [_parse_stop(stop, (round(size_hw[0]), round(size_hw[1])), max_size) for stop in stops], fps


def _parse_stop(stop: Any, size_hw: tuple[int, int], max_size: int) -> tuple[Camera, Array]:
    h, w = size_hw
    matrix = np.array(stop["camera_to_world"], dtype=np.float64).reshape(-1)
    if matrix.size != 16 or not np.isfinite(matrix).all():
        raise ValueError("camera_to_world must be 16 finite numbers")
    pose = opencv_from_opengl(matrix.reshape(4, 4))
    if not is_rigid(pose):
        raise ValueError("the upper 3x3 of a camera_to_world is not a rotation")
    focal = h / (2 * math.tan(math.radians(_number(stop["fov"], 0.1, 179)) / 2))
    return fitted(Camera("PINHOLE", size_hw, focal, focal, w / 2, h / 2), max_size), rigid(pose[:3, :3], pose[:3, 3])


def _number(value: Any, low: float, high: float) -> float:
    number = float(value)
    if not low <= number <= high:  # also false for NaN
        raise ValueError(f"{value} is outside {low} .. {high}")
    return number
