"""Where matter may be: a grid of recent densities that lets rays skip empty space (Mueller et al. 2022, appendix C)."""

import torch
from torch import Tensor

from recon import kernels
from recon.kernels import OccupancyLayout
from recon.render.volume import DensityFn

UNVISITED = -1.0  # density of a cell that has not been evaluated yet; it counts as occupied


class Occupancy:
    """Densities of cells, kept as a decaying maximum of random probes, and the cells worth sampling.

    `is_possible` [cascades, r, r, r] marks the cells that some camera sees and no silhouette rules out; the others stay empty.
    """

    def __init__(self, layout: OccupancyLayout, is_possible: Tensor) -> None:
        assert is_possible.shape == layout.shape and is_possible.dtype == torch.bool
        self.layout = layout
        self.is_possible = is_possible
        self.densities = torch.where(is_possible, UNVISITED, 0.0)
        self.occupied = is_possible.clone()
        self._cursor = 0

    @property
    def occupied_fraction(self) -> float:
        """Share of the cells that are occupied."""
        return float(self.occupied.count_nonzero()) / self.occupied.numel()

    @torch.no_grad()
    def update(
        self, density_fn: DensityFn, generator: torch.Generator, *, n_cells: int, decay: float, threshold: float
    ) -> None:
        """Probe `n_cells` cells at random points and refresh `occupied`.

        Three quarters of the probes walk through the occupied cells in turn, so that emptied space is noticed within a known
        number of updates; the rest fall anywhere possible, so that nothing stays lost. `threshold`: see
        `kernels.occupied_cells`.
        """
        cells = self._choose(n_cells, generator)
        if len(cells) == 0:
            return
        low, side = self.layout.cell_boxes(cells)
        jitter = torch.rand(len(cells), 3, generator=generator, device=generator.device).to(low.device)
        found = torch.cat([density_fn(block)[0] for block in (low + jitter * side[:, None]).split(1 << 16)])
        flat = self.densities.view(-1)
        # amax over repeated cells: a cell may be drawn twice, in any order
        decayed = flat[cells] * decay
        flat[cells] = torch.where(flat[cells] == UNVISITED, 0.0, decayed)
        flat.scatter_reduce_(0, cells, found.float(), "amax")
        self._refresh(threshold)

    def _choose(self, n_cells: int, generator: torch.Generator) -> Tensor:
        total, device = self.occupied.numel(), self.occupied.device
        anywhere = torch.randint(total, (n_cells,), generator=generator, device=generator.device).to(device)
        anywhere = anywhere[self.is_possible.view(-1)[anywhere]][: n_cells // 4]
        return torch.cat([self._next_occupied(n_cells * 3 // 4), anywhere])

    def _next_occupied(self, n: int) -> Tensor:
        """The next n occupied cells (about; all, if there are fewer) after those of the last call, from the start again at the
        end."""
        flat = self.occupied.view(-1)
        window = min(int(n / max(self.occupied_fraction, 1e-6)), len(flat))
        found = flat[self._cursor : self._cursor + window].nonzero()[:, 0] + self._cursor
        wrapped = self._cursor + window - len(flat)
        if wrapped > 0:
            found = torch.cat([found, flat[:wrapped].nonzero()[:, 0]])
        self._cursor = (self._cursor + window) % len(flat)
        return found

    def _refresh(self, threshold: float) -> None:
        side = 2.0 / self.layout.resolution
        self.occupied = kernels.occupied_cells(self.densities, self.is_possible, side=side, threshold=threshold)

    def state(self) -> dict[str, Tensor | int]:
        """Everything needed to go on, for checkpoints."""
        return {
            "densities": self.densities,
            "possible": self.is_possible,
            "occupied": self.occupied,
            "cursor": self._cursor,
        }

    def load_state(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`; `ValueError` for tensors of another grid."""
        for name, own in (("densities", self.densities), ("possible", self.is_possible), ("occupied", self.occupied)):
            given = state[name]
            if not isinstance(given, Tensor) or given.shape != own.shape or given.dtype != own.dtype:
                raise ValueError(f"{name} of another grid than {list(own.shape)}")
        self.densities, self.is_possible, self.occupied = state["densities"], state["possible"], state["occupied"]  # type: ignore[assignment]
        self._cursor = int(state["cursor"])
