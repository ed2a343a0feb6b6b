"""Where matter may be: a grid of recent densities that lets rays skip empty space (Mueller et al. 2022, appendix C)."""

import torch
from torch import Tensor

from recon.kernels import OccupancyLayout
from recon.render.volume import DensityFn

UNVISITED = -1.0  # density of a cell that has not been evaluated yet: counts as occupied


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
        return float(self.occupied.float().mean())

    @torch.no_grad()
    def update(
        self, density_fn: DensityFn, generator: torch.Generator, *, n_cells: int, decay: float, threshold: float
    ) -> None:
        """Probe `n_cells` cells at random points and refresh `occupied`.

        Three quarters of the probes walk through the occupied cells in turn, so that emptied space is noticed within a known
        number of updates; the rest fall anywhere possible, so that nothing stays lost. A cell is occupied when its density
        times its side exceeds `threshold` (or half the mean over visited cells, if that is smaller: early training).
        """
        cells = self._choose(n_cells, generator)
        if len(cells) == 0:
            return
        low, side = self.layout.cell_boxes(cells)
        jitter = torch.rand(len(cells), 3, generator=generator).to(low.device)
        found = torch.cat([density_fn(block)[0] for block in (low + jitter * side[:, None]).split(1 << 16)])
        flat = self.densities.view(-1)
        # amax over repeated cells: a cell may be drawn twice, in any order
        decayed = flat[cells] * decay
        flat[cells] = torch.where(flat[cells] == UNVISITED, 0.0, decayed)
        flat.scatter_reduce_(0, cells, found.float(), "amax")
        self._refresh(threshold)

    def _choose(self, n_cells: int, generator: torch.Generator) -> Tensor:
        occupied = self.occupied.view(-1).nonzero()[:, 0]
        possible = self.is_possible.view(-1).nonzero()[:, 0]
        if len(possible) == 0:
            return possible
        walk = (torch.arange(min(n_cells * 3 // 4, len(occupied))) + self._cursor) % max(len(occupied), 1)
        self._cursor = (self._cursor + len(walk)) % max(len(occupied), 1)
        anywhere = torch.randint(len(possible), (n_cells - len(walk),), generator=generator)
        device = possible.device
        return torch.cat([occupied[walk.to(device)], possible[anywhere.to(device)]])

    def _refresh(self, threshold: float) -> None:
        n_cascades = self.layout.n_cascades
        sides = 2.0 / self.layout.resolution * 2.0 ** torch.arange(n_cascades, device=self.densities.device)
        thickness = self.densities * sides[:, None, None, None]
        visited = (self.densities != UNVISITED) & self.is_possible
        mean = thickness[visited].mean() if bool(visited.any()) else thickness.new_zeros(())
        dense = thickness > torch.clamp(0.5 * mean, max=threshold)
        self.occupied = self.is_possible & (dense | (self.densities == UNVISITED))

    def state(self) -> dict[str, Tensor | int]:
        """Everything needed to go on, for checkpoints."""
        return {
            "densities": self.densities,
            "possible": self.is_possible,
            "occupied": self.occupied,
            "cursor": self._cursor,
        }

    def load_state(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`."""
        self.densities, self.is_possible, self.occupied = state["densities"], state["possible"], state["occupied"]  # type: ignore[assignment]
        self._cursor = int(state["cursor"])
