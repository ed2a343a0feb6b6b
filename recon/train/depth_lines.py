"""Rays on which the distance of the surface is known: from sparse points, from matching between pictures, from a depth sensor.

Each becomes two ordinary photometric rays. The *opaque ray* is sampled only in a band round the known distance, with a random
colour behind: its loss falls only when that stretch becomes opaque, in the colour seen there. The *free ray* is sampled from the
camera to just before the band; its target is the random colour behind it, so that only transparency is right. It is the depth
supervision of DS-NeRF (Deng et al. 2022) and Urban Radiance Fields (Rematas et al. 2022, section 3.2) without a new loss.

Known distances are wrong here and there. The band is wide at first and narrows, and a group of lines (a point's, or a patch of
a picture) whose rays stay wrong in colour while the field learns is believed no more.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recon.field.checkpoint import like
from recon.geometry import Rays

MEMORY = 0.7  # of a group's running error at each step that draws it
MIN_VISITS = 4  # rays of a group before it may be dropped
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
    groups: Tensor  # [n] int64, 0, 1, ...: lines that are right or wrong together

    def __post_init__(self) -> None:
        n = len(self.origins)
        assert self.origins.shape == self.directions.shape == self.colors.shape == (n, 3)
        assert self.distances.shape == self.errors.shape == self.weights.shape == self.groups.shape == (n,)

    def __len__(self) -> int:
        return len(self.origins)

    def to(self, device: torch.device) -> "DepthLines":
        """The same lines on `device`."""
        return DepthLines(**{name: tensor.to(device) for name, tensor in vars(self).items()})

    @staticmethod
    def joined(parts: "list[DepthLines]") -> "DepthLines":
        """The lines of all parts; groups stay apart."""
        groups, n_groups = [], 0
        for part in parts:
            groups.append(part.groups + n_groups)
            n_groups += int(part.groups.max()) + 1 if len(part) else 0
        names = ("origins", "directions", "distances", "errors", "colors", "weights")
        return DepthLines(
            **{name: torch.cat([getattr(p, name) for p in parts]) for name in names}, groups=torch.cat(groups)
        )


@dataclass(frozen=True)
class LineBatch:
    """The rays of some lines: opaque ones first, then free ones."""

    rays: Rays
    nearest: Tensor  # [n] where sampling starts and ends
    farthest: Tensor  # [n]
    distances: Tensor  # [n] of the surface; 0 on free rays: there is none
    colors: Tensor  # [n, 3] targets; of free rays: unused, what lies behind is right
    groups: Tensor  # [n]


class LineSampler:
    """Draws lines by weight, and remembers which groups of them the field contradicts."""

    def __init__(self, lines: DepthLines, device: torch.device) -> None:
        assert len(lines) > 0
        self._lines, self._device = lines.to(device), device
        n_groups = int(lines.groups.max()) + 1
        self._errors = torch.zeros(n_groups, device=device)
        self._visits = torch.zeros(n_groups, dtype=torch.int32, device=device)
        self._believed = torch.ones(n_groups, dtype=torch.bool, device=device)
        self._weigh()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def believed_fraction(self) -> float:
        """Share of the lines that were not dropped."""
        return float(self._believed[self._lines.groups].float().mean())

    def sample(self, n: int, band: float, generator: torch.Generator) -> LineBatch:
        """Draw n lines, with replacement (none if all were dropped); `band`: half the opaque stretch over the distance."""
        lines, n = self._lines, n if self._summed[-1] > 0 else 0
        at = torch.rand(n, generator=generator, dtype=torch.float64, device=generator.device).to(self._device)
        at = at * self._summed[-1]
        drawn = torch.searchsorted(self._summed, at, right=True).clamp(max=len(lines) - 1)
        distance = lines.distances[drawn]
        width = torch.maximum(torch.full_like(distance, band), SIGMAS * lines.errors[drawn])
        solid = distance.isfinite()
        ends = drawn[solid]
        every = torch.cat([ends, drawn])
        before = (1 - width).clamp_min(0) * distance
        colors = lines.colors[every].float() / 255
        distances = torch.cat([distance[solid], torch.zeros_like(distance)])
        nearest = torch.cat([before[solid], torch.zeros_like(before)])
        farthest = torch.cat([(1 + width[solid]) * distance[solid], before])
        groups = lines.groups[every]
        rays = Rays(lines.origins[every], lines.directions[every])
        return LineBatch(rays, nearest, farthest, distances, colors, groups)

    def judge(self, batch: LineBatch, errors: Tensor, *, limit: float | None) -> None:
        """Learn from the mean colour errors [n] of a batch's rays; `limit`: drop groups whose running error is above it.

        Both rays tell: a distance that is too far has a free ray through the true surface, one that is too near an opaque ray
        that should be empty, and both show colours that other pictures contradict.
        """
        groups, place, counts = batch.groups.unique(return_inverse=True, return_counts=True)
        mean = torch.zeros(len(groups), device=errors.device).index_add(0, place, errors) / counts
        known = self._visits[groups] > 0
        self._errors[groups] = torch.where(known, MEMORY * self._errors[groups] + (1 - MEMORY) * mean, mean)
        self._visits[groups] += counts.int()
        if limit is not None:
            wrong = self._believed & (self._errors > limit) & (self._visits >= MIN_VISITS)
            if wrong.any():
                self._believed &= ~wrong
                self._weigh()

    def _weigh(self) -> None:
        believed = self._believed[self._lines.groups]
        self._summed = torch.cumsum(self._lines.weights.double() * believed, 0)

    def state(self) -> dict[str, Any]:
        """What the next draw depends on, for checkpoints."""
        return {"errors": self._errors, "visits": self._visits, "believed": self._believed}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._errors, self._visits, self._believed = (
            like(state[name], own.cpu(), name).to(self._device)
            for name, own in (("errors", self._errors), ("visits", self._visits), ("believed", self._believed))
        )
        self._weigh()


def band(progress: float, *, first: float, final: float) -> float:
    """Half the width of the opaque stretch as a share of the distance: geometric from `first` to `final` over the budget."""
    return first * (final / first) ** min(max(progress, 0.0), 1.0)
