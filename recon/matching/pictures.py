"""Pictures as matching sees them: grey, without lens distortion, at a pyramid of sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import Camera, View, invert_rigid, pixel_centers
from recon.geometry.pinhole import intrinsics
from recon.geometry.transforms import Array
from recon.kernels.stereo import StereoView


@dataclass(frozen=True)
class Picture:
    """One training picture, resampled to a pinhole camera."""

    view: View
    camera: Camera  # PINHOLE, of `color`
    color: NDArray[np.uint8]  # [h, w, 3]
    is_valid: NDArray[np.bool_]  # [h, w]: inside the photo, not masked out, not transparent

    @property
    def world_from_camera(self) -> Array:
        return self.view.world_from_camera

    @property
    def grey(self) -> NDArray[np.uint8]:
        """The grey values [h, w]."""
        return np.asarray(cv2.cvtColor(self.color, cv2.COLOR_RGB2GRAY))

    def resized(self, size_hw: tuple[int, int]) -> "Picture":
        """The same, smaller: each pixel the mean of its area, valid where all of it is."""
        if size_hw == self.camera.size_hw:
            return self
        h, w = size_hw
        color = np.asarray(cv2.resize(self.color, (w, h), interpolation=cv2.INTER_AREA), np.uint8)
        valid = cv2.resize(self.is_valid.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA) > 0.99
        return replace(self, camera=self.camera.resized(size_hw), color=color, is_valid=valid)

    def nearest(self, size_hw: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows [h, 1] and columns [1, w] (to index with) of the pixels under the centres of a smaller picture's."""
        y, x = (
            ((np.arange(n) + 0.5) * full / n).astype(np.int64)
            for n, full in zip(size_hw, self.camera.size_hw, strict=True)
        )
        return y[:, None], x[None]

    def stereo_view(self, near: float, far: float) -> StereoView:
        """For the kernels, looking between two depths."""
        camera = self.camera
        return StereoView(self.grey, intrinsics(camera), invert_rigid(self.world_from_camera), near, far)


def read_picture(view: View, max_size: int | None) -> Picture:
    """The photo of a view within `max_size` pixels, its lens distortion taken out.

    The pinhole keeps the photo's focal length and principal point: what the photo shows beyond its frame is not matched.
    """
    photo = read_photo(view, fit_within(view.camera.size_hw, max_size))
    camera = photo.view.camera
    valid = np.ones(camera.size_hw, bool) if photo.mask is None else photo.mask
    if photo.alpha is not None:
        valid = valid & (photo.alpha > 127)
    color = np.rint(255 * photo.over(0.0)).astype(np.uint8) if photo.alpha is not None else photo.pixels[..., :3]
    if camera.model == "PINHOLE":
        return Picture(photo.view, camera, np.ascontiguousarray(color), valid)
    x, y = _straightening(camera)
    straight = cv2.remap(np.ascontiguousarray(color), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = _straightened(valid, x, y)
    return Picture(photo.view, camera.pinhole(), np.asarray(straight, np.uint8), inside)


def _straightened(mask: NDArray[np.bool_], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.bool_]:
    inside = cv2.remap(mask.astype(np.uint8), x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(inside) > 0


@lru_cache(maxsize=2)
def _straightening(camera: Camera) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where in the photo, x and y [h, w], each pixel of the pinhole is seen; -9 nowhere. The same for a camera's pictures."""
    pinhole = camera.pinhole()
    seen_at = camera.project(pinhole.unproject(pixel_centers(pinhole.size_hw))).to(torch.float32).numpy() - 0.5
    seen_at = np.nan_to_num(seen_at, nan=-9)
    return np.ascontiguousarray(seen_at[..., 0]), np.ascontiguousarray(seen_at[..., 1])


def pyramid_sizes(sizes_hw: Sequence[tuple[int, int]], *, smallest: int) -> list[list[tuple[int, int]]]:
    """Of pictures' sizes, those at each level, the smallest first: halved while the longest side stays >= `smallest`."""
    longest = max(max(size) for size in sizes_hw)
    n_levels = 1 + max(0, int(np.log2(longest / smallest)))
    return [
        [(max(2, round(h / 2**level)), max(2, round(w / 2**level))) for h, w in sizes_hw]
        for level in reversed(range(n_levels))
    ]
