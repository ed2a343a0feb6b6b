"""Rays of known depth: where they are sampled, and how often."""

import numpy as np
import pytest
import torch

from recon.geometry import Similarity
from recon.pixels import LinesOfSight, Scene
from recon.train.depth_lines import DepthLines, LineSampler
from recon.train.known_depth import sparse_lines

CPU = torch.device("cpu")


def lines_onto_a_wall(n: int, *, error: float = 0.0, n_sky: int = 0) -> DepthLines:
    """Along x from the plane x = 0 onto the wall x = 2; `n_sky` more that meet nothing."""
    total = n + n_sky
    distances = torch.full((total,), 2.0)
    distances[n:] = torch.inf
    return DepthLines(
        origins=torch.rand(total, 3) * torch.tensor([0.0, 1.0, 1.0]),
        directions=torch.tensor([1.0, 0.0, 0.0]).expand(total, 3),
        distances=distances,
        errors=torch.full((total,), error),
        colors=torch.tensor([255, 0, 51], dtype=torch.uint8).expand(total, 3),
        weights=torch.ones(total),
    )


def test_an_opaque_ray_holds_the_wall_and_a_free_ray_ends_before_it() -> None:
    batch = LineSampler(lines_onto_a_wall(50), CPU).sample(33, 0.05, torch.Generator().manual_seed(0))
    opaque = batch.distances > 0
    assert int(opaque.count_nonzero()) == 33 and len(opaque) == 66
    torch.testing.assert_close(batch.rays.at(batch.distances)[opaque][:, 0], torch.full((33,), 2.0))
    torch.testing.assert_close(batch.nearest, torch.where(opaque, 1.9, 0.0))
    torch.testing.assert_close(batch.farthest, torch.where(opaque, 2.1, 1.9))
    torch.testing.assert_close(batch.colors[0], torch.tensor([1.0, 0.0, 0.2]))


def test_sky_is_only_free() -> None:
    batch = LineSampler(lines_onto_a_wall(0, n_sky=5), CPU).sample(20, 0.05, torch.Generator().manual_seed(0))
    assert len(batch.distances) == 20 and not batch.distances.any()
    assert bool(batch.nearest.eq(0).all()) and bool(batch.farthest.isinf().all())


def test_surfaces_and_sky_are_drawn_by_their_weight_in_numbers_known_beforehand() -> None:
    lines = lines_onto_a_wall(30, n_sky=10)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    for seed in range(3):
        batch = LineSampler(lines[order], CPU).sample(20, 0.05, torch.Generator().manual_seed(seed))
        assert len(batch) == 15 + 20
        assert int((batch.distances > 0).sum()) == 15 and int(batch.farthest.isinf().sum()) == 5


def test_the_band_holds_the_error_of_the_line() -> None:
    batch = LineSampler(lines_onto_a_wall(5, error=0.1), CPU).sample(4, 0.05, torch.Generator().manual_seed(0))
    torch.testing.assert_close(batch.nearest[:4], torch.full((4,), 2 * 0.8))
    torch.testing.assert_close(batch.farthest[:4], torch.full((4,), 2 * 1.2))


def test_lines_are_drawn_by_their_weight() -> None:
    lines = lines_onto_a_wall(3)
    colors = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0]], dtype=torch.uint8)
    lines = DepthLines(**{**vars(lines), "weights": torch.tensor([0.0, 1.0, 3.0]), "colors": colors})
    batch = LineSampler(lines, CPU).sample(4000, 0.05, torch.Generator().manual_seed(1))
    counts = torch.bincount((255 * batch.colors[:4000, 0]).round().long(), minlength=3)
    assert counts[0] == 0 and counts[2] / counts[1] == pytest.approx(3, rel=0.15)


def test_joined_lines_are_all_there() -> None:
    joined = DepthLines.joined([lines_onto_a_wall(4), lines_onto_a_wall(2, n_sky=1)])
    assert len(joined) == 7 and joined.distances.isinf().tolist() == [False] * 6 + [True]


def test_sparse_lines_reach_their_points() -> None:
    scene = Scene(Similarity(0.5, np.eye(3), np.array([0.1, 0.0, 0.0])), 2, 0.01, 0.1, 0.002, False)
    rng = np.random.default_rng(4)
    starts, ends = rng.normal(size=(2, 7, 3))
    lines = sparse_lines(LinesOfSight(starts, ends, np.full((7, 3), 9, np.uint8)), scene)
    reached = (lines.origins + lines.distances[:, None] * lines.directions).double().numpy()
    np.testing.assert_allclose(reached, scene.scene_from_world.points(ends), atol=1e-6)
