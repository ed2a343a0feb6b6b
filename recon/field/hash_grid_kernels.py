"""The fused kernels of the hash-grid field: those of a back end (`recon.kernels.native`, `.triton`) with the field's tensors."""

from types import ModuleType
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recon.geometry import Rays
from recon.kernels import LossSettings, OccupancyLayout, StepLattice
from recon.render.volume import Samples

if TYPE_CHECKING:
    from recon.field.hash_grid import RadianceField


class HashGridKernels:
    """See `recon.field.interface.FieldKernels`."""

    def __init__(self, field: "RadianceField", backend: ModuleType) -> None:
        self.field, self.backend = field, backend

    def march_visible(
        self,
        rays: Rays,
        reach: tuple[Tensor, Tensor],
        offsets: Tensor,
        occupied: Tensor,
        layout: OccupancyLayout,
        lattice: StepLattice,
        capacity: int | None,
    ) -> Samples:
        march = (rays.origins, rays.directions, *reach, offsets, occupied, layout, lattice, self.field.tensors())
        if capacity is None or not self.backend.COUNTS_AHEAD:
            return Samples(*self.backend.march_visible(*march))
        ray_indices, t_starts, t_ends, first = self.backend.march_visible(*march, capacity)
        return Samples(ray_indices, t_starts, t_ends, first, first[-1])

    def render(
        self,
        rays: Rays,
        reach: tuple[Tensor, Tensor],
        occupied: Tensor,
        layout: OccupancyLayout,
        lattice: StepLattice,
        min_weight: float,
    ) -> tuple[Tensor, Tensor, Tensor]:
        return self.backend.render_field(
            rays.origins, rays.directions, *reach, occupied, layout, lattice, self.field.tensors(), min_weight
        )

    def gradients(
        self,
        rays: Rays,
        samples: Samples,
        targets: Tensor,
        backgrounds: Tensor,
        loss: LossSettings,
        known_distances: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        features = samples.features
        if features is None and self.backend.TAKES_ENCODING:
            features = self._encode(rays, samples)
        value, grad_backgrounds, color, _ = self.backend.field_gradients(
            rays.origins,
            rays.directions,
            (samples.ray_indices, samples.t_starts, samples.t_ends),
            targets,
            backgrounds,
            self.field.tensors(),
            self.field.gradient_tensors(),
            loss,
            features,
            known_distances,
        )
        return value, grad_backgrounds, color

    @torch.no_grad()
    def _encode(self, rays: Rays, samples: Samples) -> Tensor:
        along = samples.t[:, None] * rays.directions[samples.ray_indices]
        return self.field.encode(rays.origins[samples.ray_indices] + along)
