"""Pictures of any data set as COLMAP can read them: in one folder, plainly named, upright, opaque, masked.

COLMAP neither turns pictures as their EXIF says nor knows transparency, and its lists of pairs split names at spaces.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.image_files import read_header
from recon.formats.images import write_image
from recon.formats.photos import read_pixels, read_view_mask
from recon.geometry import View
from recon.poses.sfm.silhouettes import inner, on_flat_background

_PLAIN = {"JPEG": ".jpg", "PNG": ".png"}  # what can be read where it lies


def lay_out(views: Sequence[View], pictures: Path, masks: Path) -> list[str]:
    """Fill the folders `pictures` and `masks`; returns the file name of each view, 000000.jpg and so on.

    A picture that is as it looks is only linked to. A mask is black where features mean nothing.
    """
    pictures.mkdir()
    masks.mkdir()
    return [_lay_out(view, i, pictures, masks) for i, view in enumerate(views)]


def picture_names(views: Sequence[View]) -> list[str]:
    """What a COLMAP model calls the views' pictures: their paths from the folder that holds all of them.

    So names tell apart pictures of one name in different folders.
    """
    pictures = [view.image.resolve() for view in views]
    top = Path(os.path.commonpath([picture.parent for picture in pictures]))
    return [picture.relative_to(top).as_posix() for picture in pictures]


def has_transparency(views: Sequence[View]) -> bool:
    """Whether pictures have silhouettes; the first three that might have are looked at."""
    maybe = [view for view in views if read_header(view.image).format != "JPEG"][:3]
    return any(pixels.shape[2] == 4 and (pixels[..., 3] < 255).any() for pixels in map(read_pixels, maybe))


def _lay_out(view: View, place: int, pictures: Path, masks: Path) -> str:
    header = read_header(view.image)
    is_upright = (header.orientation if view.reading.orientation is None else view.reading.orientation) == 1
    if header.format in _PLAIN and header.mode in ("RGB", "L") and is_upright:
        name = f"{place:06d}{_PLAIN[header.format]}"
        (pictures / name).symlink_to(view.image.resolve())
        alpha = None
    else:
        name = f"{place:06d}.png"
        pixels = read_pixels(view)
        alpha = pixels[..., 3] if pixels.shape[2] == 4 else None
        write_image(pictures / name, pixels if alpha is None else on_flat_background(pixels))
    mask = _mask(view, alpha)
    if mask is not None:
        write_image(masks / f"{name}.png", mask)
    return name


def _mask(view: View, alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
    """255 where features may lie [h, w], 0 elsewhere; None: everywhere."""
    usable = np.ones(view.camera.size_hw, np.uint8)
    counts = read_view_mask(view)
    if counts is not None:
        usable[~counts] = 0
    if alpha is not None:
        usable[inner(alpha) == 0] = 0
    return None if usable.all() else 255 * usable
