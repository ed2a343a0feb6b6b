"""The picture of a view, at a wished size, with its mask, checked against its camera: the one reader of posed photos.

Training, evaluation and the texture all read through here, so that a mask or a wrong size means the same to each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.images import read_image, resize_image
from recon.formats.masks import read_mask_for
from recon.geometry import View
from recon.workspace.errors import UserError

_N_ASKED = 4  # pictures, whether anything is cut out of them


@dataclass(frozen=True)
class Photo:
    """One view with its picture. `pixels` [h, w, 3 or 4] uint8, straight alpha; `mask` [h, w] bool, False: ignore."""

    view: View  # its camera is that of `pixels`
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None

    def __post_init__(self) -> None:
        assert self.pixels.shape[:2] == self.view.camera.size_hw and self.pixels.shape[2] in (3, 4)
        assert self.mask is None or self.mask.shape == self.view.camera.size_hw

    @property
    def alpha(self) -> NDArray[np.uint8] | None:
        """[h, w]; None where the file has no alpha channel or every pixel is opaque: then alpha says nothing."""
        alpha = self.pixels[..., 3] if self.pixels.shape[2] == 4 else None
        return None if alpha is None or (alpha == 255).all() else alpha

    def over(self, level: float) -> NDArray[np.float32]:
        """The picture [h, w, 3] in [0, 1] over a grey background of `level` in [0, 1]."""
        color: NDArray[np.float32] = self.pixels[..., :3].astype(np.float32) / np.float32(255)
        if self.alpha is None:
            return color
        alpha = self.alpha[..., None].astype(np.float32) / np.float32(255)
        return (color * alpha + level * (1 - alpha)).astype(np.float32)


def read_pixels(view: View, at_least_hw: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A view's picture [h, w, 3 or 4] as its camera is of it; a very large JPEG may come smaller, not below `at_least_hw`."""
    return read_image(
        view.image, orientation=view.reading.orientation, levels=view.reading.levels, at_least_hw=at_least_hw
    )


def read_view_mask(view: View) -> NDArray[np.bool_] | None:
    """Where a view's picture counts [h, w], at the size of its camera; None where it has no mask."""
    if view.mask is None:
        return None
    return read_mask_for(view.mask, view.camera.size_hw, orientation=view.reading.orientation, picture=view.image.name)


def read_photo(view: View, size_hw: tuple[int, int] | None = None) -> Photo:
    """Read a view's picture and mask, resampled with its camera to `size_hw`; None: as they are.

    Raises `UserError` unless picture, mask and camera have the same size.
    """
    pixels = read_pixels(view, at_least_hw=size_hw)
    _check_size(pixels, view)
    mask = read_view_mask(view)
    wanted = view.camera.size_hw if size_hw is None else size_hw
    if pixels.shape[:2] != wanted:
        pixels = resize_image(pixels, wanted)
    if wanted != view.camera.size_hw:
        mask = None if mask is None else _shrunk(mask, wanted)
        view = replace(view, camera=view.camera.resized(wanted))
    return Photo(view, pixels, mask)


def is_cut_out(views: Sequence[View]) -> bool:
    """Whether something is cut out of the pictures, by their transparency; a few of them are asked."""
    return any(read_photo(view).alpha is not None for view in views[:: max(1, len(views) // _N_ASKED)])


def _shrunk(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """True only where no ignored pixel reaches in: none that is covered, nor a neighbour, which the picture's filter mixes in."""
    h, w = size_hw
    counted = cv2.resize(mask.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
    return cv2.erode((counted > 0.999).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _check_size(pixels: NDArray[np.uint8], view: View) -> None:
    """The picture at the camera's size, or at the half, quarter or eighth at which a very large JPEG is decoded."""
    (h, w), (camera_h, camera_w) = pixels.shape[:2], view.camera.size_hw
    if all((h, w) != (-(-camera_h // shrink), -(-camera_w // shrink)) for shrink in (1, 2, 4, 8)):
        raise UserError(
            f"{view.image}: the picture is {w}x{h} pixels, but its camera says {camera_w}x{camera_h}. "
            "Run the poses stage again with these files."
        )
