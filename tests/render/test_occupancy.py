"""Which cells are probed on a GPU, where nobody may wait for their number: the same rule on the CPU's tensors."""

import pytest
import torch

from recon.render.occupancy import ranked


@pytest.mark.parametrize(("n", "share"), [(7, 0.3), (1, 0.9), (64, 0.05)])
def test_every_true_cell_has_its_turn(n: int, share: float) -> None:
    mask = torch.rand(1000, generator=torch.Generator().manual_seed(1)) < share
    count, first, seen = int(mask.sum()), torch.tensor(0), []
    for _ in range(-(-count // n)):
        cells, first = ranked(mask, n, first)
        assert len(cells) == n and bool(mask[cells].all())
        seen += cells.tolist()
    assert set(seen) == set(mask.nonzero()[:, 0].tolist())
    assert seen[:count] == (mask.nonzero()[:, 0].tolist() * n)[:count]


def test_where_there_are_few_they_occur_again_and_where_there_is_none_the_first_cell_does() -> None:
    cells, _ = ranked(torch.tensor([False, True, False, True]), 5, torch.tensor(0))
    assert cells.tolist() == [1, 3, 1, 3, 1]
    cells, first = ranked(torch.zeros(6, dtype=torch.bool), 3, torch.tensor(0))
    assert cells.tolist() == [0, 0, 0] and int(first) == 0
