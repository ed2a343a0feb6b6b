"""What a view tells about where things are, without its colours: the pyramid it sees, and the silhouette of what is in it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recon.formats.photos import Photo
from recon.geometry import View

OUTLINE_SIDE = 400  # pixels: finer than the grid on which outlines are judged, and small beside the pictures


@dataclass(frozen=True)
class Outline:
    """A view and which of its pixels show something [h, w]; None: anything may be anywhere (a photo without alpha)."""

    view: View  # its camera is that of `is_visible`
    is_visible: NDArray[np.bool_] | None
    block: int = 1  # pixels of the photo along the side of one of these


def outline_of(photo: Photo) -> Outline:
    """The outline of a photo, at most OUTLINE_SIDE pixels: one of its pixels is visible where any that it covers is."""
    if photo.pixels.shape[2] == 3:
        return Outline(photo.view, None)
    is_visible: NDArray[np.bool_] = np.asarray(photo.pixels[..., 3] > 0)
    h, w = is_visible.shape
    block = -(-max(h, w) // OUTLINE_SIDE)
    padded = np.pad(is_visible, ((0, -h % block), (0, -w % block)))
    rows, columns = padded.shape[0] // block, padded.shape[1] // block
    small = np.asarray(padded.reshape(rows, block, columns, block).any((1, 3)))
    camera = replace(photo.view.camera, size_hw=padded.shape).resized((rows, columns))
    return Outline(replace(photo.view, camera=camera), small, block)
