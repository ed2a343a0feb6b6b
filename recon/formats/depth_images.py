"""Depth that came with the pictures: from a phone's LiDAR, an RGB-D camera, or any program that wrote depth images.

Where a picture has one is known from where it lies; the units are those that each set is published with:

    PICTURE                      DEPTH                                 values                      CONFIDENCE
    rgbd/N.jpg                   rgbd/N.depth      (Record3D, raw)     float32 metres, LZFSE       rgbd/N.conf: 0 1 2
    rgb/T.png  (depth.txt)       depth/T.png       (TUM, by time)      1 / 5000 m
    NAME.color.png               NAME.depth.png    (7-Scenes)          mm
    images/T.jpg, corrected_..   depth/T.png       (Polycam)           mm                          confidence/T.png: to 255
    any/NAME.jpg                 ../depth/NAME.png, .npy or .exr       mm; metres where floating   ../confidence/NAME.png

A capture's pictures are copies (`frames/`): the depth is looked for beside the photo that each was made of.

Depth is along camera z and covers the whole picture, at a size of its own. 0, 65535 and what is not finite mean unknown.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from recon.formats.text_tables import read_rows
from recon.geometry import View
from recon.workspace import read_json
from recon.workspace.errors import UserError
from recon.workspace.reading import check_readable, is_file, read_bytes

MILLIMETRE, TUM_UNIT = 1e-3, 1 / 5000
_FORMATS = (".png", ".npy", ".exr", ".depth")
_NEAR_IN_TIME_S = 0.02  # a TUM depth image belongs to a picture this near
_MAX_BYTES = 1 << 29
_SATURATED = 65535  # how 16-bit sets write "too far"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DepthFile:
    """Where the depth of one picture lies, and what its numbers mean."""

    path: Path
    unit_m: float  # metres per count, of whole numbers; floating ones are metres
    confidence: Path | None = None
    is_portrait: bool = False  # the picture is: files without a header do not say


@dataclass(frozen=True)
class DepthImage:
    """Depth of one picture as a sensor gave it."""

    depth_m: Floats  # [h, w] metres along camera z, 0 where unknown
    confidence: Floats  # [h, w] in [0, 1]; 0 where unknown

    def __post_init__(self) -> None:
        assert self.depth_m.ndim == 2 and self.depth_m.shape == self.confidence.shape


def find_depth(view: View) -> DepthFile | None:
    """The depth of the picture of `view`; None where it has none."""
    view = _as_filmed(view)
    return next((file for layout in _LAYOUTS if (file := layout(view)) is not None), None)


def depth_files(views: Iterable[View]) -> list[Path]:
    """All files that the depth of some pictures comes from."""
    found = [file for view in views if (file := find_depth(view)) is not None]
    return [path for file in found for path in (file.path, file.confidence) if path is not None]


def read_depth(file: DepthFile) -> DepthImage:
    """Read it. Raises `UserError` naming the file where it is no depth image."""
    values = _read(file)
    if values.ndim != 2:
        raise UserError(
            f"{file.path}: expected one depth per pixel, found shape {list(values.shape)}. Export it as depth."
        )
    is_whole = np.issubdtype(values.dtype, np.integer)
    metres = values.astype(np.float64) * (file.unit_m if is_whole else 1.0)
    known = np.isfinite(metres) & (metres > 0) & (values != _SATURATED if is_whole else True)
    depth = np.where(known, np.where(np.isfinite(metres), metres, 0), 0).astype(np.float32)
    confidence = known.astype(np.float32)
    if file.confidence is not None:
        confidence *= _confidence(file, depth.shape)
    return DepthImage(depth, confidence)


# ---- where it lies -------------------------------------------------------------------------------------------------


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


_LAYOUTS: tuple[Callable[[View], DepthFile | None], ...] = (_record3d, _seven_scenes, _tum, _beside)


# ---- what is in it -------------------------------------------------------------------------------------------------


def _read(file: DepthFile) -> NDArray:
    """The numbers of a depth image as they are."""
    path = file.path
    check_readable(path, at_most=_MAX_BYTES)
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".depth":
            return _on_a_grid(np.frombuffer(_lzfse(path), np.float32), file)
        return _read_picture(path)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a depth image ({error}). Export it again, or delete it to go without.") from error


def _read_picture(path: Path) -> NDArray:
    values = _read_exr(path) if path.suffix == ".exr" else _read_png(path)
    if values.dtype in (np.uint8, np.bool_):
        raise ValueError("8 bits per pixel are a picture of depth, not depth; expected 16 bits")
    return values


def _read_png(path: Path) -> NDArray:
    try:
        return iio.imread(path, plugin="pillow")
    except (OSError, SyntaxError) as error:  # Pillow's word for damaged chunks is SyntaxError
        raise ValueError("it cannot be decoded") from error


def _read_exr(path: Path) -> NDArray:
    """Floating pixels, which none of imageio's plugins reads without a program beside it."""
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")  # read when cv2 first meets an EXR
    import cv2

    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("it cannot be decoded")
    return values


def _confidence(file: DepthFile, size_hw: tuple[int, ...]) -> Floats:
    """[h, w] in [0, 1], brought to the size of the depth; the highest value that the file could hold is 1."""
    import cv2

    path = file.confidence
    assert path is not None
    if path.suffix == ".conf":  # Record3D: 0 low, 1 middling, 2 high
        values = _on_a_grid(np.frombuffer(_lzfse(path), np.uint8), file).astype(np.float32) / 2
    else:
        advice = f"{path}: expected a grey picture of confidence, from 0 to 255. Delete it to go without."
        try:
            picture = _read_png(path)
        except ValueError as error:
            raise UserError(advice) from error
        highest = {"uint8": 255, "uint16": 65535}.get(picture.dtype.name)
        if picture.ndim != 2 or highest is None:
            raise UserError(advice)
        values = picture.astype(np.float32) / highest
    return cv2.resize(values.clip(0, 1), size_hw[::-1], interpolation=cv2.INTER_NEAREST).astype(np.float32)


def _lzfse(path: Path) -> bytes:
    try:
        import liblzfse
    except ImportError as error:
        raise UserError(
            f"{path}: Record3D compresses depth with LZFSE. `pip install pyliblzfse` to read it, or go without depth: "
            "train.sensor_depth=false mesh.sensor_depth=false"
        ) from error
    try:
        return liblzfse.decompress(read_bytes(path, at_most=_MAX_BYTES))
    except liblzfse.error as error:
        raise ValueError(str(error)) from error


def _on_a_grid(values: NDArray, file: DepthFile) -> NDArray:
    """[h, w] of a file without a header: iPhones' LiDAR has 256 x 192, their front camera 640 x 480."""
    sizes = {192 * 256: (192, 256), 480 * 640: (480, 640)}
    if len(values) not in sizes:
        raise UserError(f"{file.path}: {len(values)} values; expected 192 x 256 or 480 x 640. Export it again.")
    size_hw = sizes[len(values)]
    return values.reshape(size_hw[::-1] if file.is_portrait else size_hw)
