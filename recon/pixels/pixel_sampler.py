"""Random pixels of the training pictures as rays."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "RayBatch":
        """With every tensor changed."""
        rays = Rays(change(self.rays.origins), change(self.rays.directions))
        alphas = None if self.alphas is None else change(self.alphas)
        return RayBatch(rays, change(self.colors), alphas, change(self.photo_indices))


class BatchesAhead:
    """Batches of pixels that a GPU does not hold: each is made while the GPU works on the one before, in memory from which it
    copies by itself."""

    def __init__(self, make: Callable[[int], RayBatch], device: torch.device) -> None:
        """make: a batch of n pixels in the host's memory. device: where the batches go."""
        self._make, self._device = make, device
        self._worker = ThreadPoolExecutor(1, "batches")
        self._coming: Future[RayBatch] | None = None

    def next(self, n: int) -> RayBatch:
        """A batch of n pixels, or fewer: of as many as the batch before was asked for."""
        coming = self._coming
        while coming is None or len(coming.result()) > n:
            coming = self._worker.submit(self._made, n)
        batch = coming.result()
        self._coming = self._worker.submit(self._made, n)
        return batch.mapped(lambda tensor: tensor.to(self._device, non_blocking=True))

    def _made(self, n: int) -> RayBatch:
        batch = self._make(n)
        return batch.mapped(Tensor.pin_memory) if self._device.type == "cuda" else batch


class PixelSampler:
    """Draws pixels from a pool and makes their rays, on `device` where the pool fits there; batches lie on `device`."""

    def __init__(self, pool: PixelPool, scene_from_world: Similarity, device: torch.device) -> None:
        self.pool, self.device = pool, device
        pool.move_to(device)
        self.is_on_device = pool.device.type == device.type
        self._ahead = None if self.is_on_device else BatchesAhead(self._made_on_the_host, device)
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
        self.prepare(n)
        return self.draw(n, generator)

    def prepare(self, n: int) -> None:
        """What the host does before n pixels are drawn."""
        if self.is_on_device:
            self.pool.renew(n)

    def draw(self, n: int, generator: torch.Generator) -> RayBatch:
        """The drawing itself, which on a GPU waits for nothing. Pixels that a GPU does not hold are drawn a step ahead, by random
        numbers of the host: of as many as were asked for then, if those are fewer."""
        return self._drawn(n, generator) if self._ahead is None else self._ahead.next(n)

    def _made_on_the_host(self, n: int) -> RayBatch:
        """The random numbers follow from how many pixels have been drawn, so that a training that was stopped goes on with them."""
        number = int(np.random.SeedSequence((self.pool.seed, self.pool.n_drawn)).generate_state(1)[0])
        self.pool.renew(n)
        return self._drawn(n, torch.Generator().manual_seed(number))

    def _drawn(self, n: int, generator: torch.Generator) -> RayBatch:
        """A batch that lies where the pool does."""
        drawn = self.pool.pick(n, generator)
        width = self._widths.index_select(0, drawn.photos)
        pixels = torch.stack([drawn.positions % width, drawn.positions // width], -1) + 0.5
        rotations = self._rotations.index_select(0, drawn.photos)
        directions = torch.einsum("nij,nj->ni", rotations, self._in_camera(drawn.photos, pixels))
        return RayBatch(
            rays=Rays(self._centers.index_select(0, drawn.photos), directions),
            colors=drawn.colors.float().div_(255),
            alphas=None if drawn.alphas is None else drawn.alphas.float().div_(255),
            photo_indices=drawn.photos,
        )

    def _in_camera(self, photos: Tensor, pixels: Tensor) -> Tensor:
        """Unit directions [n, 3] in the frames of the pixels' cameras."""
        if self._lenses is not None:
            return self._lenses.directions(photos, pixels)
        intrinsics = self._intrinsics.index_select(0, photos)
        plane = (pixels - intrinsics[:, 2:]) / intrinsics[:, :2]
        return torch.nn.functional.normalize(torch.cat([plane, torch.ones_like(plane[:, :1])], -1), dim=-1)
