"""Boxes against brute force, and the contraction of space and its inverse."""

import pytest
import torch

from recon.geometry import Rays, contract, intersect_box, uncontract

LOW, HIGH = torch.tensor([-0.5, -1.0, 0.2]), torch.tensor([0.7, 0.4, 1.1])


def random_rays(n: int, spread: float, seed: int = 0) -> Rays:
    generator = torch.Generator().manual_seed(seed)
    origins = spread * torch.randn(n, 3, generator=generator)
    return Rays(origins, torch.nn.functional.normalize(torch.randn(n, 3, generator=generator), dim=-1))


@pytest.mark.parametrize("spread", [0.3, 1.5])  # mostly inside, mostly outside
def test_a_box_is_where_marching_finds_it(spread: float) -> None:
    rays = random_rays(1000, spread)
    enter, leave = intersect_box(rays, LOW, HIGH)
    t = torch.linspace(0, 12, 6001)
    step = float(t[1])
    positions = rays.origins[:, None] + t[:, None] * rays.directions[:, None]
    inside = ((positions > LOW) & (positions < HIGH)).all(-1)
    hit = inside.any(-1)
    assert 40 < hit.sum() < 900
    first = t[inside.float().argmax(-1)]
    last = t[len(t) - 1 - inside.float().flip(-1).argmax(-1)]
    assert (first - enter)[hit].abs().max() < 1.01 * step
    assert (last - leave)[hit].abs().max() < 1.01 * step
    assert (leave - enter)[~hit].max() < 2 * step  # a miss, or a corner cut between two steps


def test_rays_along_an_axis() -> None:
    directions = torch.cat([torch.eye(3), -torch.eye(3)])
    center = (LOW + HIGH) / 2
    enter, leave = intersect_box(Rays(center.expand(6, 3), directions), LOW, HIGH)
    assert enter.tolist() == [0] * 6
    assert torch.allclose(leave, ((HIGH - LOW) / 2).repeat(2))
    beside = Rays((center + 2 * (HIGH - LOW)).expand(6, 3), directions)
    enter, leave = intersect_box(beside, LOW, HIGH)
    assert (enter >= leave).all()


def test_a_box_behind_the_ray_is_missed() -> None:
    enter, leave = intersect_box(Rays(torch.tensor([[5.0, 0, 0.5]]), torch.tensor([[1.0, 0, 0]])), LOW, HIGH)
    assert enter >= leave


def test_contraction_comes_back() -> None:
    generator = torch.Generator().manual_seed(2)
    reach = torch.logspace(-2, 3, 400, dtype=torch.float64)[:, None]
    positions = reach * torch.randn(400, 3, generator=generator, dtype=torch.float64)
    assert torch.allclose(uncontract(contract(positions)), positions, rtol=1e-9)


def test_contraction_keeps_the_inside_and_folds_the_rest_into_the_cube() -> None:
    generator = torch.Generator().manual_seed(3)
    inside = 2 * torch.rand(50, 3, generator=generator) - 1
    assert torch.equal(contract(inside), inside)
    outside = 1e6 * torch.nn.functional.normalize(torch.randn(50, 3, generator=generator), dim=-1)
    norms = contract(outside).abs().amax(-1)
    assert norms.max() <= 2 and norms.min() > 1.99
    assert torch.allclose(
        torch.nn.functional.normalize(contract(outside), dim=-1), torch.nn.functional.normalize(outside, dim=-1)
    )


def test_contraction_is_continuous_and_monotonic_along_rays() -> None:
    direction = torch.tensor([0.6, -0.5, 0.62], dtype=torch.float64)
    direction = direction / direction.abs().max()
    t = torch.linspace(0, 50, 20_001, dtype=torch.float64)
    norms = contract(t[:, None] * direction).abs().amax(-1)
    steps = norms.diff()
    assert (steps > 0).all() and steps.max() <= t[1] * (1 + 1e-9)
    assert norms[400] == pytest.approx(1) and norms[800] == pytest.approx(1.5)  # t = 1 and t = 2


def test_contraction_has_finite_gradients_everywhere() -> None:
    positions = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0.2, 0], [-3, 3, 3], [1e8, 0, 1]], requires_grad=True)
    contract(positions).sum().backward()
    assert positions.grad is not None and positions.grad.isfinite().all()
