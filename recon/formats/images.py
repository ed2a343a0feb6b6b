"""Photographs and other pictures on disk <-> uint8 arrays: jpg, png, webp, tiff.

Pixels come out as a person sees them: the EXIF orientation is applied, 16-bit channels are scaled to 8, palettes, grey
and CMYK become RGB, and a picture with transparency keeps it as a fourth, straight (not premultiplied) channel.
"""

import os
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from recon.errors import UserError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # an allow list: Pillow's other readers see no untrusted bytes
_DAMAGE = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, EOFError, struct.error, zlib.error)
# No camera makes more; a small file that claims more is a decompression bomb.
MAX_PIXELS = 150_000_000
_DIAGONAL_35MM = float(np.hypot(36.0, 24.0))
_PROJECTION_TYPE = re.compile(rb"GPano:ProjectionType\s*(?:=\s*[\"']|>)\s*([A-Za-z]+)")
_TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap height and width


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself, read without decoding its pixels."""

    size_hw: tuple[int, int]  # after `orientation` is applied
    orientation: int  # EXIF 1..8; 1 = stored as seen
    format: str  # "JPEG", "PNG", "WEBP", "TIFF"
    mode: str  # Pillow's: "RGB", "L", "RGBA", "P", "I;16", ...
    focal_px: float | None  # EXIF focal length in pixels of this size
    camera: str | None  # EXIF maker and model
    projection: str | None = None  # of panoramas, as their XMP (GPano) says: "equirectangular", "cylindrical"


def read_image(path: Path, *, orientation: int | None = None) -> NDArray[np.uint8]:
    """Read a picture as uint8 [h, w, 3] RGB, or [h, w, 4] with straight alpha where the file has transparency.

    `orientation` (EXIF code 1..8) overrides the file's own. Raises `UserError` for anything that is not a whole image.
    """
    with _opened(path) as image:
        try:
            image.load()
            pixels = np.array(_eight_bit(image, path))
            return turned(pixels, _orientation(image) if orientation is None else orientation)
        except _DAMAGE as error:
            raise UserError(
                f"{path}: the image is damaged or cut off ({error}). Copy it again from the camera or remove it."
            ) from error


def read_header(path: Path) -> ImageHeader:
    """Size, orientation and EXIF focal length of a picture, without decoding it."""
    with _opened(path) as image:
        orientation = _orientation(image)
        w, h = image.size
        return ImageHeader(
            size_hw=(w, h) if orientation in _TRANSPOSED else (h, w),
            orientation=orientation,
            format="JPEG" if image.format == "MPO" else str(image.format),
            mode=image.mode,
            focal_px=_focal_px(image),
            camera=_camera_name(image),
            projection=_projection(image),
        )


def image_size_hw(path: Path) -> tuple[int, int]:
    """(h, w) of a picture as `read_image` would return it, without decoding it."""
    return read_header(path).size_hw


def exif_focal_px(path: Path) -> float | None:
    """EXIF focal length in pixels of the picture's own size; None where the file does not say."""
    return read_header(path).focal_px


def write_image(path: Path, image: NDArray[np.uint8], *, quality: int = 95) -> None:
    """Write uint8 [h, w], [h, w, 3] or [h, w, 4] by the suffix: jpg (full chroma, no alpha) or png (lossless)."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"{path.name}: expected uint8 [h, w], [h, w, 3] or [h, w, 4], got {image.dtype} {image.shape}")
    suffix = path.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        # 4:4:4: at half chroma resolution thin coloured edges bleed, and the field would learn the bleeding.
        Image.fromarray(image).save(path, "JPEG", quality=quality, subsampling=0, optimize=True)
    elif suffix == ".png":
        Image.fromarray(image).save(path, "PNG", compress_level=4)
    else:
        raise ValueError(f"{path.name}: images are written as .jpg or .png")


def resize_image(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Resample to `size_hw` with a Lanczos filter (area-correct when shrinking; alpha-weighted colours)."""
    h, w = size_hw
    return np.asarray(Image.fromarray(image).resize((w, h), Image.Resampling.LANCZOS, reducing_gap=3.0))


