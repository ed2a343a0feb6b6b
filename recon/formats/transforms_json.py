"""`transforms.json` of instant-ngp and nerfstudio (and what Record3D and Polycam export in that form).

Poses there are `world_from_camera` with OpenGL axes; pixels use the half-pixel convention. Intrinsics stand at the top
of the file, or in a frame, which wins; a file without focal length gives `camera_angle_x`. See docs/conventions.md.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import warn
from recon.errors import UserError
from recon.formats.given_poses import camera_for_image, find_picture, inside, rigid_matrix, unique_names
from recon.formats.images import image_size_hw, natural_key
from recon.formats.points_ply import read_points, write_points
from recon.geometry.cameras import N_DISTORTION, Camera
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.geometry.transforms import Array, opencv_from_opengl, opengl_from_opencv
from recon.workspace import write_json

_DISTORTION_KEYS = {"PINHOLE": (), "OPENCV": ("k1", "k2", "p1", "p2"), "OPENCV_FISHEYE": ("k1", "k2", "k3", "k4")}
_SPLIT_KEYS: dict[str, Split] = {
    "train_filenames": "train",
    "val_filenames": "test",
    "test_filenames": "test",
}
# COLMAP's names for what are special cases of the three models above.
_MODEL_NAMES = {"SIMPLE_PINHOLE": "PINHOLE", "SIMPLE_RADIAL": "OPENCV", "RADIAL": "OPENCV", "FISHEYE": "OPENCV_FISHEYE"}


def read(path: Path) -> Reconstruction:
    """Read a `transforms.json`, or the one in the folder `path`, in the frame and unit the file gives.

    Listed frames whose picture is missing are skipped with one warning. Raises `UserError` naming the file and frame
    for anything that does not hold: a missing key, a pose with NaN or that is not rigid, a picture outside the folder
    or of another shape than its camera.
    """
    file = path / "transforms.json" if path.is_dir() else path
    value = load(file)
    frames = value.get("frames")
    if not isinstance(frames, list) or not frames:
        raise UserError(f"{file}: expected a non-empty list under the key 'frames'. Export the capture again.")
    splits = _splits(value)
    found, missing = [], []
    for i, frame in enumerate(frames):
        image = find_image(file, frame, i)
        (missing.append(str(frame["file_path"])) if image is None else found.append((i, frame, image)))
    if missing:
        warn(
            f"{file}: {len(missing)} of {len(frames)} listed pictures do not exist and are skipped "
            f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''})."
        )
    if not found:
        raise UserError(f"{file}: none of its {len(frames)} listed pictures exists. Put them beside the file.")
    names = unique_names([str(frame["file_path"]) for _, frame, _ in found])
    views = [
        View(
            name=name,
            image=image,
            camera=_camera(file, {**value, **frame}, image),
            world_from_camera=pose(file, frame, i),
            time_s=_number_or_none(frame.get("time", frame.get("timestamp"))),
            mask=_mask(file, frame),
            split=splits.get(str(frame["file_path"])),
        )
        for name, (i, frame, image) in zip(names, found, strict=True)
    ]
    if splits:  # the file decides: what it lists nowhere is left for training
        views = [replace(view, split=view.split or "train") for view in views]
    points = None
    if value.get("ply_file_path"):
        points = read_points(inside(file, str(value["ply_file_path"])))
    return Reconstruction(tuple(sorted(views, key=lambda view: natural_key(view.name))), points)


def write(path: Path, reconstruction: Reconstruction) -> None:
    """Write `path` (a transforms.json) with a sparse point cloud beside it; picture paths relative to it.

    `read(path)` gives the same views back when their pictures lie below the file's folder.
    """
    value: dict[str, Any] = {"frames": []}
    for view in sorted(reconstruction.views, key=lambda view: natural_key(view.name)):
        frame = {"file_path": _relative(view.image, path), **_intrinsics(view.camera)}
        if view.mask is not None:
            frame["mask_path"] = _relative(view.mask, path)
        if view.time_s is not None:
            frame["time"] = view.time_s
        frame["transform_matrix"] = opengl_from_opencv(view.world_from_camera).tolist()
        value["frames"].append(frame)
        for key, split in (("train_filenames", "train"), ("test_filenames", "test")):
            if view.split == split:
                value.setdefault(key, []).append(frame["file_path"])
    if reconstruction.points is not None:
        value["ply_file_path"] = f"{path.stem}_points.ply"
        write_points(path.with_name(value["ply_file_path"]), reconstruction.points)
    write_json(path, value)


# ---- shared with the Blender reader --------------------------------------------------------------------------------


def load(file: Path) -> dict[str, Any]:
    """The JSON object in `file`."""
    if not file.exists():
        raise UserError(f"{file} does not exist. Point dataset.path=... at the file or at the folder that holds it.")
    try:
        value = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: not valid JSON ({error}). Export the capture again.") from error
    if not isinstance(value, dict):
        raise UserError(f"{file}: expected a JSON object with 'frames', found a {type(value).__name__}.")
    return value


def find_image(file: Path, frame: Any, index: int) -> Path | None:
    """The picture of a frame, its suffix guessed where `file_path` has none; None when it does not exist."""
    if not isinstance(frame, Mapping) or not isinstance(frame.get("file_path"), str):
        raise UserError(f"{file}: frame {index} lacks the key 'file_path'. Export the capture again.")
    return find_picture(inside(file, frame["file_path"]))


def pose(file: Path, frame: Mapping[str, Any], index: int) -> Array:
    """`world_from_camera` [4, 4] with OpenCV axes of a frame's `transform_matrix`; checked and made exactly rigid."""
    label = f"{file}: frame {index} ({frame.get('file_path')})"
    if "transform_matrix" not in frame:
        raise UserError(f"{label} lacks the key 'transform_matrix'. Export the capture again, or delete the frame.")
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{label}: 'transform_matrix' is not a matrix of numbers. Correct or delete it.") from error
    return opencv_from_opengl(rigid_matrix(matrix, label))


