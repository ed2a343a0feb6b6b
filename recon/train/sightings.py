"""Rays that end where structure from motion saw a point: the surface must be there, in the point's colour.

Such a ray is only sampled near its point, with a random colour behind: the loss falls only when that short stretch becomes
opaque. It is the depth supervision of DS-NeRF (Deng et al. 2022) written as an ordinary photometric ray.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from recon.geometry import Rays
from recon.pixels import LinesOfSight, Scene

BEFORE, BEHIND = 0.06, 0.03  # of the distance: the stretch in which the surface must lie


@dataclass(frozen=True)
class SightingBatch:
    """n lines of sight in scene units."""

    rays: Rays
    nearest: Tensor  # [n]
    farthest: Tensor  # [n]
    colors: Tensor  # [n, 3]


class Sightings:
    """Random lines of sight of a capture."""

    def __init__(self, lines: LinesOfSight, scene: Scene, device: torch.device) -> None:
        assert len(lines) > 0
        self._starts = torch.from_numpy(scene.scene_from_world.points(lines.starts)).float().to(device)
        self._ends = torch.from_numpy(scene.scene_from_world.points(lines.ends)).float().to(device)
        self._colors = torch.from_numpy(lines.colors).float().to(device) / 255

    def sample(self, n: int, generator: torch.Generator) -> SightingBatch:
        """Draw n lines, with replacement."""
        drawn = torch.randint(len(self._starts), (n,), generator=generator, device=generator.device)
        drawn = drawn.to(self._starts.device)
        along = self._ends[drawn] - self._starts[drawn]
        distance = along.norm(dim=-1).clamp_min(1e-9)
        rays = Rays(self._starts[drawn], along / distance[:, None])
        return SightingBatch(rays, (1 - BEFORE) * distance, (1 + BEHIND) * distance, self._colors[drawn])
