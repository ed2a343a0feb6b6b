"""Photos that show what another photo shows: a copy, a second shot from a tripod, a smaller one, one with other tones."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import fit_within

_THUMBNAIL_SIZE = 64
# Duplicates: thumbnails differ by less than this, on average and anywhere (grey levels). Saving again at a lower
# quality changes 0.4 and 4, a second shot from a tripod about as much; a step of the camera across texture 7 and 80.
_SAME_MEAN, _SAME_MAX = 1.0, 10.0
# A copy in a smaller size, as phones and viewers keep beside the photo, differs by up to this.
_SMALL_COPY, _COPY_MEAN, _COPY_MAX = 0.7, 6.0, 48.0
# Another exposure of the same, and copies made brighter, warmer or darker: with their tones matched they differ by 0.5 to 1.2 and 3
# to 15, neighbours of real captures by 7 and 60 at least. Only what matching the tones makes alike is such a copy.
_TONED_MEAN, _TONED_MAX, _TONED_SHARE = 2.0, 24.0, 0.4
_BLOCKS = 8  # an axis: the order of their brightness is about the same whatever the tones
_SAME_ORDER = 4.0  # places in that order, of 64, on average


class Seen(NamedTuple):
    """What is remembered of a photo that was taken."""

    thumbnail: NDArray[np.int16]  # [h, w] grey
    side: int  # pixels, the longer one of the file
    order: NDArray[np.int16]  # [64] place of each block of the thumbnail among all by brightness

    @classmethod
    def of(cls, image: NDArray[np.uint8], side: int) -> "Seen":
        """Of a picture [h, w, 3 or 4] read from a file with this longer side."""
        small = thumbnail(image)
        blocks = cv2.resize(small, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA).ravel()
        return cls(small, side, np.argsort(np.argsort(blocks, kind="stable"), kind="stable").astype(np.int16))


def shrunk_gray(image: NDArray[np.uint8], max_size: int) -> NDArray[np.uint8]:
    """Grey picture of the longest side given, transparent parts black. [h, w]"""
    h, w = fit_within(image.shape[:2], max_size)
    small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    gray = np.asarray(cv2.cvtColor(np.ascontiguousarray(small[..., :3]), cv2.COLOR_RGB2GRAY), np.uint8)
    return gray if image.shape[2] == 3 else (gray.astype(np.uint16) * small[..., 3] // 255).astype(np.uint8)


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.int16]:
    """The picture in so few grey pixels that saving it again changes none of them much. [h, w]"""
    return shrunk_gray(image, _THUMBNAIL_SIZE).astype(np.int16)


def looks_same(photo: Seen, before: Seen) -> bool:
    """Whether a photo shows what one before it shows: once more, or in a smaller copy."""
    if photo.thumbnail.shape != before.thumbnail.shape:
        return False
    difference = np.abs(photo.thumbnail - before.thumbnail)
    is_small_copy = photo.side < _SMALL_COPY * before.side
    mean, most = (_COPY_MEAN, _COPY_MAX) if is_small_copy else (_SAME_MEAN, _SAME_MAX)
    if difference.mean() < mean and difference.max() < most:
        return True
    return np.abs(photo.order - before.order).mean() < _SAME_ORDER and _has_other_tones(photo, before)


def _has_other_tones(photo: Seen, before: Seen) -> bool:
    """Whether two thumbnails are the same but for their tones."""
    a, b = photo.thumbnail.ravel(), before.thumbnail.ravel()
    ways = [np.abs(_with_tones_of(a, b) - b), np.abs(_with_tones_of(b, a) - a)]
    mean, most = max(way.mean() for way in ways), max(way.max() for way in ways)
    return bool(mean < _TONED_MEAN and most < _TONED_MAX and mean < _TONED_SHARE * np.abs(a - b).mean())


def _with_tones_of(values: NDArray[np.int16], others: NDArray[np.int16]) -> NDArray[np.float64]:
    """`values` [n] with each replaced by what has its rank among `others` [n]."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts + 1) / 2
    return np.interp(ranks, np.arange(len(others)), np.sort(others))[inverse]
