"""Grey pictures of more than 8 bits, as thermal, microscope and depth-of-field cameras write them.

They often use a narrow part of what 16 bits hold: cut to their high bytes they would be black, and stretched one by one the same
place would change its shade from picture to picture. So a set is stretched as a whole.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recon.formats.exif import DAMAGE
from recon.formats.image_files import opened, read_header
from recon.workspace.console import say
from recon.workspace.errors import UserError

Levels = tuple[float, float]  # the values that become 0 and 255
_LOOKED_AT = 40  # pictures of a set, evenly spread
_TAILS = 0.1  # percent at either end: dead and hot pixels
_NARROW = 0.25  # of the 16 bits: a range this wide keeps its 64 shades without stretching


def is_deep(mode: str) -> bool:
    """Whether a picture of this Pillow mode has one channel of more than 8 bits."""
    return mode.startswith("I") or mode == "F"


def common_levels(pictures: Sequence[Path]) -> Levels | None:
    """The values between which all pictures of a set are stretched; None where they are to be read as they are.

    Only of pictures with one deep channel, and only where those use a small part of 16 bits, or have floating-point values.
    """
    if not pictures or not is_deep(read_header(pictures[0]).mode):
        return None
    chosen = [pictures[i] for i in np.unique(np.linspace(0, len(pictures) - 1, _LOOKED_AT).round().astype(int))]
    ranges = [found for picture in chosen if (found := _range(picture)) is not None]
    if not ranges:
        return None
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    is_float = read_header(pictures[0]).mode == "F"
    if high <= low or (not is_float and low >= 0 and high - low > _NARROW * 65535 and high <= 65535):
        return None
    say(f"pictures: their values lie between {low:g} and {high:g}: all are stretched alike to 8 bits")
    return low, high


def stretched(values: NDArray, levels: Levels | None, path: Path) -> NDArray[np.uint8]:
    """Deep values [h, w] as 8 bits: between `levels`, else 16 bits cut to 8."""
    if levels is not None:
        low, high = levels
        share = (np.nan_to_num(values.astype(np.float32), nan=low) - np.float32(low)) / np.float32(high - low)
        return (np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)
    if values.dtype.kind == "f":
        raise UserError(f"{path}: has floating-point pixels; expected 8 or 16 bits per channel. Convert it to png.")
    if values.min() < 0 or values.max() > 65535:
        raise UserError(f"{path}: has 32-bit integer pixels; expected 8 or 16 bits per channel. Convert it to png.")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _range(path: Path) -> Levels | None:
    """The values of a picture without its tails; None where it is not deep, or damaged."""
    try:
        with opened(path) as image:
            if not is_deep(image.mode):
                return None
            values = _finite(image)
    except (UserError, *DAMAGE):
        return None
    if not values.size:
        return None
    low, high = np.percentile(values, (_TAILS, 100 - _TAILS))
    return float(low), float(high)


def _finite(image: Image.Image) -> NDArray:
    values = np.asarray(image).ravel()
    return values[np.isfinite(values)]
