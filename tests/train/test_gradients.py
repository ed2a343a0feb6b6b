"""The distortion of a ray's weights: the running sums against the double sum of the paper, and what it prefers."""

import torch

from recon.kernels import Samples
from recon.train.gradients import distortion, sum_before


def samples_of(counts: list[int]) -> Samples:
    ray_indices = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    edges = torch.cat([torch.sort(torch.rand(count + 1))[0] for count in counts])
    starts = torch.ones(len(edges), dtype=torch.bool)
    starts[torch.cumsum(torch.tensor(counts) + 1, 0) - 1] = False
    ends = starts.roll(1)
    return Samples(ray_indices, edges[starts], edges[ends])


def test_sum_before_stays_on_its_ray() -> None:
    values = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    assert sum_before(values, torch.tensor([0, 0, 2, 2, 2]), 3).tolist() == [0, 1, 0, 4, 12]


def test_distortion_is_the_double_sum_of_the_paper() -> None:
    torch.manual_seed(0)
    counts = [3, 0, 1, 7]
    samples = samples_of([count for count in counts if count])
    samples = Samples(torch.tensor([0, 2, 3])[samples.ray_indices], samples.t_starts, samples.t_ends)
    weights = torch.rand(len(samples))
    found = distortion(weights, samples, len(counts))
    for ray, count in enumerate(counts):
        mine = samples.ray_indices == ray
        assert int(mine.sum()) == count
        near, far = (t / (1 + t) for t in (samples.t_starts[mine], samples.t_ends[mine]))
        middle, w = (near + far) / 2, weights[mine]
        pairs = (w[:, None] * w[None] * (middle[:, None] - middle[None]).abs()).sum()
        torch.testing.assert_close(found[ray], pairs + (w * w * (far - near)).sum() / 3)


def test_weight_in_one_place_costs_less_than_the_same_weight_spread_out() -> None:
    edges = torch.linspace(0.5, 1.5, 11)
    samples = Samples(torch.zeros(10, dtype=torch.int64), edges[:-1], edges[1:])
    thin, spread = torch.zeros(10), torch.full((10,), 0.1)
    thin[4] = 1
    assert float(distortion(thin, samples, 1)) < 0.2 * float(distortion(spread, samples, 1))
