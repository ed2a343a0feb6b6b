"""What a back end is: a module with these functions. `reference` is the definition of what each of them computes.

A back end need not have a kernel of its own for everything: it may take the reference's function over (`accumulate =
reference.accumulate`). Tensors are float32 and lie on its device, and shapes are checked before they get here.
"""

from typing import Protocol

import torch
from torch import Tensor

from recon.geometry.rays import Rays
from recon.kernels.layout import HashLayout
from recon.kernels.learning import AdamStep, FieldTensors, LossSettings, RayTargets
from recon.kernels.rays import Samples, Sampling, Segments


class Backend(Protocol):
    """The operations, one by one. The functions of `recon.kernels` of the same names say what they compute."""

    def runs_on(self, device: torch.device) -> bool:
        """Whether tensors on `device` are for these kernels."""
        ...

    def why_missing(self, device: torch.device) -> str | None:
        """None where the kernels run on `device`, else the reason."""
        ...

    def set_n_threads(self, n: int) -> None:
        """How many of the processor's threads they may take."""
        ...

    def hash_encode(self, positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
        """Never asked for the gradient of positions."""
        ...

    def spherical_harmonics(self, directions: Tensor) -> Tensor: ...

    def march(self, segments: Segments, sampling: Sampling) -> Samples: ...

    def occupied_cells(self, densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor: ...

    def render_weights(self, densities: Tensor, samples: Samples, n_rays: int) -> Tensor: ...

    def median_distance(self, densities: Tensor, samples: Samples, n_rays: int) -> Tensor: ...

    def accumulate(self, weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int) -> Tensor: ...

    def adam_step(
        self, parameters: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, numbers: AdamStep
    ) -> None: ...


class FusedBackend(Backend, Protocol):
    """A back end for speed: kernels of the hash-grid field that join several operations."""

    def field_density(self, positions: Tensor, field: FieldTensors) -> tuple[Tensor, Tensor]:
        """Density [n] per scene unit and geometry features [n, N_GEOMETRY] at positions [n, 3] in scene units."""
        ...

    def march_visible(
        self, segments: Segments, sampling: Sampling, field: FieldTensors, capacity: int | None = None
    ) -> Samples:
        """`march`, ended on each ray where the field's own densities have let less than MIN_TRANSMITTANCE through.

        With a `capacity` the host need not wait for a device to count them: there may be that many samples, of which `n_lit`
        are real, and rays whose samples do not fit have none. Kernels that run on the host know the number and ignore it.
        """
        ...

    def prepared(self, field: FieldTensors) -> FieldTensors:
        """The parameters as `render_field` reads them fastest; a copy, so for a field that does not change meanwhile."""
        ...

    def render_field(
        self, segments: Segments, sampling: Sampling, field: FieldTensors, min_weight: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Colours [n, 3], premultiplied, opacities [n] and median distances [n] of rays; each ends where light does.

        Samples that weigh less than `min_weight` have no colour of their own: they take that of the others.
        """
        ...

    def field_gradients(
        self,
        rays: Rays,
        samples: Samples,
        targets: RayTargets,
        field: FieldTensors,
        gradients: FieldTensors,
        loss: LossSettings,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add the gradients of `loss` to `gradients`; returns the loss [], the gradient of the backgrounds [n, 3] and the
        rendered colours [n, 3].

        rays, samples: of the step, samples packed ray by ray. targets: what the rays should show. field: its parameters;
        gradients: of the same shapes.
        """
        ...
