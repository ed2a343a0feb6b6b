"""Picture files opened, and what they say of themselves before a pixel is decoded: size, orientation, lens, panorama.

jpg, png, webp, tiff; and heic where a decoder is installed (`pip install pi-heif`).
"""

import importlib
import os
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image

from recon.errors import UserError
from recon.workspace.reading import is_file

_PLAIN_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
HEIF_INSTALL = "pip install pi-heif"
_PLAIN_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # an allow list: Pillow's other readers see no untrusted bytes
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
# No camera makes more; a small file that claims more is a decompression bomb. A JPEG can be decoded at an eighth of its
# size, so that those of 200-megapixel phones need no more memory than others.
MAX_PIXELS = 150_000_000
MAX_JPEG_PIXELS = 1_000_000_000
MAX_SIDE = 65_535
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS  # Pillow's own limit would refuse what is within ours
_DIAGONAL_35MM = float(np.hypot(36.0, 24.0))
_PROJECTION_TYPE = re.compile(rb"GPano:ProjectionType\s*(?:=\s*[\"']|>)\s*([A-Za-z]+)")
TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap height and width


@cache
def has_heif() -> bool:
    """Whether heic can be read; tells Pillow how, the first time."""
    for name in ("pi_heif", "pillow_heif"):
        try:
            importlib.import_module(name).register_heif_opener()
            return True
        except ImportError:
            continue
    return False


IMAGE_SUFFIXES = (*_PLAIN_SUFFIXES, *(HEIF_SUFFIXES if has_heif() else ()))


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself, read without decoding its pixels."""

    size_hw: tuple[int, int]  # after `orientation` is applied
    orientation: int  # EXIF 1..8; 1 = stored as seen
    format: str  # "JPEG", "PNG", "WEBP", "TIFF", "HEIF"
    mode: str  # Pillow's: "RGB", "L", "RGBA", "P", "I;16", ...
    focal_px: float | None  # EXIF focal length in pixels of this size
    camera: str | None  # EXIF maker and model
    projection: str | None = None  # of panoramas, as their XMP (GPano) says: "equirectangular", "cylindrical"
    zoom: float | None = None  # EXIF focal length in millimetres: another zoom or lens of one camera

    @property
    def stored_hw(self) -> tuple[int, int]:
        """The size of the pixels as the file has them."""
        return self.size_hw[::-1] if self.orientation in TRANSPOSED else self.size_hw


def read_header(path: Path) -> ImageHeader:
    """Size, orientation and EXIF focal length of a picture, without decoding it."""
    with opened(path) as image:
        exif = _exif(image, path)
        orientation = _orientation(exif)
        w, h = image.size
        return ImageHeader(
            size_hw=(w, h) if orientation in TRANSPOSED else (h, w),
            orientation=orientation,
            format="JPEG" if image.format == "MPO" else str(image.format),
            mode=image.mode,
            focal_px=_focal_px(exif, w, h),
            camera=_camera_name(exif),
            projection=_projection(image),
            zoom=_number(exif.get(ExifTags.Base.FocalLength)),
        )


def image_size_hw(path: Path) -> tuple[int, int]:
    """(h, w) of a picture as `read_image` would return it, without decoding it."""
    return read_header(path).size_hw


def exif_focal_px(path: Path) -> float | None:
    """EXIF focal length in pixels of the picture's own size; None where the file does not say."""
    return read_header(path).focal_px


def orientation_of(image: Image.Image, path: Path) -> int:
    """EXIF orientation 1..8 of an opened picture; 1 where the file does not say."""
    return _orientation(_exif(image, path))


