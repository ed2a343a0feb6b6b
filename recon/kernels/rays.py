"""Rays with the stretch of each that is looked at, where samples may lie, and the samples themselves.

Letters, fixed once: samples are packed, sorted by ray. `ray_indices` [n_samples] int64 names each sample's ray, `t_starts` and
`t_ends` [n_samples] are its interval along the ray, `weights` [n_samples] the share of the ray's colour it gives.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from recon.geometry.rays import Rays
from recon.kernels.layout import OccupancyLayout, StepLattice
from recon.kernels.shapes import check

MIN_TRANSMITTANCE = 1e-2  # training: samples behind that much absorption neither add colour nor get a gradient


@dataclass(frozen=True)
class Segments:
    """n rays, the stretch [t_near, t_far) of each, and how far its lattice of distances is shifted."""

    rays: Rays
    t_near: Tensor  # [n]
    t_far: Tensor  # [n]; not above t_near: nothing of this ray
    offsets: Tensor  # [n] in [0, 1), lattice steps: jitter in training, 0.5 in rendering

    def __post_init__(self) -> None:
        for name in ("t_near", "t_far", "offsets"):
            check(name, getattr(self, name), (len(self.rays),))

    def __len__(self) -> int:
        return len(self.rays)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.rays.origins, self.rays.directions, self.t_near, self.t_far, self.offsets)


@dataclass(frozen=True)
class Sampling:
    """Where rays may be sampled: in the occupied cells of an `OccupancyLayout`, at the distances of a lattice."""

    occupied: Tensor  # [cascades, r, r, r] bool
    lattice: StepLattice

    def __post_init__(self) -> None:
        """Kernels believe the layout, so a grid of another shape must not get that far."""
        n_cascades, side = (*self.occupied.shape, 0, 0)[:2]
        check("occupied", self.occupied, (n_cascades, side, side, side), torch.bool)

    @property
    def layout(self) -> OccupancyLayout:
        return OccupancyLayout(self.occupied.shape[0], self.occupied.shape[1])


@dataclass(frozen=True)
class Samples:
    """Intervals along rays, sorted by ray."""

    ray_indices: Tensor  # [n] int64
    t_starts: Tensor  # [n]
    t_ends: Tensor  # [n]
    handed_on: Tensor | None = None  # what a back end's `march_visible` found and its own `field_gradients` wants again
    n_lit: Tensor | None = None  # [] how many there are, where the device alone knows: those behind them are rubbish

    def __post_init__(self) -> None:
        check("ray_indices", self.ray_indices, (None,), torch.int64)
        for name in ("t_starts", "t_ends"):
            check(name, getattr(self, name), (len(self.ray_indices),))

    def __len__(self) -> int:
        return len(self.ray_indices)

    def __getitem__(self, keep: Tensor) -> "Samples":
        return Samples(self.ray_indices[keep], self.t_starts[keep], self.t_ends[keep])

    @property
    def t(self) -> Tensor:
        """Midpoints [n] of the samples along their rays."""
        return 0.5 * (self.t_starts + self.t_ends)

    @property
    def lengths(self) -> Tensor:
        """Lengths [n] of the samples."""
        return self.t_ends - self.t_starts

    def positions(self, rays: Rays) -> Tensor:
        """Midpoints [n, 3] in the frame of the rays."""
        return rays.origins[self.ray_indices] + self.t[:, None] * rays.directions[self.ray_indices]
