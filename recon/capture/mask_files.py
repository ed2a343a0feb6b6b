"""Mask files that a person put beside the source: `masks/` in a folder of photos, `<stem>_masks/` beside a video."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.capture.records import FrameRecord
from recon.console import warn
from recon.errors import UserError
from recon.formats.images import read_image

FOLDER = "masks"
ReadFn = Callable[[FrameRecord], NDArray[np.bool_] | None]  # the mask given for a frame, upright, of any size


def mask_folder(source: Path) -> Path:
    """Where mask files of a source are looked for."""
    return source / FOLDER if source.is_dir() else source.with_name(f"{source.stem}_{FOLDER}")


def read_mask_file(path: Path) -> NDArray[np.bool_]:
    """True where the mask is not black. [h, w]"""
    return np.asarray(read_image(path)[..., :3].max(-1) > 0)


def masks_of_video(source: Path, n_frames: int) -> dict[int, Path]:
    """The mask files of a video by number of the frame, counted from 0; empty where there is no folder of masks.

    The last digits of a name are the number: 12.png, 00012.png, frame_00012.png.
    """
    folder = mask_folder(source)
    if not folder.is_dir():
        return {}
    by_number = {}
    for file in _png_files(folder, "one png for each frame, numbered from 0, e.g. 00012.png"):
        digits = re.findall(r"[0-9]+", file.stem)
        if digits:
            by_number[int(digits[-1])] = file
    if 0 not in by_number and n_frames in by_number:
        raise UserError(
            f"{folder}: masks are numbered up to {n_frames}; expected numbers from 0, as the first of the {n_frames} "
            "frames is number 0 (with ffmpeg: -start_number 0). Rename them."
        )
    _check_used(folder, by_number, range(n_frames), "frames of the video by number from 0")
    return by_number


def masks_of_photos(source: Path, photos: Sequence[Path]) -> dict[str, Path]:
    """The mask files of photos by file name of the photo: <stem>.png, or <file name>.png where a stem is used twice."""
    folder = mask_folder(source)
    if not folder.is_dir():
        return {}
    files = {file.stem: file for file in _png_files(folder, "<photo>.png for each photo, e.g. IMG_12.png")}
    _check_used(folder, files, {key for photo in photos for key in (photo.stem, photo.name)}, "photos by name")
    return {photo.name: files[key] for photo in photos for key in (photo.stem, photo.name) if key in files}


def _png_files(folder: Path, expected: str) -> list[Path]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".png" and not p.name.startswith("."))
    if not files:
        raise UserError(f"{folder}: holds no masks; expected {expected}. Put them there or remove the folder.")
    return files


def _check_used(folder: Path, files: Mapping[Any, Path], known: Collection[Any], what: str) -> None:
    """None of the masks belonging to anything is a mistake; some is worth a warning."""
    unused = [file.name for key, file in files.items() if key not in known]
    if len(unused) == len(files):
        raise UserError(f"{folder}: none of its masks matches the {what}; found {', '.join(unused[:3])}. Rename them.")
    if unused:
        warn(f"{folder}: {len(unused)} masks match none of the {what}: {', '.join(unused[:5])}")
