"""Where a patch of one picture lies in another, to a tenth of a pixel: the patch's plane foretells it, the pictures say the rest.

Lucas and Kanade 1981, of a patch warped by its plane (depth and normal), with gain and offset of the brightness; what is found is
the shift in the other picture, in both directions, so it judges the cameras too: depth alone only moves along the epipolar line.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera, invert_rigid
from recon.geometry.pinhole import rays_at
from recon.geometry.transforms import Array, apply_rigid
from recon.kernels import patches as kernel
from recon.kernels.patches import Limits

RADIUS = 7  # pixels
BLUR = 1.0  # pixels, against noise
_LIMITS = Limits(
    n_rounds=5,
    max_gain=2.0,
    min_likeness=0.9,
    hopeless=0.5,
    max_shift=2.0,
    max_last_step=0.05,
    min_texture=300.0,
    flat=1e-2,
)


@dataclass(frozen=True)
class PatchPicture:
    """A grey picture without its lens, as patches are compared in it."""

    grey: NDArray[np.uint8]  # [h, w]
    camera: Camera  # PINHOLE
    world_from_camera: Array  # [4, 4]

    @cached_property
    def layers(self) -> NDArray[np.float32]:
        """[h, w, 3]: smooth grey round 0, so that sums of its squares stay exact; its slopes to the right and down."""
        smooth = cv2.GaussianBlur(self.grey.astype(np.float32) - 128, (0, 0), BLUR)
        slopes = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
        return np.stack([np.asarray(layer, np.float32) for layer in (smooth, *slopes)], -1)


@dataclass(frozen=True)
class Patches:
    """Patches of one picture, each on the plane of its middle."""

    picture: PatchPicture
    pixels: NDArray[np.int64]  # [n, 2] x, y of the middles
    planes: Array  # [n, 3] q of q . X = 1 in the camera frame
    smooth: NDArray[np.float32]  # [n, side, side], side = 2 RADIUS + 1

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def middles(self) -> Array:
        """Middles [n, 3] of the patches in the world."""
        rays = rays_at(self.picture.camera, *(self.pixels.T + 0.5))
        return apply_rigid(self.picture.world_from_camera, rays / (rays * self.planes).sum(-1, keepdims=True))


def cut_patches(picture: PatchPicture, pixels: NDArray[np.int64], planes: Array) -> Patches:
    """Round the pixels (columns and rows [n, 2], RADIUS from the border at least), on planes q [n, 3] with q . X = 1."""
    down, right = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    columns, rows = pixels[:, 0, None, None] + right, pixels[:, 1, None, None] + down
    return Patches(picture, pixels, planes, picture.layers[rows, columns, 0])


def find_patches(patches: Patches, other: PatchPicture) -> tuple[NDArray[np.int64], Array]:
    """Which patches [m] are found in the other picture, and at what pixels x, y [m, 2] of it their middles lie."""
    middles, is_found = kernel.find_patches(patches.smooth, _warps(patches, other), other.layers, _LIMITS)
    return np.flatnonzero(is_found), middles[is_found] + 0.5


def _warps(patches: Patches, other: PatchPicture) -> Array:
    """[n, 3, 3]: what takes (right, down, 1), from a patch's middle, to pixels of the other picture (0: the first's middle).

    A plane q maps pixels by the homography K' (R + t q^T) K^-1 (Hartley and Zisserman 2003, 13.1).
    """
    camera, own = other.camera, patches.picture.camera
    other_from_own = invert_rigid(other.world_from_camera) @ patches.picture.world_from_camera
    through_plane = other_from_own[:3, :3] + other_from_own[:3, 3, None] * patches.planes[:, None]  # [n, 3, 3]
    projection = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    rays = np.zeros((len(patches), 3, 3))  # of a step to the right, of one down, of the middle
    rays[:, 0, 0], rays[:, 1, 1] = 1 / own.fx, 1 / own.fy
    rays[:, :, 2] = rays_at(own, *(patches.pixels.T + 0.5))
    return projection @ through_plane @ rays
