"""`transforms.json` of instant-ngp and nerfstudio (and what Record3D and Polycam export in that form).

Poses there are `world_from_camera` with OpenGL axes; pixels use the half-pixel convention. Intrinsics stand at the top
of the file, or in a frame, which wins; a file without focal length gives `camera_angle_x`. `applied_transform` and
`applied_scale` say how an exporter came to the frame of the file, and are not undone. See docs/conventions.md.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from recon.console import warn
from recon.errors import UserError
from recon.formats.given_poses import camera_for_image, find_picture, inside, rigid_matrix, unique_names
from recon.formats.images import image_size_hw, natural_key
from recon.formats.intrinsics import without_k3
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
# instant-ngp's lenses that we have no model for, by the key that it knows them by.
_OTHER_LENSES = {"ftheta_p0": "FTHETA", "latlong": "LATLONG", "equirectangular": "EQUIRECTANGULAR"}
# Other names. nerfstudio bends the rays of a PINHOLE too where the file has coefficients.
_MODEL_NAMES = {
    **dict.fromkeys(("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"), "OPENCV"),
    "FISHEYE": "OPENCV_FISHEYE",
}


def read(path: Path, *, images: str | None = None) -> Reconstruction:
    """Read a `transforms.json`, or the one in the folder `path`, in the frame and unit the file gives.

    images: a folder, from that of the file, that pictures may lie in too: at the paths the file gives, or by name.
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
    places = _picture_folders(file, images)
    found, missing = [], []
    for i, frame in enumerate(frames):
        image = find_image(file, frame, i, also=places)
        if image is None and images is not None:
            image = find_picture(places[-1] / PurePosixPath(_file_path(frame)).name)
        (missing.append(str(frame["file_path"])) if image is None else found.append((i, frame, image)))
    if missing:
        warn(
            f"{file}: {len(missing)} of {len(frames)} listed pictures do not exist and are skipped "
            f"({', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''})."
        )
    if not found:
        raise UserError(f"{file}: none of its {len(frames)} listed pictures exists. Put them beside the file.")
    names = unique_names(_short_paths(file, found))
    folded: dict[tuple[Camera, float], Camera] = {}
    views = [
        View(
            name=name,
            image=image,
            camera=_camera(file, {**value, **frame}, image, folded),
            world_from_camera=pose(file, frame, i),
            time_s=_number_or_none(frame.get("time", frame.get("timestamp"))),
            mask=_mask(file, frame, places),
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


def write(path: Path, reconstruction: Reconstruction, *, root: Path | None = None) -> None:
    """Write `path` (a transforms.json) and `points.ply` beside it, as nerfstudio and instant-ngp read them.

    Paths of pictures below `root` (None: the file's folder) are relative to the file, others absolute. `read(path)` gives
    the same views back where the pictures lie in the file's folder or, in a run folder, in that; else it needs `images`.
    """
    cameras = [view.camera for view in reconstruction.views]
    value: dict[str, Any] = {**_shared_intrinsics(cameras), "frames": []}
    root = path.parent if root is None else root
    for view in sorted(reconstruction.views, key=lambda view: natural_key(view.name)):
        frame: dict[str, Any] = {"file_path": _relative(view.image, path, root)}
        if len(set(cameras)) > 1:
            frame |= _intrinsics(view.camera)
        if view.mask is not None:
            frame["mask_path"] = _relative(view.mask, path, root)
        if view.time_s is not None:
            frame["time"] = view.time_s
        frame["transform_matrix"] = opengl_from_opencv(view.world_from_camera).tolist()
        value["frames"].append(frame)
        for key, split in _SPLIT_KEYS.items():  # nerfstudio asks for all three lists where there is one
            if view.split == split:
                value.setdefault(key, []).append(frame["file_path"])
    if reconstruction.points is not None:
        value["ply_file_path"] = "points.ply"
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


def find_image(file: Path, frame: Any, index: int, *, also: Sequence[Path] = ()) -> Path | None:
    """The picture of a frame, its suffix guessed where `file_path` has none; None when it does not exist.

    It may lie in the folder of `file` or in one of `also`.
    """
    if not isinstance(frame, Mapping) or not isinstance(frame.get("file_path"), str):
        raise UserError(f"{file}: frame {index} lacks the key 'file_path'. Export the capture again.")
    return find_picture(inside(file, frame["file_path"], also=also))


def _file_path(frame: Mapping[str, Any]) -> str:
    """A frame's path with the slashes of this system: Windows writes the other ones."""
    return str(frame["file_path"]).replace("\\", "/")


def _short_paths(file: Path, found: Sequence[tuple[int, Mapping[str, Any], Path]]) -> list[str]:
    """What names are made of: the paths in the file; where any leads out of its folder, paths from the common folder."""
    if all(image.is_relative_to(os.path.abspath(file.parent)) for _, _, image in found):
        return [_file_path(frame) for _, frame, _ in found]
    common = os.path.commonpath([image.parent for _, _, image in found])
    return [image.relative_to(common).as_posix() for _, _, image in found]


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


def _camera(file: Path, value: Mapping[str, Any], image: Path, folded: dict[tuple[Camera, float], Camera]) -> Camera:
    """The camera of a frame; `folded` remembers what became of lenses with k3, so that each is fitted and told once."""
    label = f"{file}: frame {value.get('file_path')}"
    model, distortion = _distortion(label, value)  # first: panoramas have no focal length to ask for
    size_hw = image_size_hw(image)
    if "w" in value and "h" in value:
        size_hw = (int(number(label, value, "h")), int(number(label, value, "w")))
    h, w = size_hw
    fx = _focal(label, value, "x", w)
    if fx is None:
        raise UserError(f"{label}: no focal length; expected 'fl_x' or 'camera_angle_x'. Export it with intrinsics.")
    fy = _focal(label, value, "y", h) if "fl_y" in value or "fl_x" not in value else fx
    cx = number(label, value, "cx") if "cx" in value else w / 2
    cy = number(label, value, "cy") if "cy" in value else h / 2
    try:
        camera = Camera(model, size_hw, fx, fx if fy is None else fy, cx, cy, distortion)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Correct the intrinsics.") from error
    k3 = number(label, value, "k3") if model != "OPENCV_FISHEYE" and "k3" in value else 0.0
    if k3 != 0:
        key = replace(camera, model="OPENCV", distortion=distortion or (0.0,) * 4), k3
        camera = folded[key] = folded.get(key) or without_k3(*key, label)
    return camera_for_image(camera, image, label)


def _focal(label: str, value: Mapping[str, Any], axis: str, size: int) -> float | None:
    """Focal length in pixels along an axis, by whichever key there is."""
    if f"fl_{axis}" in value:
        return number(label, value, f"fl_{axis}")
    for key, radians in ((f"camera_angle_{axis}", 1.0), (f"{axis}_fov", math.pi / 180)):
        if key in value:
            angle = number(label, value, key) * radians
            if not 0 < angle < math.pi:
                raise UserError(f"{label}: {key!r} must be an angle under 180 degrees, found {value[key]!r}.")
            return 0.5 * size / math.tan(0.5 * angle)
    return None


def _distortion(label: str, value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    """Our camera model and its coefficients; OPENCV when the file has coefficients but names no model."""
    name = "OPENCV_FISHEYE" if value.get("is_fisheye") else str(value.get("camera_model", "OPENCV")).upper()
    name = next((lens for key, lens in _OTHER_LENSES.items() if value.get(key)), name)
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
    coefficients = tuple(number(label, value, key) if key in value else 0.0 for key in _DISTORTION_KEYS[name])
    if name == "OPENCV" and "k4" in value and number(label, value, "k4") != 0:
        raise UserError(
            f"{label}: a fourth radial coefficient (k4) is read of fisheyes only; expected camera_model OPENCV_FISHEYE. "
            "Undistort the pictures, or calibrate with k1 k2 p1 p2 only."
        )
    if name == "OPENCV" and not any(coefficients):
        return "PINHOLE", ()
    return name, coefficients


def number(label: str, value: Mapping[str, Any], key: str) -> float:
    """The finite number under a key that is there."""
    found = value[key]
    if not isinstance(found, (int, float)) or isinstance(found, bool) or not math.isfinite(found):
        raise UserError(f"{label}: {key!r} must be a finite number, found {found!r}. Correct the intrinsics.")
    return float(found)


def _number_or_none(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _picture_folders(file: Path, images: str | None) -> list[Path]:
    """Where pictures may lie beside the file's own folder: its run folder, where the file is our own; then `images`."""
    run_folder = [file.parent.parent] if (file.parent / "cameras.json").is_file() else []
    if images is None:
        return run_folder
    if not (file.parent / images).is_dir():
        raise UserError(f"dataset.images={images}: no such folder in {file.parent}.")
    return [*run_folder, Path(os.path.abspath(file.parent / images))]


def _mask(file: Path, frame: Mapping[str, Any], folders: Sequence[Path]) -> Path | None:
    if not frame.get("mask_path"):
        return None
    mask = inside(file, str(frame["mask_path"]), also=folders)
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


def _shared_intrinsics(cameras: Sequence[Camera]) -> dict[str, Any]:
    """What stands at the top of the file: all numbers of a single camera, else the model that several share."""
    if len(set(cameras)) == 1:
        return _intrinsics(cameras[0])
    models = [_model(camera) for camera in cameras]
    return models[0] if all(model == models[0] for model in models) else {}


def _model(camera: Camera) -> dict[str, Any]:
    """The model by nerfstudio's key, and by instant-ngp's."""
    return {"camera_model": camera.model, "is_fisheye": camera.model == "OPENCV_FISHEYE"}


def _intrinsics(camera: Camera) -> dict[str, Any]:
    h, w = camera.size_hw
    keys = _DISTORTION_KEYS[camera.model]
    return {
        **_model(camera),
        "fl_x": camera.fx,
        "fl_y": camera.fy,
        "cx": camera.cx,
        "cy": camera.cy,
        "w": w,
        "h": h,
        **dict(zip(keys, camera.distortion, strict=True)),
    }


def _relative(image: Path, file: Path, root: Path) -> str:
    image = image.resolve()
    relative = Path(os.path.relpath(image, file.parent.resolve())).as_posix()
    return relative if image.is_relative_to(root.resolve()) else str(image)
