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
from recon.geometry.pinhole import pixels_of, rays_at
from recon.geometry.transforms import Array, apply_rigid

RADIUS = 7  # pixels: the side of a patch is 2 of it and 1
BLUR = 1.0  # pixels, against noise
ROUNDS = 5
MAX_GAIN = 2.0  # of the brightness between pictures
MIN_LIKENESS = 0.9  # NCC of a patch and its place
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
    def smooth(self) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(self.grey.astype(np.float32), (0, 0), BLUR), np.float32)

    @cached_property
    def slopes(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Grey levels per pixel to the right and downwards, [h, w] each."""
        right, down = (cv2.Sobel(self.smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
        return np.asarray(right, np.float32), np.asarray(down, np.float32)


@dataclass(frozen=True)
class Patches:
    """Patches of one picture on the planes of their middles."""

    positions: Array  # [n, side, side, 3] world
    grey: NDArray[np.float32]  # [n, side, side]

    @property
    def middles(self) -> Array:
        """[n, 3] world."""
        return self.positions[:, RADIUS, RADIUS]


def cut_patches(picture: PatchPicture, x: NDArray, y: NDArray, depth: Array, normal: Array) -> Patches:
    """Round the pixels (columns x, rows y [n], RADIUS from the border at least), of depth [n] and world normal [n, 3]."""
    down, right = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    columns, rows = x[:, None, None] + right, y[:, None, None] + down
    pose = picture.world_from_camera
    rays = rays_at(picture.camera, columns + 0.5, rows + 0.5) @ pose[:3, :3].T
    height = depth * (rays[:, RADIUS, RADIUS] * normal).sum(-1)  # of the planes over the camera; negative
    slope = np.minimum((rays * normal[:, None, None]).sum(-1), -1e-6)
    positions = pose[:3, 3] + rays * (height[:, None, None] / slope)[..., None]
    return Patches(positions, picture.smooth[rows, columns])


def find_patches(patches: Patches, other: PatchPicture) -> tuple[NDArray[np.int64], Array]:
    """Which patches [m] are found in the other picture, and at what pixels x, y [m, 2] of it their middles lie."""
    x, y, inside = _foretold(patches, other)
    at = np.flatnonzero(inside)
    if not len(at):
        return at, np.zeros((0, 2))
    foretold, wanted = [a[at].astype(np.float32) for a in (x, y)], _centred(patches.grey[at])
    shift, step = np.zeros((len(at), 2)), np.zeros((len(at), 2))
    for _ in range(ROUNDS):
        columns, rows = (a + shift[:, k, None, None].astype(np.float32) for k, a in enumerate(foretold))
        seen, right, down = (_centred(_read(image, columns, rows)) for image in (other.smooth, *other.slopes))
        gain = (seen * wanted).sum((1, 2)) / np.maximum((seen * seen).sum((1, 2)), FLAT)
        left = wanted - seen * np.clip(gain, 1 / MAX_GAIN, MAX_GAIN)[:, None, None]
        matrix = _products(right, down) + FLAT * np.eye(2)
        vector = np.stack([(right * left).sum((1, 2)), (down * left).sum((1, 2))], -1)
        step = np.linalg.solve(matrix, vector[..., None])[..., 0]
        shift += np.clip(step, -1, 1)
    likeness = (seen * wanted).sum((1, 2)) / np.sqrt(np.maximum((seen**2).sum((1, 2)) * (wanted**2).sum((1, 2)), FLAT))
    is_found = (likeness > MIN_LIKENESS) & (np.linalg.eigvalsh(matrix)[:, 0] > MIN_TEXTURE)
    is_found &= (np.abs(shift).max(1) < MAX_SHIFT) & (np.abs(step).max(1) < MAX_LAST_STEP)
    middle = np.stack([a[:, RADIUS, RADIUS] for a in foretold], -1) + shift + 0.5
    return at[is_found], middle[is_found]


def _foretold(patches: Patches, other: PatchPicture) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Columns and rows [n, side, side] (0: the middle of the first pixel) in the other picture; which patches lie in it wholly."""
    h, w = other.camera.size_hw
    local = apply_rigid(invert_rigid(other.world_from_camera), patches.positions)
    x, y, is_seen = pixels_of(other.camera, local)
    x, y, margin = x - 0.5, y - 0.5, MAX_SHIFT + 1
    inside = (x > margin) & (x < w - 1 - margin) & (y > margin) & (y < h - 1 - margin)
    return x, y, np.asarray((is_seen & inside).all((1, 2)))


def _read(image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear, [n, side, side]."""
    n, side, _ = x.shape
    columns, rows = x.reshape(n * side, side), y.reshape(n * side, side)
    n_parts = -(-n * side // MAX_ROWS)
    parts = [
        cv2.remap(image, part_x, part_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for part_x, part_y in zip(np.array_split(columns, n_parts), np.array_split(rows, n_parts), strict=True)
    ]
    return np.asarray(np.concatenate(parts), np.float32).reshape(n, side, side)


def _centred(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    return patches - patches.mean((1, 2), keepdims=True)


def _products(right: NDArray[np.float32], down: NDArray[np.float32]) -> Array:
    """[n, 2, 2]: the summed products of the slopes."""
    across = (right * down).sum((1, 2))
    return np.stack([(right**2).sum((1, 2)), across, across, (down**2).sum((1, 2))], -1).reshape(-1, 2, 2)
