"""Random pixels of the training pictures as rays."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recon.geometry import Rays, Similarity
from recon.pixels.lens_tables import LensTables
from recon.pixels.pixel_pool import PixelPool


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
    """Draws pixels from a pool and makes their rays, on `device` where the pool fits there; batches lie on `device`."""

    def __init__(self, pool: PixelPool, scene_from_world: Similarity, device: torch.device) -> None:
        self.pool, self.device = pool, device
        pool.move_to(device)
        cameras = [view.camera for view in pool.views]
        self._widths = torch.tensor([camera.size_hw[1] for camera in cameras], device=pool.device)
        poses = scene_from_world.poses(np.stack([view.world_from_camera for view in pool.views]))
        self._centers = torch.from_numpy(poses[:, :3, 3]).float().to(pool.device)
        self._rotations = torch.from_numpy(poses[:, :3, :3]).float().to(pool.device)
        intrinsics = torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float64)
        self._intrinsics = intrinsics.float().to(pool.device)
        is_distorted = {camera.model for camera in cameras} != {"PINHOLE"}
        self._lenses = LensTables.of(cameras).to(pool.device) if is_distorted else None

    def sample(self, n: int, generator: torch.Generator) -> RayBatch:
        """Draw n pixels, with replacement."""
        drawn = self.pool.draw(n, generator)
        width = self._widths.index_select(0, drawn.photos)
        pixels = torch.stack([drawn.positions % width, drawn.positions // width], -1) + 0.5
        rotations = self._rotations.index_select(0, drawn.photos)
        directions = torch.einsum("nij,nj->ni", rotations, self._in_camera(drawn.photos, pixels))
        return RayBatch(
            rays=Rays(self._centers.index_select(0, drawn.photos).to(self.device), directions.to(self.device)),
            colors=drawn.colors.float().div_(255).to(self.device),
            alphas=None if drawn.alphas is None else drawn.alphas.float().div_(255).to(self.device),
            photo_indices=drawn.photos.to(self.device),
        )

    def _in_camera(self, photos: Tensor, pixels: Tensor) -> Tensor:
        """Unit directions [n, 3] in the frames of the pixels' cameras."""
        if self._lenses is not None:
            return self._lenses.directions(photos, pixels)
        intrinsics = self._intrinsics.index_select(0, photos)
        plane = (pixels - intrinsics[:, 2:]) / intrinsics[:, :2]
        return torch.nn.functional.normalize(torch.cat([plane, torch.ones_like(plane[:, :1])], -1), dim=-1)
