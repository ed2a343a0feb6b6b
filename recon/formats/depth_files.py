"""Where depth that came with the pictures lies: from a phone's LiDAR, an RGB-D camera, or any program that wrote depth images.

Where a picture has one is known from where it lies; the units are those that each set is published with:

    PICTURE                      DEPTH                                 values                      CONFIDENCE
    rgbd/N.jpg                   rgbd/N.depth      (Record3D, raw)     float32 metres, LZFSE       rgbd/N.conf: 0 1 2
    rgb/T.png  (depth.txt)       depth/T.png       (TUM, by time)      1 / 5000 m
    NAME.color.png               NAME.depth.png    (7-Scenes)          mm
    images/T.jpg, corrected_..   depth/T.png       (Polycam)           mm                          confidence/T.png: to 255
    any/NAME.jpg                 depth_file_path of the frame in a     mm, or the file's integer_depth_scale; metres where
                                 transforms.json (nerfstudio)          floating
    any/NAME.jpg                 ../depth/NAME.png, .npy or .exr       mm; metres where floating   ../confidence/NAME.png

A capture's pictures are copies (`frames/`): the depth is looked for beside the photo that each was made of.
"""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats.image_files import IMAGE_SUFFIXES
from recon.formats.named_files import find_picture, inside
from recon.formats.text_tables import read_rows
from recon.geometry import View
from recon.workspace import read_json
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, read_json_value

MILLIMETRE, TUM_UNIT = 1e-3, 1 / 5000
_FORMATS = (".png", ".npy", ".exr", ".depth")
_DEPTH_KEYS = ("depth_file_path", "depth_path")  # nerfstudio, instant-ngp
_NEAR_IN_TIME_S = 0.02  # a TUM depth image belongs to a picture this near


@dataclass(frozen=True)
class DepthFile:
    """Where the depth of one picture lies, and what its numbers mean."""

    path: Path
    unit_m: float  # metres per count, of whole numbers; floating ones are metres
    confidence: Path | None = None
    is_portrait: bool = False  # the picture is: files without a header do not say


def find_depth(view: View) -> DepthFile | None:
    """The depth of the picture of `view`; None where it has none."""
    view = _as_filmed(view)
    return next((file for layout in _LAYOUTS if (file := layout(view)) is not None), None)


def depth_files(views: Iterable[View]) -> list[Path]:
    """All files that the depth of some pictures comes from."""
    found = [file for view in views if (file := find_depth(view)) is not None]
    return [path for file in found for path in (file.path, file.confidence) if path is not None]


def _as_filmed(view: View) -> View:
    """The view with the photo that its picture in a capture's `frames/` was made of; any other view as it is."""
    listing = view.image.parent / "frames.json"
    original = _originals(listing).get(view.image.name) if is_file(listing) else None
    return view if original is None else replace(view, image=original)


@cache
def _originals(listing: Path) -> dict[str, Path]:
    """The photo that each picture beside a `frames.json` was made of; none of a video's."""
    written = read_json(listing, made_by="python scripts/capture.py capture.source=... workspace=...")
    source, frames = written.get("source"), written.get("frames")
    if not isinstance(source, str) or not isinstance(frames, list):
        return {}
    named = [(frame.get("image"), frame.get("source_name")) for frame in frames if isinstance(frame, dict)]
    return {image: Path(source) / name for image, name in named if isinstance(image, str) and isinstance(name, str)}


def _record3d(view: View) -> DepthFile | None:
    path = view.image.with_suffix(".depth")
    if not is_file(path):
        return None
    confidence = path.with_suffix(".conf")
    h, w = view.camera.size_hw
    return DepthFile(path, 1.0, confidence if is_file(confidence) else None, is_portrait=h > w)


def _seven_scenes(view: View) -> DepthFile | None:
    stem, color, _ = view.image.name.rpartition(".color.")
    path = view.image.with_name(f"{stem}.depth.png")
    return DepthFile(path, MILLIMETRE) if color and is_file(path) else None


def _tum(view: View) -> DepthFile | None:
    listing = view.image.parent.parent / "depth.txt"
    if view.time_s is None or not is_file(listing):
        return None
    times, paths = _tum_listing(listing)
    nearest = int(np.argmin(np.abs(times - view.time_s)))
    return DepthFile(paths[nearest], TUM_UNIT) if abs(times[nearest] - view.time_s) <= _NEAR_IN_TIME_S else None


@cache
def _tum_listing(file: Path) -> tuple[NDArray[np.float64], list[Path]]:
    rows = [row for row in read_rows(file) if len(row.words) == 2]
    if not rows:
        raise UserError(f"{file}: no lines `timestamp path`. Expected those of a TUM RGB-D sequence.")
    times = []
    for row in rows:
        try:
            times.append(float(row.words[0]))
        except ValueError as error:
            raise UserError(f"{row.label}: expected a time stamp, found {row.words[0]!r}.") from error
    return np.array(times), [file.parent / row.words[1] for row in rows]


def _beside(view: View) -> DepthFile | None:
    """In `depth/` in the picture's folder or beside it: Polycam's export, and anybody's own."""
    for folder in (view.image.parent, view.image.parent.parent):
        for suffix in _FORMATS:
            path = folder / "depth" / f"{view.image.stem}{suffix}"
            if is_file(path):
                confidence = folder / "confidence" / f"{view.image.stem}.png"
                return DepthFile(path, MILLIMETRE, confidence if is_file(confidence) else None)
    return None


def _named(view: View) -> DepthFile | None:
    """By `depth_file_path` (nerfstudio) or `depth_path` (instant-ngp) of the picture's frame in a transforms.json."""
    for folder in (view.image.parent, view.image.parent.parent):
        listing = folder / "transforms.json"
        if is_file(listing) and (file := _depths_named(listing).get(_without_suffix(view.image))) is not None:
            return file
    return None


@cache
def _depths_named(listing: Path) -> dict[str, DepthFile]:
    """The depth of each picture, by its whole path without suffix; none where the file is no transforms.json.

    Whether it is a good one, and which depth is missing, the reader of poses tells, if it was asked for at all.
    """
    try:
        value = read_json_value(listing)
    except (OSError, ValueError):
        return {}
    frames = value.get("frames") if isinstance(value, dict) else None
    found = {}
    for frame in frames if isinstance(frames, list) else ():
        picture, depth = _text(frame, ("file_path",)), _text(frame, _DEPTH_KEYS)
        if picture and depth:
            path = find_picture(inside(listing, depth))
            if path is not None:
                found[_without_suffix(inside(listing, picture))] = DepthFile(path, _unit_of(value))
    return found


def names_depth(frame: Any) -> bool:
    """Whether a frame of a transforms.json names the depth of its picture."""
    return _text(frame, _DEPTH_KEYS) is not None


def _text(frame: Any, keys: Sequence[str]) -> str | None:
    """The first text under some keys of a frame."""
    values = (frame.get(key) for key in keys) if isinstance(frame, dict) else ()
    return next((value for value in values if isinstance(value, str) and value), None)


def _unit_of(value: dict[str, Any]) -> float:
    """Metres per count: instant-ngp writes it, nerfstudio means millimetres."""
    unit = value.get("integer_depth_scale")
    if isinstance(unit, bool) or not isinstance(unit, (int, float)) or not 0 < unit < math.inf:
        return MILLIMETRE
    return float(unit)


def _without_suffix(path: Path) -> str:
    return os.path.abspath(path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path)


_LAYOUTS: tuple[Callable[[View], DepthFile | None], ...] = (_record3d, _seven_scenes, _tum, _named, _beside)
