"""A trained field, ready to be looked at: pictures from any camera, colours at any point, in world units."""

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon import kernels
from recon.field.interface import Field, FieldKernels
from recon.geometry import Camera, Rays, pixel_directions
from recon.geometry.transforms import Array
from recon.kernels import Sampling, StepLattice
from recon.pixels import Scene
from recon.pixels.exposures import NO_EXPOSURES, Exposures
from recon.render.normals import normals_of_depth
from recon.render.views import RenderedView
from recon.render.volume import RenderedRays, render_rays_fast, render_rays_fused, segments_of
from recon.workspace.console import say
from recon.workspace.errors import UserError

RAYS_PER_BLOCK = 1 << 13  # bounds memory: the reference looks at every lattice step of these together
RAYS_PER_BLOCK_FUSED = 1 << 18  # many keep all threads, and a GPU, busy


@dataclass(frozen=True)
class TrainedField:
    """A field with the scene it was trained in. Behind it lies "white", "black" or the learned "sky".

    It is shown as it is when its first view is rendered: for a field that is trained on, make another.
    """

    field: Field
    scene: Scene
    occupied: Tensor  # [cascades, r, r, r] bool
    lattice: StepLattice
    background: str
    exposures: Exposures = NO_EXPOSURES  # of the pictures that taught it

    @torch.no_grad()
    def render(self, camera: Camera, world_from_camera: Array, wanted: NDArray[np.bool_] | None = None) -> RenderedView:
        """One view in bounded memory, whole or only in its pixels `wanted` [h, w], one at least; depth in world units."""
        device = self.occupied.device
        scene = self.scene.scene_from_world
        pose = torch.from_numpy(scene.poses(world_from_camera)).float().to(device)
        in_camera = pixel_directions(camera).view(-1, 3).to(device)
        where = None if wanted is None else torch.from_numpy(np.flatnonzero(wanted)).to(device)
        asked = in_camera if where is None else in_camera[where]
        size = RAYS_PER_BLOCK if self._fused is None else RAYS_PER_BLOCK_FUSED
        blocks = [self._render_block(block @ pose[:3, :3].T, pose[:3, 3]) for block in asked.split(size)]
        color, opacity, distance = (_put(torch.cat(part), where, len(in_camera)) for part in zip(*blocks, strict=True))
        depth = torch.where(opacity >= 0.5, distance * in_camera[:, 2] / scene.scale, 0.0)
        h, w = camera.size_hw
        return RenderedView(
            color=color.view(h, w, 3).clamp(0, 1).cpu().numpy(),
            opacity=opacity.view(h, w).clamp(0, 1).cpu().numpy(),
            depth=depth.view(h, w).cpu().numpy(),
            normal=normals_of_depth(depth.view(h, w), camera, world_from_camera).cpu().numpy(),
        )

    @cached_property
    def _fused(self) -> FieldKernels | None:
        return self.field.fused()

    def _render_block(self, directions: Tensor, origin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rendered = self._volume(Rays(origin.expand_as(directions), directions))
        rest = 1 - rendered.opacity
        color, beyond = rendered.color, rest > 0
        color[beyond] += rest[beyond, None] * self._background(directions[beyond])
        return color, rendered.opacity, rendered.distance

    def _volume(self, rays: Rays) -> RenderedRays:
        sampling = Sampling(self.occupied, self.lattice)
        segments = segments_of(rays, sampling, near=self.scene.near)
        if self._fused is not None:
            return render_rays_fused(segments, sampling, self._fused)
        samples, kind = kernels.march(segments, sampling), rays.origins.device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda"):
            return render_rays_fast(rays, samples, density_fn=self.field.density, color_fn=self.field.color)

    def _background(self, directions: Tensor) -> Tensor:
        if self.background == "sky":
            return self.field.background(directions)
        return torch.full_like(directions, {"white": 1.0, "black": 0.0}[self.background])

    @torch.no_grad()
    def color(self, positions: Array, directions: Array) -> Array:
        """Colours [n, 3] at world positions [n, 3] seen along unit world directions [n, 3]."""
        device = self.occupied.device
        scene = self.scene.scene_from_world
        inside = torch.from_numpy(scene.points(positions)).float().to(device)
        towards = torch.from_numpy(np.asarray(directions, float) @ scene.rotation.T).float().to(device)
        blocks = [
            self.field.color(self.field.density(p)[1], d)
            for p, d in zip(inside.split(1 << 15), towards.split(1 << 15), strict=True)
        ]
        return torch.cat(blocks).float().cpu().numpy() if blocks else np.zeros((0, 3))


def _put(values: Tensor, where: Tensor | None, n: int) -> Tensor:
    """Values [m, ..] at m places `where` of n, 0 elsewhere; None: they are all."""
    return values if where is None else values.new_zeros(n, *values.shape[1:]).index_copy_(0, where, values)


def choose_device(name: str) -> torch.device:
    """`auto`: the first GPU with CUDA or ROCm where there is one, else the CPU; `cuda:1`: the second of several."""
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        if not n_gpus and torch.backends.mps.is_available():
            say(
                "device=auto: no kernels for Apple's GPU; training runs on the processor, 10 to 100 times slower than a GPU"
            )
        name = "cuda" if n_gpus else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise UserError(f"device={name}: expected auto, cpu, cuda or, of several GPUs, cuda:0, cuda:1, ...")
    if name == "cpu":
        return torch.device("cpu")
    index = int(name.partition(":")[2] or 0)
    if n_gpus == 0:
        raise UserError(f"device={name}: this PyTorch finds no CUDA device. Use device=auto or device=cpu.")
    if index >= n_gpus:
        raise UserError(f"device={name}: this machine has {n_gpus} GPU(s), cuda:0 to cuda:{n_gpus - 1}.")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)
