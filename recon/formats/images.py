"""Photographs and other pictures on disk <-> uint8 arrays.

Pixels come out as a person sees them: the EXIF orientation is applied, deep channels are brought to 8 bits, palettes, grey
and CMYK become RGB, and a picture with transparency keeps it as a fourth, straight (not premultiplied) channel.

imageio writes the pictures. Reading wants more of Pillow than imageio passes on: smaller drafts of large JPEGs, palettes and deep
channels, what is wrong with a damaged file.
"""

import re
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recon.formats.deep_pixels import Levels, is_deep, stretched
from recon.formats.exif import DAMAGE
from recon.formats.image_files import IMAGE_SUFFIXES, MAX_PIXELS, has_alpha, opened, orientation_of
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

# A larger JPEG is decoded at a half, quarter or eighth of its size where no more is asked for.
_LARGE_PIXELS = 50_000_000


def read_image(
    path: Path,
    *,
    orientation: int | None = None,
    levels: Levels | None = None,
    at_least_hw: tuple[int, int] | None = None,
) -> NDArray[np.uint8]:
    """Read a picture as uint8 [h, w, 3] RGB, or [h, w, 4] with straight alpha where the file has transparency.

    orientation: EXIF code 1..8 instead of the file's own.
    levels: the values of a deep grey picture that become 0 and 255: see `deep_pixels.common_levels`.
    at_least_hw: the size that is needed, as the picture is seen; a very large JPEG is read smaller, but not below it.
    Raises `UserError` for anything that is not a whole image.
    """
    with opened(path) as image:
        try:
            code = orientation_of(image, path) if orientation is None else orientation
            _draft(image, None if at_least_hw is None else at_least_hw[::-1] if code >= 5 else at_least_hw)
            w, h = image.size
            if w * h > MAX_PIXELS:
                raise UserError(
                    f"{path}: has {w}x{h} pixels; at most {MAX_PIXELS // 10**6} million are decoded. Downscale it."
                )
            image.load()
            return turned(np.array(_eight_bit(image, path, levels)), code)
        except DAMAGE as error:
            raise UserError(
                f"{path}: the image is damaged or cut off ({' '.join(str(error).split())}). Copy it again from the camera "
                "or remove it."
            ) from error


def is_transparent(image: NDArray[np.uint8]) -> bool:
    """Whether a picture [h, w, 3 or 4] shows nothing at all."""
    return image.shape[2] == 4 and not image[..., 3].any()


def write_image(path: Path, image: NDArray[np.uint8], *, quality: int = 95) -> None:
    """Write uint8 [h, w], [h, w, 3] or [h, w, 4] by the suffix: jpg (full chroma, no alpha) or png (lossless)."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f"{path.name}: expected uint8 [h, w], [h, w, 3] or [h, w, 4], got {image.dtype} {image.shape}")
    suffix = path.suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        # 4:4:4: at half chroma resolution thin coloured edges bleed, and the field would learn the bleeding.
        how: dict[str, Any] = {"extension": ".jpg", "quality": quality, "subsampling": 0, "optimize": True}
    elif suffix == ".png":
        how = {"extension": ".png", "compress_level": 4}
    else:
        raise ValueError(f"{path.name}: images are written as .jpg or .png")
    # First in memory: what the encoders say of a full disk is not what a full disk says.
    path.write_bytes(iio.imwrite("<bytes>", image, plugin="pillow", **how))


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
    return sorted((p for p in found if is_file(p)), key=lambda p: natural_key(p.name))


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key under which numbers in names count as numbers.

    >>> sorted(["b10", "b9", "a"], key=natural_key)
    ['a', 'b9', 'b10']
    """
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return (*((0, int(p[:300]), p) if p[0] in "0123456789" else (1, 0, p.lower()) for p in parts), (-1, 0, name))


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


def _draft(image: Image.Image, stored_hw: tuple[int, int] | None) -> None:
    """Tell the decoder of a very large JPEG that a smaller picture does, but none below `stored_hw`."""
    w, h = image.size
    if stored_hw is not None and image.format in ("JPEG", "MPO") and w * h > _LARGE_PIXELS:
        image.draft(None, stored_hw[::-1])


def _eight_bit(image: Image.Image, path: Path, levels: Levels | None) -> Image.Image:
    """Any mode to RGB or RGBA, 8 bits per channel."""
    if is_deep(image.mode):  # of colour at 16 bits Pillow itself reads the high bytes
        return Image.fromarray(stretched(np.asarray(image), levels, path)).convert("RGB")
    return image.convert("RGBA" if has_alpha(image) else "RGB")
