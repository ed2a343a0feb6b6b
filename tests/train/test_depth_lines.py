"""Rays of known depth: where they are sampled, how often, and when they are believed no more."""

import math

import numpy as np
import pytest
import torch

from recon.geometry import Similarity
from recon.pixels import LinesOfSight, Scene
from recon.train.depth_lines import MIN_VISITS, DepthLines, LineSampler, band
from recon.train.known_depth import sparse_lines

CPU = torch.device("cpu")


def lines_onto_a_wall(n: int, *, error: float = 0.0, n_sky: int = 0) -> DepthLines:
    """Along x from the plane x = 0 onto the wall x = 2; `n_sky` more that meet nothing. Every third line is a group."""
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
        groups=torch.arange(total) // 3,
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


def test_the_band_holds_the_error_of_the_line() -> None:
    batch = LineSampler(lines_onto_a_wall(5, error=0.1), CPU).sample(4, 0.05, torch.Generator().manual_seed(0))
    torch.testing.assert_close(batch.nearest[:4], torch.full((4,), 2 * 0.8))
    torch.testing.assert_close(batch.farthest[:4], torch.full((4,), 2 * 1.2))


def test_lines_are_drawn_by_their_weight() -> None:
    lines = lines_onto_a_wall(3)
    lines = DepthLines(**{**vars(lines), "weights": torch.tensor([0.0, 1.0, 3.0]), "groups": torch.arange(3)})
    batch = LineSampler(lines, CPU).sample(4000, 0.05, torch.Generator().manual_seed(1))
    counts = torch.bincount(batch.groups[:4000], minlength=3)
    assert counts[0] == 0 and counts[2] / counts[1] == pytest.approx(3, rel=0.15)


def test_lines_whose_colour_stays_wrong_are_dropped_and_stay_dropped_after_a_resume() -> None:
    sampler, generator = LineSampler(lines_onto_a_wall(30), CPU), torch.Generator().manual_seed(2)
    for _ in range(8 * MIN_VISITS):
        batch = sampler.sample(20, 0.05, generator)
        sampler.judge(batch, torch.where(batch.groups == 4, 0.5, 0.01), limit=0.2)
    assert sampler.believed_fraction == pytest.approx(0.9)
    resumed = LineSampler(lines_onto_a_wall(30), CPU)
    resumed.load_state(sampler.state())
    for each in (sampler, resumed):
        assert 4 not in each.sample(500, 0.05, torch.Generator().manual_seed(3)).groups


def test_nothing_is_drawn_when_every_line_is_dropped() -> None:
    sampler, generator = LineSampler(lines_onto_a_wall(3), CPU), torch.Generator().manual_seed(2)
    for _ in range(MIN_VISITS):
        batch = sampler.sample(1, 0.05, generator)
        sampler.judge(batch, torch.ones(len(batch.groups)), limit=0.2)
    assert len(sampler.sample(9, 0.05, generator).groups) == 0


def test_joined_lines_keep_their_groups_apart() -> None:
    joined = DepthLines.joined([lines_onto_a_wall(4), lines_onto_a_wall(0), lines_onto_a_wall(2, n_sky=1)])
    assert joined.groups.tolist() == [0, 0, 0, 1, 2, 2, 2] and len(joined) == 7


def test_the_band_narrows_from_first_to_final() -> None:
    widths = [band(progress, first=0.045, final=0.01) for progress in (0.0, 0.5, 1.0)]
    assert widths == pytest.approx([0.045, math.sqrt(0.045 * 0.01), 0.01])


def test_sparse_lines_reach_their_points() -> None:
    scene = Scene(Similarity(0.5, np.eye(3), np.array([0.1, 0.0, 0.0])), 2, 0.01, 0.1, False)
    rng = np.random.default_rng(4)
    starts, ends = rng.normal(size=(2, 7, 3))
    lines = sparse_lines(LinesOfSight(starts, ends, np.full((7, 3), 9, np.uint8)), scene)
    reached = (lines.origins + lines.distances[:, None] * lines.directions).double().numpy()
    np.testing.assert_allclose(reached, scene.scene_from_world.points(ends), atol=1e-6)
