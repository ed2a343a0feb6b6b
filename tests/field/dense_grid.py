"""A second kind of field, for tests: density and colour in a dense voxel grid, read trilinearly. It has no kernels of its own."""

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from recon import kernels
from recon.field.hash_grid import truncated_exp
from recon.field.interface import Field
from recon.field.kinds import FieldKind
from recon.geometry.bounds import contract
from recon.kernels import StepLattice
from recon.workspace.settings import between


@dataclass(frozen=True)
class DenseShape:
    resolution: int
    is_contracted: bool
    has_sky: bool


class DenseGrid(Field):
    kind = "dense_grid"

    def __init__(self, shape: DenseShape) -> None:
        super().__init__()
        self.shape = shape
        r = shape.resolution
        self.values = nn.Parameter(torch.zeros(r**3, 4))  # logarithm of the density, logits of the colour
        self.sky = nn.Parameter(torch.zeros(16, 3)) if shape.has_sky else None

    def density(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        folded = contract(positions) / 2 if self.shape.is_contracted else positions
        r = self.shape.resolution
        grid = self.values.T.view(1, 4, r, r, r)
        read = nn.functional.grid_sample(grid, folded.view(1, -1, 1, 1, 3).to(grid), align_corners=True)
        values = read.view(4, -1).T
        return truncated_exp(4 * values[:, 0]), values[:, 1:]

    def color(self, features: Tensor, directions: Tensor) -> Tensor:
        return torch.sigmoid(4 * features)

    def background(self, directions: Tensor) -> Tensor:
        assert self.sky is not None
        return torch.sigmoid(kernels.spherical_harmonics(directions) @ self.sky)


@dataclass(frozen=True)
class DenseSettings:
    kind: Literal["dense_grid"]
    resolution: Annotated[int, between(2, 512)]
    occupancy_resolution: Annotated[int, between(64, 1024)]
    steps_across: Annotated[int, between(8, 65536)]

    def make(self, *, is_open: bool, has_sky: bool, pixel_side: float) -> DenseGrid:
        return DenseGrid(DenseShape(self.resolution, is_open, has_sky))

    def lattice(self, *, is_open: bool) -> StepLattice:
        return StepLattice(2 / self.steps_across, 1 / 64 if is_open else 0.0)


KIND = FieldKind(DenseSettings, DenseShape, DenseGrid)
