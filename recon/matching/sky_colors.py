"""Which pixels look like sky: smooth, and blue or overexposed; in the open air also grey, as under clouds or in a grey film.

White walls and ceilings are smooth and grey too. So grey is asked for in the open air only (`open_air`), where no other sky is
found (`sky`), and a grey region that goes on below the horizon, as walls do, is none.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.matching.pictures import Picture
from recon.matching.sky_evidence import Mask, directions

MAX_SLOPE = 5.0  # grey levels per pixel, after a blur of one pixel
BLUER = 8  # levels by which blue exceeds red
BRIGHT, BLOWN_OUT = 90, 242  # of the brightest channel; of the darkest
GREY = 14  # levels between the channels of a grey pixel, at most
MIN_ELEVATION = -0.02  # of the ray's z, where up is known
MAX_BELOW = 0.05  # of a grey region: what of it lies below the horizon


def looks_like_sky(picture: Picture, *, is_up_aligned: bool, has_grey: bool) -> Mask:
    """The pixels [h, w] of a picture that may be sky, by themselves."""
    color = cv2.GaussianBlur(picture.color, (0, 0), 1.0).astype(np.int16)
    slopes = [cv2.Sobel(color, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    is_smooth = (np.hypot(*slopes).max(-1) < MAX_SLOPE) & picture.is_valid
    red, blue = color[..., 0], color[..., 2]
    is_blue = (blue >= red + BLUER) & (blue >= color[..., 1]) & (blue >= BRIGHT)
    looks = (is_blue | (color.min(-1) >= BLOWN_OUT)) & is_smooth
    if not is_up_aligned:
        return looks
    is_above = directions(picture)[..., 2] > MIN_ELEVATION
    if has_grey:
        looks |= _grey(color, is_smooth, is_above)
    return looks & is_above


def _grey(color: NDArray[np.int16], is_smooth: Mask, is_above: Mask) -> Mask:
    """Smooth grey regions that are no darker than half of the picture's pixels and end at the horizon.

    color: [h, w, 3]; is_above: which pixels [h, w] look above the horizon.
    """
    brightness = color.max(-1)
    looks = is_smooth & (np.ptp(color, axis=-1) <= GREY) & (brightness >= np.median(brightness))
    opened = cv2.morphologyEx(looks.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    n, labels = cv2.connectedComponents(opened, connectivity=4)
    area, below = np.bincount(labels.ravel(), minlength=n), np.bincount(labels[~is_above], minlength=n)
    ends_there = below <= MAX_BELOW * area
    ends_there[0] = False
    return looks & ends_there[labels]
