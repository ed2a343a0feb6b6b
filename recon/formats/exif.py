"""What cameras write into picture files: EXIF tags, and the projection of panoramas. Damage counts as nothing said."""

import os
import re
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

_OF_PYTHON = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    ArithmeticError,
)
DAMAGE = (*_OF_PYTHON, MemoryError, struct.error, zlib.error)
_DIAGONAL_35MM = float(np.hypot(36.0, 24.0))
_PROJECTION_TYPE = re.compile(rb"GPano:ProjectionType\s*(?:=\s*[\"']|>)\s*([A-Za-z]+)")


def read_exif(image: Image.Image, path: Path) -> dict[int, object]:
    """Main and camera EXIF tags in one dictionary; empty where there are none or they are damaged.

    Pillow decodes a whole png to look for EXIF behind its pixels, so those are looked for here.
    """
    try:
        tags = Image.Exif() if image.format == "PNG" else image.getexif()
        if image.format == "PNG":
            data = _png_exif(path)
            if data is not None:
                tags.load(data)
        return {**dict(tags), **dict(tags.get_ifd(ExifTags.IFD.Exif))}
    except DAMAGE:
        return {}


def _png_exif(path: Path) -> bytes | None:
    """The eXIf chunk of a png, found by hopping over the others."""
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", head)
            if kind == b"eXIf":
                return _whole(file, size)
            file.seek(size + 4, os.SEEK_CUR)
    return None


def _whole(file: BinaryIO, size: int) -> bytes | None:
    data = file.read(min(size, 1 << 20))
    return data if len(data) == size else None


def orientation_in(exif: dict[int, object]) -> int:
    """How the stored picture is turned to be shown: EXIF code 1..8; 1 where nothing says so."""
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and value in range(1, 9) else 1


def camera_name_in(exif: dict[int, object]) -> str | None:
    """Make and model of the camera."""
    parts = [str(exif[tag]).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model) if tag in exif]
    return " ".join(p for p in parts if p) or None


def projection_in(image: Image.Image) -> str | None:
    """GPano:ProjectionType, an attribute or an element, found without an XML parser: what is untrusted stays bytes."""
    for key in ("xmp", "XML:com.adobe.xmp"):  # jpg, webp and tiff; png
        xmp = image.info.get(key, b"")
        xmp = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
        found = _PROJECTION_TYPE.search(xmp) if isinstance(xmp, bytes) else None  # a tiff may hold numbers there
        if found is not None:
            return found.group(1).decode().lower()
    return None


def focal_px_in(exif: dict[int, object], w: int, h: int) -> float | None:
    """Focal length in pixels from the 35 mm equivalent, else from the millimetres and the focal-plane resolution.

    The 35 mm equivalent compares diagonals (CIPA DCG-001), so it holds for any aspect ratio and any later downscaling.
    The focal-plane resolution counts pixels of the original picture: it is scaled by how much smaller this one is.
    """
    equivalent_mm = _number(exif.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent_mm is not None:
        return _plausible(equivalent_mm * float(np.hypot(w, h)) / _DIAGONAL_35MM, w, h)
    focal_mm = focal_mm_in(exif)
    pixels_per_unit = _number(exif.get(ExifTags.Base.FocalPlaneXResolution))
    unit = exif.get(ExifTags.Base.FocalPlaneResolutionUnit, 2)
    mm_per_unit = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(unit) if isinstance(unit, int) else None
    if focal_mm is None or pixels_per_unit is None or mm_per_unit is None:
        return None
    original_w = _number(exif.get(ExifTags.Base.ExifImageWidth)) or w
    return _plausible(focal_mm * pixels_per_unit / mm_per_unit * w / original_w, w, h)


def focal_mm_in(exif: dict[int, object]) -> float | None:
    """Focal length in millimetres: how far a zoom was drawn out."""
    return _number(exif.get(ExifTags.Base.FocalLength))


def _number(value: object) -> float | None:
    """A positive finite float, or None (absent, 0 = unknown, zero denominators)."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _plausible(focal_px: float, w: int, h: int) -> float | None:
    """Whether the field of view is 5 to 150 degrees; beyond that the tag is wrong and not used."""
    return focal_px if 0.13 < focal_px / max(w, h) < 12 else None
