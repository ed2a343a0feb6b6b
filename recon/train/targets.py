"""What the rays of one step should see: those of photos, and those whose depth is known."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recon.field.interface import Field
from recon.geometry import Rays
from recon.kernels import RayTargets
from recon.pixels import RayBatch
from recon.train.depth_lines import LineBatch
from recon.train.exposure import ExposureLearner


@dataclass(frozen=True)
class Targets:
    """n rays: where to look along them, and what should be seen there."""

    rays: Rays
    nearest: Tensor  # [n] where sampling starts and ends
    farthest: Tensor  # [n]
    distances: Tensor  # [n] of the surface, 0 where unknown
    colors: Tensor  # [n, 3]
    backgrounds: Tensor  # [n, 3] behind everything; gets a gradient where it wants one

    @property
    def seen(self) -> RayTargets:
        """What a step compares the rendered rays with."""
        return RayTargets(self.colors, self.backgrounds, self.distances)

    def joined(self, other: "Targets") -> "Targets":
        """These rays, then the others."""
        rays = Rays(
            torch.cat([self.rays.origins, other.rays.origins]), torch.cat([self.rays.directions, other.rays.directions])
        )
        names = ("nearest", "farthest", "distances", "colors", "backgrounds")
        return Targets(rays, *(torch.cat([getattr(self, name), getattr(other, name)]) for name in names))


def targets_of_photos(
    batch: RayBatch,
    noise: Tensor,  # [n, 3] in [0, 1)
    field: Field,
    exposure: ExposureLearner | None,
    *,
    sky_noise: float,
) -> Targets:
    """The pixels' colours at unit exposure, and what lies behind them.

    Where alpha is known, random colours behind both. An opaque photo has the learned sky behind it, with noise: a wall of
    the sky's colour would otherwise do as well by being transparent.
    """
    if batch.alphas is None:
        colors, behind = batch.colors, field.background(batch.rays.directions) + sky_noise * (2 * noise - 1)
    else:
        alpha = batch.alphas[:, None]
        colors, behind = batch.colors * alpha + (1 - alpha) * noise, noise
    if exposure is not None:
        colors = exposure.evened(colors, batch.photo_indices)
    nowhere = torch.zeros(len(batch), device=noise.device)
    return Targets(batch.rays, nowhere, torch.full_like(nowhere, torch.inf), nowhere, colors, behind)


def targets_of_lines(
    lines: LineBatch,
    noise: Tensor,  # [n, 3] in [0, 1)
) -> Targets:
    """Targets with random colours as backgrounds; rays through free space must show those colours unchanged."""
    colors = torch.where(lines.distances[:, None] > 0, lines.colors, noise)
    return Targets(lines.rays, lines.nearest, lines.farthest, lines.distances, colors, noise)
