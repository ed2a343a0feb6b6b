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
        self._first = torch.zeros(
            (), dtype=torch.int64, device=is_possible.device
        )  # of the occupied cells to probe next, by rank
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
        is_possible = self.is_possible.view(-1)[anywhere]
        if device.type == "cuda":  # nothing here may wait until the GPU has counted
            occupied, self._first = ranked(self.occupied.view(-1), n_cells * 3 // 4, self._first)
            return torch.cat([occupied, anywhere[ranked(is_possible, n_cells // 4, torch.zeros_like(self._first))[0]]])
        return torch.cat([self._next_occupied(n_cells * 3 // 4), anywhere[is_possible][: n_cells // 4]])

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
        occupied = kernels.occupied_cells(self.densities, self.is_possible, side=side, threshold=threshold)
        self.occupied.copy_(occupied)  # in place, as in load_state

    def state(self) -> dict[str, Tensor | int]:
        """Everything needed to go on, for checkpoints."""
        return {
            "densities": self.densities,
            "possible": self.is_possible,
            "occupied": self.occupied,
            "cursor": self._cursor,
            "first": self._first,
        }

    def load_state(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`; `ValueError` for tensors of another grid."""
        grids = {"densities": self.densities, "possible": self.is_possible, "occupied": self.occupied}
        for name, own in grids.items():
            given = state[name]
            if not isinstance(given, Tensor) or given.shape != own.shape or given.dtype != own.dtype:
                raise ValueError(f"{name} of another grid than {list(own.shape)}")
        for name, own in grids.items():
            own.copy_(torch.as_tensor(state[name]))  # in place: recorded steps look there
        cursor, first = int(state["cursor"]), int(state.get("first", 0))
        if min(cursor, first) < 0 or max(cursor, first) > self.occupied.numel():
            raise ValueError(f"cells to probe next: {cursor} and {first} of {self.occupied.numel()}")
        self._cursor = cursor
        self._first.fill_(first)


def ranked(mask: Tensor, n: int, first: Tensor) -> tuple[Tensor, Tensor]:
    """Which entries of a mask [m] are true: n of them, from rank `first` [] on, from the start again at the end; where there are
    fewer, some occur again. Where there is none, entry 0. And the rank to go on from.

    >>> ranked(torch.tensor([False, True, False, True, True]), 2, torch.tensor(1))
    (tensor([3, 4]), tensor(0))
    """
    rank = mask.cumsum(0) - 1
    count = (rank[-1] + 1).clamp_min(1)
    order = (rank - first) % count
    place = torch.where(mask & (order < n), order, n)  # those not wanted share the last place
    found = torch.zeros(n + 1, dtype=torch.int64, device=mask.device)
    found.scatter_(0, place, torch.arange(len(mask), device=mask.device))
    return found[torch.arange(n, device=mask.device) % count], (first + n) % count
