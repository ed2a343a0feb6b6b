"""Photos that show what another photo shows: a copy, the same once more from a tripod, a smaller copy beside the original."""

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


class Seen(NamedTuple):
    """What is remembered of a photo that was taken."""

    thumbnail: NDArray[np.int16]  # [h, w] grey
    side: int  # pixels, the longer one of the file


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
    return bool(difference.mean() < mean and difference.max() < most)
