"""The formats of given poses, each with its reader and the settings that it knows."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from recon.formats import blender, colmap, csv_poses, kitti, llff, polycam, record3d, seven_scenes, transforms_json, tum
from recon.formats.intrinsics import Intrinsics
from recon.geometry.reconstruction import Reconstruction
from recon.poses.given.video_frames import extract_frames
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder


class Options(NamedTuple):
    """What a reader may need beside the path of the data set."""

    images: str | None
    intrinsics: Intrinsics | None
    time_tolerance_s: float | None
    workspace: Workspace


class Format(NamedTuple):
    """How a format is read, and which of the options it knows."""

    read: Callable[[Path, Options], Reconstruction]
    options: tuple[str, ...] = ()


def _read_colmap(path: Path, options: Options) -> Reconstruction:
    folder, images = path if is_folder(path) else path.parent, options.images
    if images is not None and not is_folder(folder / images):
        raise UserError(f"dataset.images={images}: no such folder in {folder}.")
    return colmap.read(path, images=folder / images if images is not None else None)


def _read_kitti(path: Path, options: Options) -> Reconstruction:
    pictures, times_s = kitti.find_pictures(path, options.images), None
    if is_file(pictures):  # a video
        times_s = extract_frames(options.workspace, pictures)
        pictures = options.workspace.frames.resolve()
    return kitti.read(path, pictures=pictures, intrinsics=options.intrinsics, times_s=times_s)


def _read_tum(path: Path, options: Options) -> Reconstruction:
    images, intrinsics, time_tolerance_s, _ = options
    return tum.read(path, images=images, intrinsics=intrinsics, time_tolerance_s=time_tolerance_s)


FORMATS = {
    "transforms": Format(lambda path, options: transforms_json.read(path, images=options.images), ("images",)),
    "blender": Format(lambda path, options: blender.read(path)),
    "colmap": Format(_read_colmap, ("images",)),
    "llff": Format(lambda path, options: llff.read(path, images=options.images), ("images",)),
    "tum": Format(_read_tum, ("images", "intrinsics", "time_tolerance_s")),
    "kitti": Format(_read_kitti, ("images", "intrinsics")),
    "seven_scenes": Format(
        lambda path, options: seven_scenes.read(path, intrinsics=options.intrinsics), ("intrinsics",)
    ),
    "csv": Format(lambda path, options: csv_poses.read(path, intrinsics=options.intrinsics), ("intrinsics",)),
    "polycam": Format(lambda path, options: polycam.read(path)),
    "record3d": Format(lambda path, options: record3d.read(path)),
}
