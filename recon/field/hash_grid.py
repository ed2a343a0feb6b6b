"""The radiance field: density and view-dependent colour at every point of the scene.

Hash-grid features go through a small network to a density and a feature vector; the features and the view direction go
through a second one to a colour (Mueller et al. 2022, section 5.4). No layer has a bias, so that a kernel can fuse them as plain
matrix products. Positions are in scene units: the content of interest lies in [-1, 1]^3.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recon import kernels
from recon.field.hash_grid_kernels import HashGridKernels
from recon.field.interface import Field
from recon.kernels import FieldTensors, HashLayout

N_GEOMETRY = kernels.N_GEOMETRY  # width of the vector between the two networks; entry 0 is the logarithm of the density
N_HARMONICS = 16


# What no field of ours passes: a file that says so is damaged, and must not be given the memory it asks for.
_MOST = {
    "n_levels": 32,
    "n_features": 16,
    "log2_table_size": 28,
    "base_resolution": 65536,
    "finest_resolution": 65536,
    "width": 1024,
}


@dataclass(frozen=True)
class FieldShape:
    """Sizes of a radiance field: what is needed to make an empty one of the same form."""

    n_levels: int
    n_features: int
    log2_table_size: int
    base_resolution: int
    finest_resolution: int
    width: int
    is_contracted: bool  # unbounded scene: all space is folded into [-2, 2]^3
    has_sky: bool  # what lies behind everything is a learned function of the direction

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            size = getattr(self, name)
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= most:
                raise ValueError(f"{name} of a field: expected a whole number from 1 to {most}, found {str(size)[:40]}")
        if not isinstance(self.is_contracted, bool) or not isinstance(self.has_sky, bool):
            raise ValueError("is_contracted and has_sky of a field: expected true or false")


class RadianceField(Field):
    """See the module docstring."""

    kind = "hash_grid"

    def __init__(self, shape: FieldShape) -> None:
        super().__init__()
        self.shape = shape
        self.layout = HashLayout(
            n_levels=shape.n_levels,
            n_features=shape.n_features,
            log2_table_size=shape.log2_table_size,
            base_resolution=shape.base_resolution,
            finest_resolution=shape.finest_resolution,
        )
        self.table = nn.Parameter(torch.empty(self.layout.offsets[-1], shape.n_features).uniform_(-1e-4, 1e-4))
        n_encoded = shape.n_levels * shape.n_features
        self.density_layers = _layers(n_encoded, shape.width, N_GEOMETRY)
        self.color_layers = _layers(N_GEOMETRY + N_HARMONICS, shape.width, shape.width, 3)
        self.sky = nn.Parameter(torch.zeros(N_HARMONICS, 3)) if shape.has_sky else None

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Density [n] per scene unit and geometry features [n, N_GEOMETRY] at positions [n, 3]."""
        fused = None if torch.is_grad_enabled() else kernels.fused(positions.device)
        if fused is not None:
            return fused.field_density(positions, self.tensors())
        features = _chain(self.density_layers, self.encode(positions))
        return truncated_exp(features[:, 0]), features

    def encode(self, positions: Tensor) -> Tensor:
        """Hash-grid features [n, n_encoded] at positions [n, 3]."""
        unit = kernels.unit_cube(positions, is_contracted=self.shape.is_contracted)
        return kernels.hash_encode(unit, self.table, self.layout)

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours [n, 3] in [0, 1] of geometry features [n, N_GEOMETRY] seen along unit directions [n, 3]."""
        harmonics = kernels.spherical_harmonics(directions)
        return torch.sigmoid(_chain(self.color_layers, torch.cat([harmonics, features], -1)))

    def background(self, directions: Tensor) -> Tensor:
        """Colours [n, 3] of the sky along unit directions [n, 3]."""
        assert self.sky is not None, "this field has no sky"
        return torch.sigmoid(kernels.spherical_harmonics(directions) @ self.sky)

    def decayed(self) -> tuple[nn.Parameter]:
        return (self.table,)

    def fused(self) -> HashGridKernels | None:
        """The back end's kernels where it has them for the device of the parameters."""
        backend = kernels.fused(self.table.device)
        return None if backend is None else HashGridKernels(self, backend)

    def tensors(self) -> FieldTensors:
        """The parameters as the fused kernels take them (views, not copies)."""
        return self._gathered(lambda parameter: parameter.data)

    def gradient_tensors(self) -> FieldTensors:
        """The gradients, zero where there is none yet."""

        def gradient(parameter: nn.Parameter) -> Tensor:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            return parameter.grad

        return self._gathered(gradient)

    def _gathered(self, part: Callable[[nn.Parameter], Tensor]) -> FieldTensors:
        d, c = self.density_layers, self.color_layers
        return FieldTensors(
            layout=self.layout,
            table=part(self.table),
            density_layers=(part(d[0]), part(d[1])),
            color_layers=(part(c[0]), part(c[1]), part(c[2])),
            is_contracted=self.shape.is_contracted,
        )


def _layers(*widths: int) -> nn.ParameterList:
    """Weight matrices [n_out, n_in], Kaiming-uniform for ReLU."""
    matrices = []
    for n_in, n_out in itertools.pairwise(widths):
        bound = (6 / n_in) ** 0.5
        matrices.append(nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound)))
    return nn.ParameterList(matrices)


def _chain(layers: nn.ParameterList, x: Tensor) -> Tensor:
    for i, weight in enumerate(layers):
        x = torch.nn.functional.linear(x if i == 0 else torch.relu(x), weight)
    return x


class _TruncatedExp(torch.autograd.Function):
    """exp whose gradient stops growing at e^15: a sample that shoots up cannot take the step to infinity."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return torch.exp(x.clamp(max=15))

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return grad * torch.exp(x.clamp(-15, 15))


def truncated_exp(x: Tensor) -> Tensor:
    """exp(min(x, 15)), with a bounded gradient that never dies."""
    return _TruncatedExp.apply(x)
