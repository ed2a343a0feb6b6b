"""The photos made ready to paint a mesh: pixels, which of them count, and how far away the mesh is in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import Camera, View, invert_rigid
from recon.geometry.pinhole import pixels_of
from recon.geometry.transforms import Array, apply_rigid
from recon.mesh.picture import MeshScene
from recon.workspace.console import progress

_OPAQUE = 250  # alpha from which a pixel's colour is the surface's own
_DEPTH_SIDE = 640  # pixels of the longer side of the depth maps that tell what hides what


@dataclass(frozen=True)
class PhotoWithDepth:
    """One posed picture beside the depth of the mesh in it."""

    camera: Camera  # distortion included
    world_from_camera: Array  # [4, 4]
    color: NDArray[np.uint8]  # [h, w, 3]
    is_valid: NDArray[np.bool_]  # [h, w] not masked, not transparent
    depth: NDArray[np.float32]  # [dh, dw] mesh along camera z, perhaps smaller than the picture; 0 = none

    @property
    def center(self) -> Array:
        return self.world_from_camera[:3, 3]

    def with_margin(self, margin_px: int) -> "PhotoWithDepth":
        """The same photo with near surfaces of its depth map grown by some pixels.

        Reconstructed edges lie a few pixels off the pictured ones: without a margin, what is behind an edge is painted
        with the colour of what is in front of it.
        """
        kernel = np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)
        grown = cv2.erode(np.where(self.depth > 0, self.depth, np.inf).astype(np.float32), kernel)
        return replace(self, depth=np.where(self.depth > 0, grown, 0).astype(np.float32))


@dataclass(frozen=True)
class Projection:
    """Where n positions fall in a photo."""

    pixels: NDArray[np.float32]  # [n, 2]
    depth: NDArray[np.float32]  # [n] along camera z
    is_visible: NDArray[np.bool_]  # [n] inside, valid, and nothing of the mesh in front


def load_photos(views: Sequence[View], scene: MeshScene, *, max_side: int) -> list[PhotoWithDepth]:
    """Read the pictures of some views (at most `max_side` pixels) and cast the mesh's depth in each."""
    photos = []
    with progress("mesh: photos", len(views)) as bar:
        for view in views:
            color, is_valid, camera = color_and_validity(view, max_side=max_side)
            depth = scene.depth(camera.resized(fit_within(camera.size_hw, _DEPTH_SIDE)), view.world_from_camera)
            photos.append(PhotoWithDepth(camera, view.world_from_camera, color, is_valid, depth))
            bar.advance()
    return photos


def color_and_validity(view: View, *, max_side: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Camera]:
    """Colour [h, w, 3] and validity [h, w] of a view's picture, and its camera: mask and transparency are left out."""
    photo = read_photo(view, fit_within(view.camera.size_hw, max_side))
    is_valid = np.ones(photo.view.camera.size_hw, bool) if photo.mask is None else photo.mask.copy()
    if photo.alpha is not None:
        is_valid &= photo.alpha >= _OPAQUE
    return np.ascontiguousarray(photo.pixels[..., :3]), is_valid, photo.view.camera


def project(positions: NDArray, photo: PhotoWithDepth, *, tolerance: float) -> Projection:
    """Project positions [n, 3]; `tolerance` (world units, plus 1 % of the depth) is how far behind the mesh's own
    depth a position may lie and still be visible."""
    local = apply_rigid(invert_rigid(photo.world_from_camera), positions)
    z = local[:, 2]
    # Distortion models fold back far outside the picture: only what a pinhole puts near it is asked.
    camera, (h, w) = photo.camera, photo.camera.size_hw
    x, y, _ = pixels_of(camera, local)
    is_near = (z > 1e-9) & (np.abs(x - w / 2) < w) & (np.abs(y - h / 2) < h)
    pixels = np.full((len(positions), 2), -1, np.float32)
    pixels[is_near] = camera.project(torch.from_numpy(local[is_near])).numpy()
    inside = is_near & (pixels >= 0.5).all(1) & (pixels[:, 0] <= w - 0.5) & (pixels[:, 1] <= h - 0.5)
    is_visible = np.zeros(len(positions), bool)
    index = np.flatnonzero(inside)
    column, row = pixels[index].astype(np.int64).T
    dh, dw = photo.depth.shape
    surface = photo.depth[row * dh // h, column * dw // w]
    behind = z[index] - surface
    is_visible[index] = photo.is_valid[row, column] & (surface > 0) & (behind <= tolerance + 0.01 * z[index])
    return Projection(pixels, z.astype(np.float32), is_visible)
