"""Masks in every kind that people have: which pixels of a picture count.

White counts, black does not; in between lies what programs make of that: grey, one bit, 0 and 1 (in 8 or 16 bits), green or
another colour on black, a palette, all white with the mask in the alpha channel, a JPEG whose black is not quite black.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recon.formats.deep_pixels import is_deep
from recon.formats.exif import DAMAGE
from recon.formats.image_files import has_alpha, opened, orientation_of
from recon.formats.images import turned
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

_SAME_ASPECT = 0.02
_LOSSY = ("JPEG", "MPO", "WEBP", "HEIF")
_RINGING = 16  # grey levels that compression may leave of black
LEAST_VISIBLE = 0.02  # masks that hide more than the rest are inverted, or of another capture
_LITTLE = 0.12  # of the pixels: one object may fill no more, inverted masks of passers-by leave no more
_NOTHING_HIDDEN = 0.9999


def read_mask(path: Path, *, orientation: int | None = None) -> NDArray[np.bool_]:
    """Where a mask says that its picture counts [h, w].

    A pixel counts unless it is black or transparent. What compression leaves of black is below half of the brightest value.
    `orientation`: EXIF code instead of the file's own. Raises `UserError` for anything that is not a whole image.
    """
    with opened(path) as image:
        code = orientation_of(image, path) if orientation is None else orientation
        try:
            image.load()
            counts = _counts(image)
        except DAMAGE as error:
            raise UserError(f"{path}: the mask is damaged or cut off ({' '.join(str(error).split())}).") from error
    return turned(counts, code)


def read_mask_for(path: Path, size_hw: tuple[int, int], *, orientation: int | None, picture: str) -> NDArray[np.bool_]:
    """The mask of a picture of `size_hw` [h, w], turned as the picture is and brought to its size.

    orientation: of the picture. A mask that only fits unturned was made from the upright picture.
    Raises `UserError` where the mask has another shape than the picture.
    """
    stored = read_mask(path, orientation=1)
    for code in dict.fromkeys((1 if orientation is None else orientation, 1)):
        mask = turned(stored, code)
        if _has_shape(mask, size_hw):
            return shrink_mask(mask, size_hw)
    (mask_h, mask_w), (h, w) = stored.shape, size_hw
    raise UserError(
        f"{path}: the mask of {picture} is {mask_w}x{mask_h}; expected the shape of its picture, {w}x{h}. Make it anew from "
        "the picture."
    )


def shrink_mask(counts: NDArray[np.bool_], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """The mask at another size: True only where everything under the pixel counts. [h, w]"""
    h, w = size_hw
    if counts.shape == size_hw:
        return counts
    hidden = np.where(counts, 0.0, 1.0).astype(np.float32)
    is_smaller = h <= counts.shape[0] and w <= counts.shape[1]
    resized = cv2.resize(hidden, (w, h), interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_NEAREST)
    return np.asarray(resized < 1e-4)


def tell_share(shares: list[float], what: str) -> float:
    """Say which share of the pixels counts in `shares` of the pictures that have masks, and return the mean.

    Raises `UserError` where next to nothing counts, and warns where little does or nothing is hidden.
    """
    mean = float(np.mean(shares))
    if mean < LEAST_VISIBLE:
        raise UserError(
            f"{what}: the masks hide {1 - mean:.0%} of the pictures: masks are white where the picture counts and black "
            "where it does not. Invert them."
        )
    say(f"{what}: masks let {mean:.0%} of the pixels count, {min(shares):.0%} to {max(shares):.0%} of a picture")
    if min(shares) > _NOTHING_HIDDEN:
        warn(
            f"{what}: the masks hide nothing: every pixel of the {len(shares)} looked at counts. Are they the right ones?"
        )
    if mean < _LITTLE:
        warn(f"{what}: the masks leave little. White counts and black does not: are they inverted?")
    hidden = sum(share < LEAST_VISIBLE for share in shares)
    if hidden:
        warn(f"{what}: {hidden} of {len(shares)} masks hide their picture whole: it teaches nothing.")
    return mean


def _has_shape(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> bool:
    (mask_h, mask_w), (h, w) = mask.shape, size_hw
    return abs(mask_w * h / (mask_h * w) - 1) <= _SAME_ASPECT


def _counts(image: Image.Image) -> NDArray[np.bool_]:
    """Where a loaded mask is neither black nor transparent [h, w], as stored."""
    if is_deep(image.mode):
        return np.asarray(np.nan_to_num(np.asarray(image)) > 0)
    is_rgba = has_alpha(image)
    values = np.asarray(image.convert("RGBA" if is_rgba else "RGB"))
    color = values[..., :3].max(-1)
    is_lossy = image.format in _LOSSY
    bright = color > (max(int(color.max()) // 2, _RINGING) if is_lossy else 0)
    if not is_rgba or (values[..., 3] == 255).all():
        return np.asarray(bright)
    solid = values[..., 3] > (127 if is_lossy else 0)
    # A picture of one colour whose alpha varies has its mask there, be the colour black.
    return np.asarray(solid if color.max() == color.min() else bright & solid)
