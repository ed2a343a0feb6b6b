"""Mask files that a person put beside the source: `masks/` in a folder of photos or `<photo>_mask.png` among them, `<stem>_masks/`
beside a video."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats.frames_json import FrameRecord
from recon.formats.image_files import IMAGE_SUFFIXES
from recon.formats.images import list_images
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

FOLDER = "masks"
_FOLDERS = (FOLDER, "mask")  # in any case
# IMG_12_mask (Metashape), IMG_12.jpg.mask (RealityCapture)
_MARKED = re.compile(r"(?P<photo>.+)[._ -]masks?", re.IGNORECASE)
ReadFn = Callable[[FrameRecord], NDArray[np.bool_] | None]  # the mask given for a frame, upright, of any size


def mask_folder(source: Path) -> Path:
    """Where mask files of a source are looked for: `masks`, also named `Masks` or `mask`."""
    place, before = (source, "") if is_folder(source) else (source.parent, f"{source.stem}_")
    wanted = [(before + name).casefold() for name in _FOLDERS]
    found = [p for p in place.iterdir() if p.name.casefold() in wanted] if is_folder(place) else []
    exact = place / f"{before}{FOLDER}"
    return exact if exact in found or not found else min(found)


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder among photos holds masks, by its name."""
    return folder.name.casefold() in _FOLDERS


def masks_among(pictures: Sequence[Path]) -> dict[Path, Path]:
    """The pictures that are named as masks of others in the same folder -> those: IMG_12_mask.png, IMG_12.jpg.mask.png."""
    named = {key: path for path in pictures for key in (_key(path.with_suffix("")), _key(path))}
    marked = {path: _MARKED.fullmatch(path.stem) for path in pictures}
    photos = {path: named.get(_key(path.with_name(match["photo"]))) for path, match in marked.items() if match}
    return {path: photo for path, photo in photos.items() if photo is not None}


def _key(path: Path) -> str:
    return path.as_posix().casefold()


def masks_of_video(source: Path, n_frames: int) -> dict[int, Path]:
    """The mask files of a video by number of the frame, counted from 0; empty where there is no folder of masks.

    The last digits of a name are the number: 12.png, 00012.png, frame_00012.png.
    """
    folder = mask_folder(source)
    if not is_folder(folder):
        return {}
    expected = "one picture for each frame, numbered from 0, e.g. 00012.png"
    by_number, unnumbered = {}, []
    for file in _files(folder, expected):
        digits = re.findall(r"[0-9]+", file.stem)
        if digits and len(digits[-1]) < 18:
            by_number[int(digits[-1])] = file
        else:
            unnumbered.append(file.name)
    if not by_number:
        raise UserError(f"{folder}: expected {expected}; found {', '.join(unnumbered[:3])}. Rename them.")
    if unnumbered:
        warn(f"{folder}: {len(unnumbered)} masks have no number and are left out: {', '.join(unnumbered[:5])}")
    if 0 not in by_number and n_frames in by_number:
        raise UserError(
            f"{folder}: masks are numbered up to {n_frames}; expected numbers from 0, as the first of the {n_frames} "
            "frames is number 0 (with ffmpeg: -start_number 0). Rename them."
        )
    _check_used(folder, by_number, range(n_frames), "frames of the video by number from 0")
    return by_number


def masks_of_photos(source: Path, photos: Sequence[Path]) -> dict[str, Path]:
    """The mask files of photos by the path of the photo in `source`: <path>.png with or without the photo's own suffix, or `_mask`.

    The masks of photos in sub-folders lie in the same sub-folders of the folder of masks, or beside the photos themselves.
    """
    folder, beside = mask_folder(source), _masks_beside(photos)
    if not is_folder(folder):
        return {photo.relative_to(source).as_posix(): mask for photo, mask in beside.items()}
    listed = _files(folder, "<photo>.png for each photo, e.g. IMG_12.png")
    files = {_unmarked(_key(file.relative_to(folder).with_suffix(""))): file for file in listed}
    named = {photo: photo.relative_to(source) for photo in photos}
    keys = {photo: [p.as_posix().casefold() for p in (path.with_suffix(""), path)] for photo, path in named.items()}
    _check_used(folder, files, {key for pair in keys.values() for key in pair}, "photos by name")
    found = {named[photo].as_posix(): files[key] for photo in photos for key in keys[photo] if key in files}
    return {named[photo].as_posix(): mask for photo, mask in beside.items()} | found


def _unmarked(stem: str) -> str:
    match = _MARKED.fullmatch(stem)
    return stem if match is None else match["photo"]


def _masks_beside(photos: Sequence[Path]) -> dict[Path, Path]:
    """The masks that lie among the photos, by photo."""
    pictures = [path for folder in dict.fromkeys(photo.parent for photo in photos) for path in list_images(folder)]
    found = {photo: mask for mask, photo in masks_among(pictures).items() if photo in set(photos)}
    if found:
        say(f"capture: {len(found)} masks lie among the photos ({min(found.values()).name}, ...)")
    return found


def _files(folder: Path, expected: str) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    files = sorted(p for p in found if is_file(p))
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
