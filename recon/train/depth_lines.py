"""Rays on which the distance of the surface is known: from sparse points, from matching between pictures, from a depth sensor.

Each becomes two ordinary photometric rays. The *opaque ray* is sampled only in a band round the known distance, with a random
colour behind: its loss falls only when that stretch becomes opaque, in the colour seen there. The *free ray* is sampled from the
camera to just before the band; its target is the random colour behind it, so that only transparency is right. It is the depth
supervision of DS-NeRF (Deng et al. 2022) and Urban Radiance Fields (Rematas et al. 2022, section 3.2) without a new loss.

The band is wide, as known distances are wrong here and there, and pictures decide within it. A depth loss pulls the place where
half of the light is left to the known distance (`LossSettings.depth_loss`), as gently where it is far off as where it is near.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from recon.geometry import Rays

SIGMAS = 2.0  # of a line's own error that the band holds at least


@dataclass(frozen=True)
class DepthLines:
    """n rays with a known distance, in scene units."""

    origins: Tensor  # [n, 3]
    directions: Tensor  # [n, 3] unit
    distances: Tensor  # [n] along the ray; infinite: the ray meets nothing (sky)
    errors: Tensor  # [n] one sigma of the distance, as a fraction of it
    colors: Tensor  # [n, 3] uint8, where the ray ends; of the sky: not used
    weights: Tensor  # [n] how often the line is drawn, relative to the others: the confidence

    def __post_init__(self) -> None:
        n = len(self.origins)
        assert self.origins.shape == self.directions.shape == self.colors.shape == (n, 3)
        assert self.distances.shape == self.errors.shape == self.weights.shape == (n,)

    def __len__(self) -> int:
        return len(self.origins)

    def __getitem__(self, which: Tensor) -> "DepthLines":
        return DepthLines(**{name: tensor[which] for name, tensor in vars(self).items()})

    def to(self, device: torch.device) -> "DepthLines":
        """The same lines on `device`."""
        return DepthLines(**{name: tensor.to(device) for name, tensor in vars(self).items()})

    @staticmethod
    def joined(parts: "list[DepthLines]") -> "DepthLines":
        """The lines of all parts."""
        return DepthLines(**{name: torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])})


@dataclass(frozen=True)
class LineBatch:
    """The rays of some lines: opaque ones first, then free ones."""

    rays: Rays
    nearest: Tensor  # [n] where sampling starts and ends
    farthest: Tensor  # [n]
    distances: Tensor  # [n] of the surface; 0 on free rays: there is none
    colors: Tensor  # [n, 3] targets; of free rays: unused, what lies behind is right

    def __len__(self) -> int:
        return len(self.rays)


class LineSampler:
    """Draws lines by their weight. How many of them end on a surface, and how many in the sky, follows from the weights: both
    numbers are known beforehand, so that nobody waits for a GPU to count them."""

    def __init__(self, lines: DepthLines, device: torch.device) -> None:
        assert len(lines) > 0
        ends = lines.distances.isfinite()
        if not ends.all():
            lines = lines[torch.cat([ends.nonzero()[:, 0], (~ends).nonzero()[:, 0]])]
        self._lines, self._device = lines.to(device), device
        self._summed = torch.cumsum(self._lines.weights.double(), 0)
        of_surfaces = self._summed[int(ends.sum()) - 1] if ends.any() else 0.0
        self._weight, self._weight_of_surfaces = float(self._summed[-1]), float(of_surfaces)
        assert self._weight > 0

    def __len__(self) -> int:
        return len(self._lines)

    def sample(self, n: int, band: float, generator: torch.Generator) -> LineBatch:
        """Draw n lines, with replacement; `band`: half the opaque stretch, as a share of the distance."""
        lines = self._lines
        at = torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device).to(self._device)
        n_solid, of_surfaces = round(n * self._weight_of_surfaces / self._weight), self._weight_of_surfaces
        weights = torch.cat([at[:n_solid] * of_surfaces, of_surfaces + at[n_solid:] * (self._weight - of_surfaces)])
        drawn = torch.searchsorted(self._summed, weights, right=True).clamp(max=len(lines) - 1)
        distance = lines.distances[drawn]
        width = torch.maximum(torch.full_like(distance, band), SIGMAS * lines.errors[drawn])
        solid = slice(n_solid)
        every = torch.cat([drawn[solid], drawn])
        before, nothing = (1 - width).clamp_min(0) * distance, torch.zeros_like(distance)
        return LineBatch(
            rays=Rays(lines.origins[every], lines.directions[every]),
            nearest=torch.cat([before[solid], nothing]),
            farthest=torch.cat([((1 + width) * distance)[solid], before]),
            distances=torch.cat([distance[solid], nothing]),
            colors=lines.colors[every].float() / 255,
        )
