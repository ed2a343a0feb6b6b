"""`transforms.json` of instant-ngp and nerfstudio (and what Record3D and Polycam export in that form).

Poses there are `world_from_camera` with OpenGL axes; pixels use the half-pixel convention. Intrinsics stand at the top
of the file, or in a frame, which wins; a file without focal length gives `camera_angle_x`. `applied_transform` and
`applied_scale` say how an exporter came to the frame of the file, and are not undone. See docs/conventions.md.
"""

import math
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from recon.formats.depth_files import find_depth, names_depth
from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import in_order, rigid_matrix, unique_names
from recon.formats.images import natural_key
from recon.formats.named_files import find_file, inside
from recon.formats.points_ply import read_points, write_points
from recon.formats.transforms_lenses import Lenses
from recon.geometry.cameras import Camera
from recon.geometry.lenses import LENSES
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.geometry.transforms import Array, opencv_from_opengl, opengl_from_opencv
from recon.workspace import write_json
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder, read_json_of

_SPLIT_KEYS: dict[str, Split] = {
    "train_filenames": "train",
    "val_filenames": "test",
    "test_filenames": "test",
}


def read(path: Path, *, images: str | None = None) -> Reconstruction:
    """Read a `transforms.json`, or the one in the folder `path`, in the frame and unit the file gives.

    images: a folder, from that of the file, that pictures may lie in too: at the paths the file gives, or by name.
    Listed frames whose picture is missing are skipped with one warning. Raises `UserError` naming the file and frame
    for anything that does not hold: a missing key, a pose with NaN or that is not rigid, a picture outside the folder
    or of another shape than its camera.
    """
    file = path / "transforms.json" if is_folder(path) else path
    value = load(file)
    frames = value.get("frames")
    if not isinstance(frames, list) or not frames:
        raise UserError(f"{file}: expected a non-empty list under the key 'frames'. Export the capture again.")
    splits = _splits(file, value)
    places = _picture_folders(file, images)
    gathered = Gathering(file, also=places)
    found = []
    for i, frame in enumerate(frames):
        image = _image(gathered, frame, i, places[-1] if images is not None else None)
        posed = None if image is None else gathered.pose(frame["file_path"], partial(pose, file, frame, i))
        named = frame.get("mask_path")
        mask = gathered.mask(str(named), frame["file_path"]) if posed is not None and named else None
        if image is not None and posed is not None and (mask is not None or not named):
            found.append((frame, image, posed, mask))
    gathered.tell(len(found))
    names = unique_names(_short_paths(file, [frame for frame, *_ in found], [image for _, image, *_ in found]))
    lenses = Lenses(file, value)
    views = []
    for name, (frame, image, posed, mask) in zip(names, found, strict=True):
        camera, reading = lenses.camera(frame, image)
        time_s = _number_or_none(frame.get("time", frame.get("timestamp")))
        split = splits.get(str(frame["file_path"]))
        views.append(View(name, image, camera, posed, time_s=time_s, mask=mask, split=split, reading=reading))
    lenses.tell()
    _tell_depth(file, [view for view, (frame, *_) in zip(views, found, strict=True) if names_depth(frame)])
    points = None
    if value.get("ply_file_path"):
        ply = find_file(inside(file, str(value["ply_file_path"])))
        points = None if ply is None else read_points(ply)
        if ply is None:  # nerfstudio writes it for some captures only, and people copy pictures without it
            warn(
                f"{file}: its points {str(value['ply_file_path'])[:80]} are not there; the poses are read without them"
            )
    return Reconstruction(in_order(views, is_split=bool(splits)), points)


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
    missing = "does not exist. Point dataset.path=... at the file or at the folder that holds it."
    if file.name == "transforms.json" and is_file(file.with_name("transforms_train.json")):
        missing = "does not exist, but transforms_train.json does: dataset=blender reads it and transforms_test.json beside it."
    value = read_json_of(file, name=str(file), if_missing=missing, if_broken="Export the capture again.")
    if not isinstance(value, dict):
        raise UserError(f"{file}: expected a JSON object with 'frames', found a {type(value).__name__}.")
    return value


def path_of(file: Path, frame: Any, index: int) -> str:
    """The `file_path` of a frame."""
    if not isinstance(frame, Mapping) or not isinstance(frame.get("file_path"), str):
        raise UserError(f"{file}: frame {index} lacks the key 'file_path'. Export the capture again.")
    return str(frame["file_path"])