def turned(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The array [h, w, ...] as stored turned to be seen as the EXIF `orientation` 1..8 says."""
    mirrored, quarter_turns = _TURNS[orientation]
    return np.ascontiguousarray(np.rot90(values[:, ::-1] if mirrored else values, quarter_turns))


def fit_within(size_hw: tuple[int, int], max_size: int | None) -> tuple[int, int]:
    """The size with its longest side shrunk to `max_size`, never enlarged; None keeps it.

    >>> fit_within((1080, 1920), 960)
    (540, 960)
    """
    h, w = size_hw
    if max_size is None or max(h, w) <= max_size:
        return h, w
    scale = max_size / max(h, w)
    return max(1, round(h * scale)), max(1, round(w * scale))


def list_images(folder: Path) -> list[Path]:
    """The image files directly in `folder`, hidden ones left out, in natural order (img2 before img10)."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith("."))
    return sorted((p for p in found if p.is_file()), key=lambda p: natural_key(p.name))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which numbers in names count as numbers.

    >>> sorted(["b10", "b9", "a"], key=natural_key)
    ['a', 'b9', 'b10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return (*((0, int(p), p) if p[0] in "0123456789" else (1, 0, p.lower()) for p in parts), (-1, 0, name))


# ---- reading -------------------------------------------------------------------------------------------------------

# Mirrored left-right first, then quarter turns to the left.
_TURNS = {
    1: (False, 0),
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The file opened by Pillow, its header read and its size found sane."""
    if not path.is_file():
        raise UserError(f"{path}: there is no such image file. Check the path.")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty. Copy it again from the camera or remove it.")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: no permission to read it. Change its permissions (chmod +r).")
    image = _open(path)
    with image, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; what matters is checked here
        w, h = image.size
        if w * h > MAX_PIXELS or w < 1 or h < 1:
            raise UserError(
                f"{path}: claims {w}x{h} pixels; at most {MAX_PIXELS // 10**6} million are read. Downscale it."
            )
        yield image


def _open(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(path, formats=_FORMATS)
        except Image.DecompressionBombError as error:
            raise UserError(f"{path}: claims an absurd size ({error}). Downscale it first.") from error
        except _DAMAGE as error:
            raise UserError(
                f"{path}: not an image that can be read (expected jpg, png, webp or tiff). Convert or remove it."
            ) from error


def _eight_bit(image: Image.Image, path: Path) -> Image.Image:
    """Any mode to RGB or RGBA, 8 bits a channel."""
    if image.mode.startswith("I"):  # 16 bits of grey; colour at 16 bits Pillow itself reads as its high bytes
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UserError(f"{path}: has 32-bit integer pixels; expected 8 or 16 bits a channel. Convert it to png.")
        return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise UserError(f"{path}: has floating-point pixels; expected 8 or 16 bits a channel. Convert it to png.")
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        return image.convert("RGBA")
    return image.convert("RGBA" if "transparency" in image.info else "RGB")


# ---- EXIF ----------------------------------------------------------------------------------------------------------


def _exif(image: Image.Image) -> dict[int, object]:
    """Main and camera EXIF tags in one dictionary; empty where there are none or they are damaged."""
    try:
        tags = image.getexif()
        return {**dict(tags), **dict(tags.get_ifd(ExifTags.IFD.Exif))}
    except _DAMAGE:
        return {}


def _orientation(image: Image.Image) -> int:
    value = _exif(image).get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and value in range(1, 9) else 1


def _camera_name(image: Image.Image) -> str | None:
    exif = _exif(image)
    parts = [str(exif[tag]).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model) if tag in exif]
    return " ".join(p for p in parts if p) or None


def _projection(image: Image.Image) -> str | None:
    """GPano:ProjectionType, an attribute or an element, found without an XML parser: what is untrusted stays bytes."""
    for key in ("xmp", "XML:com.adobe.xmp"):  # jpg, webp and tiff; png
        xmp = image.info.get(key, b"")
        found = _PROJECTION_TYPE.search(xmp.encode() if isinstance(xmp, str) else xmp)
        if found is not None:
            return found.group(1).decode().lower()
    return None


def _focal_px(image: Image.Image) -> float | None:
    """Focal length in pixels from the 35 mm equivalent, else from the millimetres and the focal-plane resolution.

    The 35 mm equivalent compares diagonals (CIPA DCG-001), so it holds for any aspect ratio and any later downscaling.
    The focal-plane resolution counts pixels of the original picture: it is scaled by how much smaller this one is.
    """
    exif = _exif(image)
    w, h = image.size
    equivalent_mm = _number(exif.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent_mm is not None:
        return _plausible(equivalent_mm * float(np.hypot(w, h)) / _DIAGONAL_35MM, w, h)
    focal_mm = _number(exif.get(ExifTags.Base.FocalLength))
    pixels_per_unit = _number(exif.get(ExifTags.Base.FocalPlaneXResolution))
    mm_per_unit = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(exif.get(ExifTags.Base.FocalPlaneResolutionUnit, 2))  # type: ignore[call-overload]
    if focal_mm is None or pixels_per_unit is None or mm_per_unit is None:
        return None
    original_w = _number(exif.get(ExifTags.Base.ExifImageWidth)) or w
    return _plausible(focal_mm * pixels_per_unit / mm_per_unit * w / original_w, w, h)


def _number(value: object) -> float | None:
    """A positive finite float, or None (absent, 0 = unknown, zero denominators)."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _plausible(focal_px: float, w: int, h: int) -> float | None:
    """Fields of view from 5 to 150 degrees; beyond that the tag is wrong and no prior is the better prior."""
    return focal_px if 0.13 < focal_px / max(w, h) < 12 else None
