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

RADIUS = 7  # pixels
SIDE = 2 * RADIUS + 1
BLUR = 1.0  # pixels, against noise
ROUNDS = 5
MAX_GAIN = 2.0  # of the brightness between pictures
MIN_LIKENESS = 0.9  # NCC of a patch and its place
HOPELESS = 0.5  # NCC below which a patch is not followed further
MAX_SHIFT = 2.0  # pixels from where the plane foretold it
MAX_LAST_STEP = 0.05  # pixels: one that still moves has not settled
MIN_TEXTURE = 300.0  # smaller eigenvalue of the summed squared gradients, grey levels squared
MAX_ROWS = 30_000  # OpenCV's limit of a picture's side
FLAT = 1e-2  # added to both, so that they can be inverted


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
    smooth: NDArray[np.float32]  # [n, side, side]

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
    foretold, inside = _foretold(patches, other)
    at = np.flatnonzero(inside)
    foretold, wanted = foretold[at], _centred_and_ones(patches.smooth[at])
    shift, is_found = np.zeros((len(at), 2)), np.zeros(len(at), bool)
    left = np.arange(len(at))  # those that still move
    for _ in range(ROUNDS):
        if not len(left):
            break
        step, likeness, texture = _step(
            foretold[left] + shift[left, None, None].astype(np.float32), wanted[left], other
        )
        shift[left] += np.clip(step, -1, 1)
        is_settled = np.abs(step).max(1) < MAX_LAST_STEP
        is_there = (np.abs(shift[left]) < MAX_SHIFT).all(1) & (texture > MIN_TEXTURE)
        is_found[left] = is_settled & is_there & (likeness > MIN_LIKENESS)
        left = left[~is_settled & is_there & (likeness > HOPELESS)]
    middle = foretold[:, RADIUS, RADIUS] + shift + 0.5
    return at[is_found], middle[is_found]


def _step(places: NDArray[np.float32], wanted: NDArray[np.float32], other: PatchPicture) -> tuple[Array, Array, Array]:
    """Of patches at places x, y [n, side, side, 2] of the other picture, which should look like `wanted` [n, side * side, 2].

    Returns how far each should move [n, 2], how alike it is as it lies [n] (NCC), and how much there is to see [n].
    All of it comes from the products of what is read with itself and with `wanted`: centred grey levels, and ones.
    """
    seen = _read(other.layers, places)
    across, products = ((seen.transpose(0, 2, 1) @ a).astype(np.float64) for a in (wanted, seen))
    sums = across[..., 1]
    products = products - sums[:, :, None] * sums[:, None] / SIDE**2
    of_seen, both = products[:, 0, 0], across[:, 0, 0]
    of_wanted = (wanted[..., 0] ** 2).sum(1).astype(np.float64)
    gain = np.clip(both / np.maximum(of_seen, FLAT), 1 / MAX_GAIN, MAX_GAIN)
    matrix = products[:, 1:, 1:] + FLAT * np.eye(2)
    vector = across[:, 1:, 0] - gain[:, None] * products[:, 1:, 0]
    step = np.linalg.solve(matrix, vector[..., None])[..., 0]
    likeness = both / np.sqrt(np.maximum(of_seen * of_wanted, FLAT))
    return step.astype(np.float64), likeness, np.linalg.eigvalsh(matrix)[:, 0].astype(np.float64)


def _foretold(patches: Patches, other: PatchPicture) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Columns and rows [n, side, side, 2] (0: the middle of the first pixel) in the other picture; which patches lie in it wholly.

    A plane q maps pixels by the homography K' (R + t q^T) K^-1 (Hartley and Zisserman 2003, 13.1).
    """
    camera, (h, w) = other.camera, other.camera.size_hw
    own = patches.picture.camera
    other_from_own = invert_rigid(other.world_from_camera) @ patches.picture.world_from_camera
    through_plane = other_from_own[:3, :3] + other_from_own[:3, 3, None] * patches.planes[:, None]  # [n, 3, 3]
    projection = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    middle = projection @ through_plane @ rays_at(own, *(patches.pixels.T + 0.5))[..., None]  # [n, 3, 1]
    right, down = (projection @ through_plane[..., axis, None] / f for axis, f in ((0, own.fx), (1, own.fy)))
    steps = np.arange(-RADIUS, RADIUS + 1)
    x, y, z = ((middle + right * steps)[..., None, :] + (down * steps)[..., None]).astype(np.float32).swapaxes(0, 1)
    places = np.stack([x, y], -1) / np.maximum(z, 1e-6)[..., None]
    margin = MAX_SHIFT + 1
    inside = (places > margin) & (places < np.array([w - 1 - margin, h - 1 - margin], np.float32))
    return places, (z > 1e-6).all((1, 2)) & inside.all((1, 2, 3))


def _read(layers: NDArray[np.float32], places: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear, [n, side * side, layers], of a picture's layers [h, w, layers]."""
    rows = places.reshape(-1, SIDE, 2)
    parts = [
        cv2.remap(layers, part[..., 0], part[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part in np.array_split(rows, -(-len(rows) // MAX_ROWS))
    ]
    return np.asarray(np.concatenate(parts), np.float32).reshape(len(places), SIDE**2, -1)


def _centred_and_ones(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of patches [n, side, side]: [n, side * side, 2]."""
    flat = grey.reshape(len(grey), SIDE**2)
    return np.stack([flat - flat.mean(1, keepdims=True), np.ones_like(flat)], -1)