def what_is_wrong(path: Path) -> str | None:
    """Why a picture cannot be read, in words; None where its header is sane and its end is there.

    Only a file that does not end as its kind does is decoded to find out.
    """
    try:
        header = read_header(path)
        if _ends_well(path, header.format):
            return None
        with opened(path) as image:
            image.load()
    except UserError as error:
        return str(error)
    except DAMAGE as error:
        return f"{path}: the image is damaged or cut off ({' '.join(str(error).split())})."
    return None


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The file opened by Pillow, its header read and its size found sane."""
    if not is_file(path):
        raise UserError(f"{path}: there is no such image file. Check the path.")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty. Copy it again from the camera or remove it.")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: no permission to read it. Change its permissions (chmod +r).")
    image = _open(path)
    with image, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata; what matters is checked here
        w, h = image.size
        most = MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_PIXELS
        if w * h > most or w < 1 or h < 1 or max(w, h) > MAX_SIDE:
            raise UserError(
                f"{path}: claims {w}x{h} pixels; at most {most // 10**6} million are read, and {MAX_SIDE} a side. "
                "Downscale it, or save it as jpg."
            )
        yield image


def _open(path: Path) -> Image.Image:
    formats = (*_PLAIN_FORMATS, "HEIF") if path.suffix.lower() in HEIF_SUFFIXES and has_heif() else _PLAIN_FORMATS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(path, formats=formats)
        except Image.DecompressionBombError as error:
            raise UserError(f"{path}: claims an absurd size ({error}). Downscale it first.") from error
        except DAMAGE as error:
            raise UserError(
                f"{path}: not an image that can be read (expected jpg, png, webp or tiff). Convert or remove it."
            ) from error


def _ends_well(path: Path, format: str) -> bool:
    """Whether the last bytes are those that a whole file of the format ends with; True where a format has none."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if format == "WEBP":
            file.seek(4)
            return int.from_bytes(file.read(4), "little") + 8 <= size
        file.seek(max(0, size - 64))
        end = file.read().rstrip(b"\0")
    return {"JPEG": end.endswith(b"\xff\xd9"), "PNG": b"IEND" in end[-12:]}.get(format, True)


# ---- EXIF ----------------------------------------------------------------------------------------------------------


def _exif(image: Image.Image, path: Path) -> dict[int, object]:
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


def _orientation(exif: dict[int, object]) -> int:
    value = exif.get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and value in range(1, 9) else 1


def _camera_name(exif: dict[int, object]) -> str | None:
    parts = [str(exif[tag]).strip("\0 ") for tag in (ExifTags.Base.Make, ExifTags.Base.Model) if tag in exif]
    return " ".join(p for p in parts if p) or None


def _projection(image: Image.Image) -> str | None:
    """GPano:ProjectionType, an attribute or an element, found without an XML parser: what is untrusted stays bytes."""
    for key in ("xmp", "XML:com.adobe.xmp"):  # jpg, webp and tiff; png
        xmp = image.info.get(key, b"")
        xmp = xmp.encode("utf-8", "replace") if isinstance(xmp, str) else xmp
        found = _PROJECTION_TYPE.search(xmp) if isinstance(xmp, bytes) else None  # a tiff may hold numbers there
        if found is not None:
            return found.group(1).decode().lower()
    return None


def _focal_px(exif: dict[int, object], w: int, h: int) -> float | None:
    """Focal length in pixels from the 35 mm equivalent, else from the millimetres and the focal-plane resolution.

    The 35 mm equivalent compares diagonals (CIPA DCG-001), so it holds for any aspect ratio and any later downscaling.
    The focal-plane resolution counts pixels of the original picture: it is scaled by how much smaller this one is.
    """
    equivalent_mm = _number(exif.get(ExifTags.Base.FocalLengthIn35mmFilm))
    if equivalent_mm is not None:
        return _plausible(equivalent_mm * float(np.hypot(w, h)) / _DIAGONAL_35MM, w, h)
    focal_mm = _number(exif.get(ExifTags.Base.FocalLength))
    pixels_per_unit = _number(exif.get(ExifTags.Base.FocalPlaneXResolution))
    unit = exif.get(ExifTags.Base.FocalPlaneResolutionUnit, 2)
    mm_per_unit = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}.get(unit) if isinstance(unit, int) else None
    if focal_mm is None or pixels_per_unit is None or mm_per_unit is None:
        return None
    original_w = _number(exif.get(ExifTags.Base.ExifImageWidth)) or w
    return _plausible(focal_mm * pixels_per_unit / mm_per_unit * w / original_w, w, h)


def _number(value: object) -> float | None:
    """A positive finite float, or None (absent, 0 = unknown, zero denominators)."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _plausible(focal_px: float, w: int, h: int) -> float | None:
    """Fields of view from 5 to 150 degrees; beyond that the tag is wrong and no prior is the better prior."""
    return focal_px if 0.13 < focal_px / max(w, h) < 12 else None