# ---- parts ---------------------------------------------------------------------------------------------------------


def _camera(file: Path, value: Mapping[str, Any], image: Path) -> Camera:
    label = f"{file}: frame {value.get('file_path')}"
    model, distortion = _distortion(label, value)  # first: panoramas have no focal length to ask for
    size_hw = image_size_hw(image)
    if "w" in value and "h" in value:
        size_hw = (int(_number(label, value, "h")), int(_number(label, value, "w")))
    h, w = size_hw
    if "fl_x" in value:
        fx = _number(label, value, "fl_x")
    elif "camera_angle_x" in value:
        fx = 0.5 * w / math.tan(0.5 * _number(label, value, "camera_angle_x"))
    else:
        raise UserError(f"{label}: no focal length; expected 'fl_x' or 'camera_angle_x'. Export it with intrinsics.")
    fy = _number(label, value, "fl_y") if "fl_y" in value else fx
    cx = _number(label, value, "cx") if "cx" in value else w / 2
    cy = _number(label, value, "cy") if "cy" in value else h / 2
    try:
        camera = Camera(model, size_hw, fx, fy, cx, cy, distortion)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Correct the intrinsics.") from error
    return camera_for_image(camera, image, label)


def _distortion(label: str, value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    """Our camera model and its coefficients; OPENCV when the file has coefficients but names no model."""
    name = "OPENCV_FISHEYE" if value.get("is_fisheye") else str(value.get("camera_model", "OPENCV")).upper()
    name = _MODEL_NAMES.get(name, name)
    if name in ("EQUIRECTANGULAR", "SPHERICAL"):
        raise UserError(
            f"{label}: panoramas with given poses are not read; expected perspective or fisheye pictures. Let the poses be "
            "found: capture.source=FOLDER_OF_PANORAMAS capture.projection=equirectangular, or export cube views."
        )
    if name not in N_DISTORTION:
        raise UserError(
            f"{label}: camera model {name!r} is not read; expected one of {', '.join(N_DISTORTION)}. Undistort the "
            "pictures, or export with one of these models."
        )
    coefficients = tuple(_number(label, value, key) if key in value else 0.0 for key in _DISTORTION_KEYS[name])
    if name == "OPENCV" and abs(_number(label, value, "k3") if "k3" in value else 0.0) > 1e-6:
        raise UserError(f"{label}: a third radial coefficient (k3) is not read. Undistort, or fit k1 k2 p1 p2 only.")
    if name == "OPENCV" and not any(coefficients):
        return "PINHOLE", ()
    return name, coefficients


def _number(label: str, value: Mapping[str, Any], key: str) -> float:
    number = value[key]
    if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
        raise UserError(f"{label}: {key!r} must be a finite number, found {number!r}. Correct the intrinsics.")
    return float(number)


def _number_or_none(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _mask(file: Path, frame: Mapping[str, Any]) -> Path | None:
    if not frame.get("mask_path"):
        return None
    mask = inside(file, str(frame["mask_path"]))
    if not mask.is_file():
        raise UserError(f"{file}: the mask {frame['mask_path']!r} does not exist. Put it there or delete the key.")
    return mask


def _splits(value: Mapping[str, Any]) -> dict[str, Split]:
    """Which split each `file_path` is in, where the file says so; validation views count as test views."""
    splits: dict[str, Split] = {}
    for key, split in _SPLIT_KEYS.items():
        for name in value.get(key) or ():
            splits[str(name)] = split
    return splits


def _intrinsics(camera: Camera) -> dict[str, Any]:
    h, w = camera.size_hw
    keys = _DISTORTION_KEYS[camera.model]
    return {
        "camera_model": camera.model,
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "w": w,
        "h": h,
        **dict(zip(keys, camera.distortion, strict=True)),
    }


def _relative(image: Path, file: Path) -> str:
    image, folder = image.resolve(), file.parent.resolve()
    return image.relative_to(folder).as_posix() if image.is_relative_to(folder) else str(image)
