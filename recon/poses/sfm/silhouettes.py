"""Pictures with alpha as features are looked for in them: what is hidden is flat, and nothing is found there or at its edge."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.frame_set import FrameImage
from recon.formats.images import read_image

_EDGE = 5  # pixels: features nearer to a silhouette see the background too


def searched_pixels(folder: Path, frame: FrameImage) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """A frame in `folder`, opaque [h, w, 3], and where features may lie in it [h, w], 0: nowhere; None: everywhere."""
    pixels = read_image(folder / frame.image, orientation=frame.orientation)
    mask = None if frame.mask is None else read_image(folder / frame.mask)[..., 0]
    if pixels.shape[2] == 3:
        return pixels, mask
    shown = inner(pixels[..., 3])
    return on_flat_background(pixels), shown if mask is None else np.minimum(shown, mask)


def on_flat_background(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture [h, w, 4] with straight alpha over its own mean colour: [h, w, 3]."""
    opacity = pixels[..., 3:].astype(np.float32) / 255
    color = pixels[..., :3].astype(np.float32)
    mean = (color * opacity).sum((0, 1)) / max(float(opacity.sum()), 1e-6)
    return np.rint(color * opacity + mean * (1 - opacity)).astype(np.uint8)


def inner(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """255 where a picture with alpha [h, w] shows something and does not end near by, 0 elsewhere."""
    return np.where(cv2.erode(alpha, np.ones((_EDGE, _EDGE), np.uint8)) > 0, 255, 0).astype(np.uint8)
