"""Picture files opened, and what they say of themselves before a pixel is decoded: size, orientation, lens, panorama.

jpg, png, webp, tiff; and heic where a decoder is installed (`pip install pi-heif`).
"""

import importlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from recon.formats.exif import (
    DAMAGE,
    camera_name_in,
    focal_mm_in,
    focal_px_in,
    orientation_in,
    projection_in,
    read_exif,
)
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_PLAIN_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".jpe", ".mpo", ".png", ".webp", ".tif", ".tiff")
HEIF_SUFFIXES = (".heic", ".heif", ".hif")
HEIF_INSTALL = "pip install pi-heif"
_PLAIN_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # an allow list: Pillow's other readers see no untrusted bytes
# No camera makes more; a small file that claims more is a decompression bomb. A JPEG can be decoded at an eighth of its
# size, so that those of 200-megapixel phones need no more memory than others.
MAX_PIXELS = 150_000_000
MAX_JPEG_PIXELS = 1_000_000_000
MAX_SIDE = 65_535
Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS  # Pillow's own limit would refuse what is within ours
_MOST_PICTURES = 1000  # counted in one file
TRANSPOSED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
MIRRORED = (2, 4, 5, 7)  # those that no turn of the camera makes


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
    n_pictures: int = 1  # of this size in the file: pages, frames of an animation, both halves of a stereo pair

    @property
    def stored_hw(self) -> tuple[int, int]:
        """The size of the pixels as the file has them."""
        return self.size_hw[::-1] if self.orientation in TRANSPOSED else self.size_hw


def read_header(path: Path) -> ImageHeader:
    """Size, orientation and EXIF focal length of a picture, without decoding it."""
    with opened(path) as image:
        exif = read_exif(image, path)
        orientation = orientation_in(exif)
        w, h = image.size
        return ImageHeader(
            size_hw=(w, h) if orientation in TRANSPOSED else (h, w),
            orientation=orientation,
            format="JPEG" if image.format == "MPO" else str(image.format),
            mode=image.mode,
            focal_px=focal_px_in(exif, w, h),
            camera=camera_name_in(exif),
            projection=projection_in(image),
            zoom=focal_mm_in(exif),
            n_pictures=_n_pictures(image),
        )


def _n_pictures(image: Image.Image) -> int:
    """How many pictures of its size an opened file holds; previews, thumbnails and gain maps are smaller."""
    try:
        n_frames, size, count = getattr(image, "n_frames", 1), image.size, 1
        if image.format in ("WEBP", "PNG"):  # frames of an animation, which seeking would decode
            return n_frames
        for i in range(1, min(n_frames, _MOST_PICTURES)):
            image.seek(i)
            count += image.size == size
    except DAMAGE:
        return 1
    return count


def has_alpha(image: Image.Image) -> bool:
    """Whether an opened picture has transparency, be it of one colour of a palette."""
    return image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info


def image_size_hw(path: Path) -> tuple[int, int]:
    """(h, w) of a picture as `read_image` would return it, without decoding it."""
    return read_header(path).size_hw


def exif_focal_px(path: Path) -> float | None:
    """EXIF focal length in pixels of the picture's own size; None where the file does not say."""
    return read_header(path).focal_px


def orientation_of(image: Image.Image, path: Path) -> int:
    """EXIF orientation 1..8 of an opened picture; 1 where the file does not say."""
    return orientation_in(read_exif(image, path))


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