def _tell_depth(file: Path, views: Sequence[View]) -> None:
    """Warn where the depth that the frames of some views name is not there, or is looked for elsewhere."""
    n_without = sum(find_depth(view) is None for view in views)
    if n_without:
        warn(
            f"{file}: {n_without} of {len(views)} depth images that frames name are not read: expected them to be there, and the "
            "file to be called transforms.json, in the folder of the pictures or the one above. Put them there, or into depth/"
        )


def _file_path(frame: Mapping[str, Any]) -> str:
    """A frame's path with the slashes of this system; files written on Windows have backslashes."""
    return str(frame["file_path"]).replace("\\", "/")


def _short_paths(file: Path, frames: Sequence[Mapping[str, Any]], images: Sequence[Path]) -> list[str]:
    """What names are made of: the paths in the file; where any leads out of its folder, paths from the common folder."""
    paths, folder = [_file_path(frame) for frame in frames], os.path.abspath(file.parent)
    if all(Path(os.path.abspath(file.parent / path)).is_relative_to(folder) for path in paths):
        return paths
    common = os.path.commonpath([image.parent for image in images])
    return [image.relative_to(common).as_posix() for image in images]


def _image(gathered: Gathering, frame: Any, index: int, folder: Path | None) -> Path | None:
    """The picture of a frame at the path that it names, or of that name in `folder`."""
    named = path_of(gathered.source, frame, index)
    return gathered.picture(named, also_as=None if folder is None else folder / PurePosixPath(_file_path(frame)).name)


def pose(file: Path, frame: Mapping[str, Any], index: int) -> Array:
    """`world_from_camera` [4, 4] with OpenCV axes of a frame's `transform_matrix`; checked and made exactly rigid."""
    label = f"{file}: frame {index} ({frame.get('file_path')})"
    if "transform_matrix" not in frame:
        raise UserError(f"{label} lacks the key 'transform_matrix'. Export the capture again, or delete the frame.")
    if frame["transform_matrix"] is None:
        raise LostPoseError(f"{label}: 'transform_matrix' is null. Correct or delete it.")
    try:
        matrix = np.array(frame["transform_matrix"], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(f"{label}: 'transform_matrix' is not a matrix of numbers. Correct or delete it.") from error
    return opencv_from_opengl(rigid_matrix(matrix, label))


# ---- parts ---------------------------------------------------------------------------------------------------------


def _number_or_none(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _picture_folders(file: Path, images: str | None) -> list[Path]:
    """Where pictures may lie beside the file's own folder: its run folder, where the file is our own; then `images`."""
    run_folder = [file.parent.parent] if is_file(file.parent / "cameras.json") else []
    if images is None:
        return run_folder
    if not is_folder(file.parent / images):
        raise UserError(f"dataset.images={images}: no such folder in {file.parent}.")
    return [*run_folder, Path(os.path.abspath(file.parent / images))]


def _splits(file: Path, value: Mapping[str, Any]) -> dict[str, Split]:
    """Which split each `file_path` is in, where the file says so; validation counts as test, and so does what is in both."""
    splits: dict[str, Split] = {}
    n_both = 0
    for key, split in _SPLIT_KEYS.items():
        names = value.get(key)
        for name in names if isinstance(names, list) else ():
            n_both += splits.get(str(name), split) != split
            splits[str(name)] = split
    if n_both:
        warn(f"{file}: {n_both} pictures are listed for training and for testing: they are held out of training")
    return splits


def _shared_intrinsics(cameras: Sequence[Camera]) -> dict[str, Any]:
    """What stands at the top of the file: all numbers of a single camera, else the model that several share."""
    if len(set(cameras)) == 1:
        return _intrinsics(cameras[0])
    models = [_model(camera) for camera in cameras]
    return models[0] if all(model == models[0] for model in models) else {}


def _model(camera: Camera) -> dict[str, Any]:
    """The model by nerfstudio's key, whose OPENCV has a k3 too, and by instant-ngp's."""
    has_k3_only = camera.model == "FULL_OPENCV" and not any(camera.distortion[5:])
    return {"camera_model": "OPENCV" if has_k3_only else camera.model, "is_fisheye": camera.model == "OPENCV_FISHEYE"}


def _intrinsics(camera: Camera) -> dict[str, Any]:
    h, w = camera.size_hw
    keys = LENSES[camera.model].coefficients
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
