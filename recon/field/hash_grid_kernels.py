"""The fused kernels of the hash-grid field: those of a back end (`recon.kernels.FusedBackend`) with the field's tensors."""

from functools import cached_property
from typing import TYPE_CHECKING

from torch import Tensor

from recon.geometry import Rays
from recon.kernels import FieldTensors, FusedBackend, LossSettings, RayTargets, Samples, Sampling, Segments

if TYPE_CHECKING:
    from recon.field.hash_grid import RadianceField


class HashGridKernels:
    """See `recon.field.interface.FieldKernels`. Renders the field as it is at the first rendering."""

    def __init__(self, field: "RadianceField", backend: FusedBackend) -> None:
        self.field, self.backend = field, backend

    def march_visible(self, segments: Segments, sampling: Sampling, capacity: int | None) -> Samples:
        return self.backend.march_visible(segments, sampling, self.field.tensors(), capacity)

    def render(self, segments: Segments, sampling: Sampling, min_weight: float) -> tuple[Tensor, Tensor, Tensor]:
        return self.backend.render_field(segments, sampling, self._looked_at, min_weight)

    @cached_property
    def _looked_at(self) -> FieldTensors:
        return self.backend.prepared(self.field.tensors())

    def gradients(
        self, rays: Rays, samples: Samples, targets: RayTargets, loss: LossSettings
    ) -> tuple[Tensor, Tensor, Tensor]:
        own, gradients = self.field.tensors(), self.field.gradient_tensors()
        return self.backend.field_gradients(rays, samples, targets, own, gradients, loss)
