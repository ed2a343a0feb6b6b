"""What a field is: density and colour everywhere, and its own fused kernels where it has them.

To add one: a module with a `Field` and the settings that make it, a file in conf/field, a line in `recon.field.kinds`.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor, nn

from recon.geometry import Rays
from recon.kernels import LossSettings, RayTargets, Samples, StepLattice
from recon.render.volume import FusedField


class FieldKernels(FusedField, Protocol):
    """Kernels that join what a field and the renderer do; each gives what the separate functions give, faster."""

    def gradients(
        self, rays: Rays, samples: Samples, targets: RayTargets, loss: LossSettings
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Add the gradients of the loss to the field's `.grad`; loss [], gradient of the backgrounds [n, 3], colours [n, 3]."""
        ...


class Field(nn.Module):
    """A radiance field over scene units, where the content of interest lies in [-1, 1]^3."""

    kind: str  # a key of `recon.field.kinds.KINDS`
    shape: Any  # a frozen dataclass of plain values: what is needed to make an empty field of the same form

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Density [n] per scene unit at positions [n, 3], and the features [n, k] that `color` wants of the same places."""
        raise NotImplementedError

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours [n, 3] in [0, 1] of features [n, k] seen along unit directions [n, 3]."""
        raise NotImplementedError

    def background(self, directions: Tensor) -> Tensor:
        """Colours [n, 3] of what lies behind everything, along unit directions [n, 3]; only asked of fields with a sky."""
        raise NotImplementedError

    def decayed(self) -> Sequence[nn.Parameter]:
        """The parameters that a weight decay pulls towards zero, so that they say no more than the pictures ask for."""
        return ()

    def fused(self) -> FieldKernels | None:
        """This field's kernels in the back end in force, on the device where it lies; None: it has none there."""
        return None


class FieldSettings(Protocol):
    """What makes a field, and the grid that says where it is empty: a group of conf/field."""

    @property
    def kind(self) -> str:
        """The kind of the field that is made, a key of `recon.field.kinds.KINDS`."""
        ...

    @property
    def occupancy_resolution(self) -> int:
        """Cells per axis of each cascade, a multiple of 64."""
        ...

    def make(self, *, is_open: bool, has_sky: bool, pixel_side: float) -> Field:
        """An untrained field. `is_open`: for a scene without bounds; `pixel_side`: of a pixel on the content, scene units."""
        ...

    def lattice(self, *, is_open: bool) -> StepLattice:
        """Where rays may be sampled."""
        ...
