"""The photos made ready to paint a mesh: pixels, which of them count, and how far away the mesh is in each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import Camera, View, invert_rigid
from recon.geometry.transforms import Array
from recon.kernels.painting import is_visible
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
    color = np.require(photo.pixels[..., :3], requirements=["C", "W"])  # torch warns of arrays that may not be written
    return color, is_valid, photo.view.camera


def project(positions: NDArray, photo: PhotoWithDepth, *, tolerance: float) -> Projection:
    """Where positions [n, 3] of the world fall in a photo; `tolerance` (world units, plus 1 % of the depth) is how far behind
    the mesh's own depth a position may lie and still be visible."""
    pixels, depth = projected(photo, torch.from_numpy(positions))
    surface, is_valid = torch.from_numpy(photo.depth), torch.from_numpy(photo.is_valid)
    seen = is_visible(is_valid, surface, pixels, depth, tolerance=tolerance)
    return Projection(pixels.numpy(), depth.numpy(), seen.numpy())


def projected(photo: PhotoWithDepth, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels [n, 2] (far outside: -1) and depths along camera z [n] of positions [n, 3] of the world, float32, on their device."""
    device, camera, (h, w) = positions.device, photo.camera, photo.camera.size_hw
    pose = torch.from_numpy(invert_rigid(photo.world_from_camera)).to(device)
    local = positions.double() @ pose[:3, :3].T + pose[:3, 3]
    z = local[:, 2]
    # Distortion models fold back far outside the picture: only what a pinhole puts near it is asked.
    safe = torch.where(z > 1e-9, z, torch.inf)
    x, y = local[:, 0] / safe * camera.fx + camera.cx, local[:, 1] / safe * camera.fy + camera.cy
    near = ((z > 1e-9) & ((x - w / 2).abs() < w) & ((y - h / 2).abs() < h)).nonzero()[:, 0]
    pixels = torch.full((len(positions), 2), -1.0, device=device)
    pixels[near] = camera.project(local[near]).float()
    return pixels, z.float()
