"""Where depth that came with the pictures lies: from a phone's LiDAR, an RGB-D camera, or any program that wrote depth images.

Where a picture has one is known from where it lies; the units are those that each set is published with:

    PICTURE                      DEPTH                                 values                      CONFIDENCE
    rgbd/N.jpg                   rgbd/N.depth      (Record3D, raw)     float32 metres, LZFSE       rgbd/N.conf: 0 1 2
    rgb/T.png                    depth.txt or associations.txt (TUM)   1 / 5000 m
    NAME.color.png, NAME-rgb.png NAME.depth.png    (7-Scenes)          mm
    frameN.jpg                   depthN.png        (Replica)           1 / 6553.5 m
    images/T.jpg, corrected_..   depth/T.png       (Polycam)           mm                          confidence/T.png: to 255
    any/NAME.jpg                 depth_file_path of the frame in a     mm, or the file's integer_depth_scale; metres where
                                 transforms.json (nerfstudio)          floating
    any/NAME.jpg                 ../depth/NAME.png, .npy, .exr, .tiff  mm; metres where floating   ../confidence/NAME.png
    rgb.mp4, frame N             depth/N.png       (Stray Scanner)     mm                          confidence/N.png: 0 1 2

A capture's pictures are copies (`frames/`): the depth is looked for beside the photo that each was made of.
"""

import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from recon.formats.depth_lists import listed_depth
from recon.formats.depth_names import CONFIDENCE_FOLDER, DEPTH_FOLDER, DEPTH_SUFFIXES, depth_beside
from recon.formats.image_files import IMAGE_SUFFIXES
from recon.formats.named_files import find_picture, inside
from recon.geometry import View
from recon.workspace import read_json
from recon.workspace.reading import is_file, is_folder, read_json_value

MILLIMETRE, TUM_UNIT = 1e-3, 1 / 5000
_DEPTH_KEYS = ("depth_file_path", "depth_path")  # nerfstudio, instant-ngp


@dataclass(frozen=True)
class DepthFile:
    """Where the depth of one picture lies, and what its numbers mean."""

    path: Path
    unit_m: float  # metres per count, of whole numbers; floating ones are metres
    confidence: Path | None = None
    is_portrait: bool = False  # the picture is: files without a header do not say


def find_depth(view: View) -> DepthFile | None:
    """The depth of the picture of `view`; None where it has none."""
    h, w = view.camera.size_hw
    return depth_of_photo(_as_filmed(view.image), time_s=view.time_s, is_portrait=h > w)


def depth_of_photo(image: Path, *, time_s: float | None = None, is_portrait: bool = False) -> DepthFile | None:
    """The depth of a photo that lies where a person put it; None where it has none.

    time_s: when it was taken, where that is known. is_portrait: how it is held; raw depth does not say.
    """
    photo = _Photo(image, time_s, is_portrait)
    return next((file for layout in _LAYOUTS if (file := layout(photo)) is not None), None)


def depth_files(views: Iterable[View]) -> list[Path]:
    """All files that the depth of some pictures comes from."""
    found = [file for view in views if (file := find_depth(view)) is not None]
    return [path for file in found for path in (file.path, file.confidence) if path is not None]


@dataclass(frozen=True)
class _Photo:
    image: Path
    time_s: float | None
    is_portrait: bool


def _as_filmed(image: Path) -> Path:
    """The photo that a picture in a capture's `frames/` was made of; any other picture as it is."""
    listing = image.parent / "frames.json"
    original = _originals(listing).get(image.name) if is_file(listing) else None
    return image if original is None else original


@cache
def _originals(listing: Path) -> dict[str, Path]:
    """The photo that each picture beside a `frames.json` was made of; of a film's frames what their depth is named by."""
    written = read_json(listing, made_by="python scripts/capture.py capture.source=... workspace=...")
    source, frames = written.get("source"), written.get("frames")
    if not isinstance(source, str) or not isinstance(frames, list):
        return {}
    film = _numbered_depth(Path(source)) if written.get("kind") == "video" else {}
    found = {}
    for frame in (frame for frame in frames if isinstance(frame, dict)):
        image, name, number = frame.get("image"), frame.get("source_name"), frame.get("source_index")
        if isinstance(image, str) and isinstance(name, str):
            found[image] = Path(source) / name
        elif isinstance(image, str) and isinstance(number, int) and number in film:
            found[image] = film[number]
    return found


def _numbered_depth(film: Path) -> dict[int, Path]:
    """The place of a picture whose depth each frame of a film has, by its number: `depth/00012` beside the film, frame 12."""
    folder = film.parent / DEPTH_FOLDER
    names = sorted(os.listdir(folder)) if is_folder(folder) else []
    stems = (Path(name).stem for name in names if Path(name).suffix in DEPTH_SUFFIXES)
    return {int(stem): film.with_name(f"{stem}.png") for stem in stems if stem.isdecimal() and len(stem) < 18}


def _record3d(photo: _Photo) -> DepthFile | None:
    path = photo.image.with_suffix(".depth")
    if not is_file(path):
        return None
    confidence = path.with_suffix(".conf")
    return DepthFile(path, 1.0, confidence if is_file(confidence) else None, photo.is_portrait)


def _beside_under_its_name(photo: _Photo) -> DepthFile | None:
    found = depth_beside(photo.image)
    return None if found is None else DepthFile(*found)


def _tum(photo: _Photo) -> DepthFile | None:
    path = listed_depth(photo.image, photo.time_s)
    return None if path is None else DepthFile(path, TUM_UNIT)


def _in_folder(photo: _Photo) -> DepthFile | None:
    """In `depth/` in the picture's folder or beside it: Polycam's export, and anybody's own."""
    for folder in (photo.image.parent, photo.image.parent.parent):
        for suffix in DEPTH_SUFFIXES:
            path = folder / DEPTH_FOLDER / f"{photo.image.stem}{suffix}"
            if is_file(path):
                confidence = folder / CONFIDENCE_FOLDER / f"{photo.image.stem}.png"
                return DepthFile(path, MILLIMETRE, confidence if is_file(confidence) else None)
    return None


def _named(photo: _Photo) -> DepthFile | None:
    """By `depth_file_path` (nerfstudio) or `depth_path` (instant-ngp) of the picture's frame in a transforms.json."""
    for folder in (photo.image.parent, photo.image.parent.parent):
        listing = folder / "transforms.json"
        if is_file(listing) and (file := _depths_named(listing).get(_without_suffix(photo.image))) is not None:
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


_LAYOUTS: tuple[Callable[[_Photo], DepthFile | None], ...] = (
    _record3d,
    _beside_under_its_name,
    _tum,
    _named,
    _in_folder,
)
