"""The pictures of a posed capture in memory, and random pixels of them as rays."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.console import progress
from recon.errors import UserError
from recon.formats.images import read_image, resize_image
from recon.geometry import Rays, Similarity, View
from recon.geometry.cameras import directions_of_plane


@dataclass(frozen=True)
class Photo:
    """One view with its picture. `pixels` [h, w, 3 or 4] uint8, straight alpha; `mask` [h, w] bool, False: ignore."""

    view: View
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None

    def __post_init__(self) -> None:
        assert self.pixels.shape[:2] == self.view.camera.size_hw and self.pixels.shape[2] in (3, 4)

    @property
    def has_alpha(self) -> bool:
        return self.pixels.shape[2] == 4


def load_photo(view: View, *, max_size: int | None = None) -> Photo:
    """Read one view's picture (and mask), shrunk with its camera so that its longer side is at most `max_size`."""
    pixels = read_image(view.image)
    camera = view.camera
    if pixels.shape[:2] != camera.size_hw:
        raise UserError(
            f"{view.image}: its camera is for a picture of {camera.size_hw[1]}x{camera.size_hw[0]}, found "
            f"{pixels.shape[1]}x{pixels.shape[0]}. Run the poses stage again."
        )
    mask = None if view.mask is None else read_mask(view.mask, camera.size_hw)
    longest = max(camera.size_hw)
    if max_size is not None and longest > max_size:
        h, w = (max(round(side * max_size / longest), 1) for side in camera.size_hw)
        pixels, camera = resize_image(pixels, (h, w)), camera.resized((h, w))
        if mask is not None:
            mask = resize_image(mask.astype(np.uint8)[..., None].repeat(3, -1) * 255, (h, w))[..., 0] > 254
    return Photo(replace(view, camera=camera), pixels, mask)


def read_mask(path: Path, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """A mask [h, w]: True where the picture counts. It must have the picture's size."""
    values = read_image(path)[..., 0]
    if values.shape != size_hw:
        raise UserError(
            f"{path}: the mask must have its picture's size {size_hw[1]}x{size_hw[0]}, found {values.shape[1]}x{values.shape[0]}."
        )
    return values > 0  # 0 is ignored: see View.mask


def load_photos(views: list[View], *, max_size: int | None) -> list[Photo]:
    """All pictures, with a progress bar. They must agree on having alpha."""
    photos = []
    with progress("loading photos", len(views)) as bar:
        for view in views:
            photos.append(load_photo(view, max_size=max_size))
            bar.advance()
    if len({photo.has_alpha for photo in photos}) > 1:
        with_alpha = [photo for photo in photos if photo.has_alpha]
        if any((photo.pixels[..., 3] < 255).any() for photo in with_alpha):
            odd = next(photo for photo in photos if not photo.has_alpha)
            raise UserError(
                f"{odd.view.image}: has no alpha channel but other pictures do. Give all of them alpha, or none."
            )
        photos = [replace(photo, pixels=photo.pixels[..., :3].copy()) for photo in photos]
    elif photos and photos[0].has_alpha and all((photo.pixels[..., 3] == 255).all() for photo in photos):
        photos = [replace(photo, pixels=photo.pixels[..., :3].copy()) for photo in photos]  # opaque: alpha says nothing
    return photos


@dataclass(frozen=True)
class RayBatch:
    """n random pixels: their rays in scene units and what the photos show there."""

    rays: Rays
    colors: Tensor  # [n, 3] in [0, 1]
    alphas: Tensor | None  # [n] in [0, 1]
    photo_indices: Tensor  # [n] int64

    def __len__(self) -> int:
        return len(self.rays)


class PixelSampler:
    """Uniform random pixels over all photos. Pictures stay uint8; rays are made for the drawn pixels only."""

    def __init__(self, photos: list[Photo], scene_from_world: Similarity, device: torch.device) -> None:
        self.device = device
        self._pixels = torch.cat(
            [torch.from_numpy(photo.pixels.reshape(-1, photo.pixels.shape[2])) for photo in photos]
        )
        sizes = torch.tensor([photo.pixels.shape[:2] for photo in photos])
        self._widths = sizes[:, 1]
        self._starts = torch.cat([sizes.new_zeros(1), sizes.prod(1).cumsum(0)])
        masked = [photo.mask for photo in photos]
        self._usable = None
        if any(mask is not None for mask in masked):
            flat = [
                np.ones(photo.pixels.shape[:2], bool).ravel() if mask is None else mask.ravel()
                for photo, mask in zip(photos, masked, strict=True)
            ]
            self._usable = torch.from_numpy(np.concatenate(flat)).nonzero()[:, 0]
            if len(self._usable) == 0:
                raise UserError("the masks leave no pixel to train on: masks are white where the picture counts.")
        self._set_cameras([photo.view for photo in photos], scene_from_world)

    def _set_cameras(self, views: list[View], scene_from_world: Similarity) -> None:
        models = {view.camera.model for view in views} - {"PINHOLE"}
        if len(models) > 1:
            raise UserError(f"cameras of one capture must share a lens model, found {', '.join(sorted(models))}.")
        self._model = next(iter(models), "PINHOLE")
        cameras = [view.camera for view in views]
        self._intrinsics = torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float64).float()
        n_coefficients = 0 if self._model == "PINHOLE" else 4
        self._distortion = torch.tensor([c.distortion or (0.0,) * n_coefficients for c in cameras]).view(
            len(cameras), -1
        )
        poses = scene_from_world.poses(np.stack([view.world_from_camera for view in views]))
        self._poses = torch.from_numpy(poses).float()

    def sample(self, n: int, generator: torch.Generator) -> RayBatch:
        """Draw n pixels, with replacement."""
        n_pixels = len(self._pixels) if self._usable is None else len(self._usable)
        drawn = torch.randint(n_pixels, (n,), generator=generator)
        if self._usable is not None:
            drawn = self._usable[drawn]
        photo = torch.searchsorted(self._starts, drawn, right=True) - 1
        within = drawn - self._starts[photo]
        width = self._widths[photo]
        pixels = torch.stack([within % width, within // width], -1) + 0.5
        values = self._pixels[drawn].float().div_(255).to(self.device)
        return RayBatch(
            rays=self._rays(photo, pixels),
            colors=values[:, :3],
            alphas=values[:, 3] if values.shape[1] == 4 else None,
            photo_indices=photo.to(self.device),
        )

    def _rays(self, photo: Tensor, pixels: Tensor) -> Rays:
        intrinsics = self._intrinsics[photo]
        plane = (pixels - intrinsics[:, 2:]) / intrinsics[:, :2]
        in_camera = directions_of_plane(self._model, plane, self._distortion[photo].unbind(-1))
        poses = self._poses[photo]
        directions = (poses[:, :3, :3] @ in_camera[:, :, None])[:, :, 0]
        return Rays(poses[:, :3, 3].to(self.device), directions.to(self.device))
