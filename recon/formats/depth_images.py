"""Depth that came with the pictures, read in metres.

Depth is along camera z and covers the whole picture, at a size of its own. 0, 65535 and what is not finite mean unknown.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from recon.formats.depth_files import DepthFile
from recon.workspace.errors import UserError
from recon.workspace.reading import check_readable, read_bytes

_MAX_BYTES = 1 << 29
_ARKIT_HIGH = 2  # ARKit's levels of confidence are 0 low, 1 middling, 2 high, and apps write them as they are
_SATURATED = 65535  # how 16-bit sets write "too far"
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DepthImage:
    """Depth of one picture as a sensor gave it."""

    depth_m: Floats  # [h, w] metres along camera z, 0 where unknown
    confidence: Floats  # [h, w] in [0, 1]; 0 where unknown

    def __post_init__(self) -> None:
        assert self.depth_m.ndim == 2 and self.depth_m.shape == self.confidence.shape


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
    """[h, w] in [0, 1], at the size of the depth; the highest level, or the highest value that the file could hold, is 1."""
    import cv2

    path = file.confidence
    assert path is not None
    if path.suffix == ".conf":  # Record3D
        values = _on_a_grid(np.frombuffer(_lzfse(path), np.uint8), file).astype(np.float32) / _ARKIT_HIGH
    else:
        advice = f"{path}: expected a grey picture of confidence, from 0 to 255. Delete it to go without."
        try:
            picture = _read_png(path)
        except ValueError as error:
            raise UserError(advice) from error
        highest = {"uint8": 255, "uint16": 65535}.get(picture.dtype.name)
        if picture.ndim != 2 or highest is None:
            raise UserError(advice)
        values = picture.astype(np.float32) / (_ARKIT_HIGH if picture.max(initial=0) <= _ARKIT_HIGH else highest)
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
