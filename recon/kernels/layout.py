"""Where things lie: the rows of the hash table, the cells of the occupancy cascades, the distances at which rays are sampled."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class HashLayout:
    """Levels of a multi-resolution hash grid over the unit cube (Mueller et al. 2022, section 3).

    Level l has `resolutions[l]` cells and resolution + 1 vertices per axis. Its rows [offsets[l], offsets[l + 1]) of the table
    [n_rows, n_features] hold one feature vector per vertex where they fit in 2^log2_table_size (dense levels), else vertices
    share rows by a spatial hash. Dense levels come first.
    """

    n_levels: int
    n_features: int
    log2_table_size: int
    base_resolution: int
    finest_resolution: int

    def __post_init__(self) -> None:
        assert self.n_levels >= 1 and 1 <= self.base_resolution <= self.finest_resolution

    @property
    def resolutions(self) -> list[int]:
        """Cells per axis of each level: a geometric series, rounded down."""
        growth = (self.finest_resolution / self.base_resolution) ** (1 / max(self.n_levels - 1, 1))
        return [int(self.base_resolution * growth**level + 1e-6) for level in range(self.n_levels)]

    @property
    def rows(self) -> list[int]:
        """Table rows of each level."""
        return [min((r + 1) ** 3, 1 << self.log2_table_size) for r in self.resolutions]

    @property
    def offsets(self) -> list[int]:
        """First row of each level, and the total at the end."""
        offsets = [0]
        for rows in self.rows:
            offsets.append(offsets[-1] + rows)
        return offsets

    @property
    def n_dense_levels(self) -> int:
        """How many of the coarsest levels have a row for every corner."""
        return sum((r + 1) ** 3 <= 1 << self.log2_table_size for r in self.resolutions)


@dataclass(frozen=True)
class OccupancyLayout:
    """Nested cubes of cells about the origin: cascade k covers [-2^k, 2^k]^3 with `resolution` cells per axis.

    A position belongs to the smallest cascade that contains it. Cell (x, y, z) of cascade k is entry [k, z, y, x].
    """

    n_cascades: int
    resolution: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return (self.n_cascades, self.resolution, self.resolution, self.resolution)

    @property
    def half_side(self) -> float:
        """Half the side of the outermost cube: nothing is sampled beyond."""
        return float(2 ** (self.n_cascades - 1))

    def cell_indices(self, positions: Tensor) -> Tensor:
        """Flat index [n] (int64) of the cell of each position [n, 3]; -1 outside the outermost cube."""
        reach = positions.abs().amax(-1)
        # cascade k is the smallest with reach < 2^k; frexp gives reach = m 2^e with m in [0.5, 1), so k = max(e, 0)
        cascade = torch.frexp(reach)[1].clamp_min(0).long()
        inside = cascade < self.n_cascades
        cascade = torch.where(inside, cascade, 0)
        scale = torch.ldexp(torch.ones_like(reach), -cascade)
        cell = ((positions * scale[:, None] + 1) * (0.5 * self.resolution)).long().clamp(0, self.resolution - 1)
        flat = ((cascade * self.resolution + cell[:, 2]) * self.resolution + cell[:, 1]) * self.resolution + cell[:, 0]
        return torch.where(inside, flat, -1)

    def cell_boxes(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Low corners [n, 3] and sides [n] of the cells with flat indices [n]."""
        r = self.resolution
        x, y, z, cascade = indices % r, indices // r % r, indices // (r * r) % r, indices // (r * r * r)
        side = torch.ldexp(torch.full(indices.shape, 2.0 / r, device=indices.device), cascade)
        low = (torch.stack([x, y, z], -1) - 0.5 * r) * side[:, None]
        return low, side


@dataclass(frozen=True)
class StepLattice:
    """The distances at which rays may be sampled: constant steps near the camera, growing with distance further out.

    Lattice point i lies at t_i = t_near + i step while t_i <= t_turn, then t_i = t_turn exp(growth (i - i_turn)), with
    t_turn = step / growth so that the step is continuous. growth = 0: constant steps throughout.
    """

    step: float
    growth: float

    def __post_init__(self) -> None:
        if not (0 < self.step < math.inf and 0 <= self.growth < math.inf):
            raise ValueError(f"steps along rays must be positive and finite, and not shrink: {self}")

    def distances(self, index: Tensor, t_near: Tensor) -> Tensor:
        """t of fractional lattice indices [..] on rays that start at t_near (broadcast)."""
        linear = t_near + index * self.step
        if self.growth == 0:
            return linear
        t_turn = torch.clamp(t_near, min=self.step / self.growth)
        i_turn = (t_turn - t_near) / self.step
        curved = t_turn * torch.exp(self.growth * (index - i_turn).clamp_min(0))
        return torch.where(index <= i_turn, linear, curved)

    def n_steps(self, t_near: float, t_far: float) -> int:
        """Lattice steps needed to cover [t_near, t_far]."""
        if self.growth == 0:
            return max(math.ceil((t_far - t_near) / self.step), 1)
        t_turn = max(t_near, self.step / self.growth)
        i_turn = (t_turn - t_near) / self.step
        if t_far <= t_turn:
            return max(math.ceil((t_far - t_near) / self.step), 1)
        return max(math.ceil(i_turn + math.log(t_far / t_turn) / self.growth), 1)
