"""Laws of volume rendering, and analytic solids against exact ray casting."""

import math

import pytest
import torch

from recon import kernels
from recon.geometry import Rays
from recon.kernels import OccupancyLayout, Samples, Sampling, StepLattice
from recon.render.volume import render_rays, render_rays_fast, scale_gradient_near, segments_of
from tests.worlds import Solid


def random_samples(n_rays: int, n_samples: int) -> tuple[Samples, torch.Tensor]:
    rays = torch.randint(n_rays, (n_samples,)).sort().values
    edges = torch.rand(n_samples) * 0.1 + 0.01
    ends = edges.cumsum(0)
    return Samples(rays, ends - edges, ends), torch.rand(n_samples) * 20


@pytest.mark.parametrize(("n_rays", "n_samples"), [(1, 1), (3, 17), (64, 333)])
def test_weights_sum_to_opacity(n_rays: int, n_samples: int) -> None:
    samples, densities = random_samples(n_rays, n_samples)
    opacity = kernels.accumulate(kernels.render_weights(densities, samples, n_rays), None, samples.ray_indices, n_rays)[
        :, 0
    ]
    optical = torch.zeros(n_rays).index_add(0, samples.ray_indices, densities * (samples.t_ends - samples.t_starts))
    torch.testing.assert_close(opacity, -torch.expm1(-optical), atol=1e-6, rtol=1e-5)


def test_splitting_an_interval_changes_nothing() -> None:
    samples, densities = random_samples(5, 40)
    whole = kernels.render_weights(densities, samples, 5)
    middle = samples.t_starts + 0.3 * (samples.t_ends - samples.t_starts)
    starts = torch.stack([samples.t_starts, middle], 1).flatten()
    ends = torch.stack([middle, samples.t_ends], 1).flatten()
    halves = Samples(samples.ray_indices.repeat_interleave(2), starts, ends)
    split = kernels.render_weights(densities.repeat_interleave(2), halves, 5)
    torch.testing.assert_close(split.view(-1, 2).sum(1), whole, atol=1e-6, rtol=1e-5)


def test_uniform_medium() -> None:
    """Density s over length l: opacity 1 - exp(-s l), half of the light left where the integral says."""
    density, length, n = 1.7, 2.0, 500
    edges = torch.linspace(0, length, n + 1)
    samples = Samples(torch.zeros(n, dtype=torch.int64), edges[:-1], edges[1:])
    weights = kernels.render_weights(torch.full((n,), density), samples, 1)
    assert float(weights.sum()) == pytest.approx(1 - math.exp(-density * length), rel=1e-5)
    assert float(kernels.median_distance(torch.full((n,), density), samples, 1)) == pytest.approx(
        math.log(2) / density, rel=1e-5
    )


def test_half_of_the_light_is_left_at_the_median_distance() -> None:
    """The transmittance there is 0.5 in every ray that gets so dark, whatever lies behind; the others have none."""
    samples, densities = random_samples(64, 333)
    distance = kernels.median_distance(densities, samples, 64)
    before = (torch.minimum(samples.t_ends, distance[samples.ray_indices]) - samples.t_starts).clamp_min(0)
    optical = torch.zeros(64).index_add(0, samples.ray_indices, densities * before)
    whole = torch.zeros(64).index_add(0, samples.ray_indices, densities * (samples.t_ends - samples.t_starts))
    is_hit = distance > 0
    assert bool((is_hit == (whole >= math.log(2))).all()) and 10 < int(is_hit.count_nonzero()) < 64
    torch.testing.assert_close(optical[is_hit], torch.full_like(optical[is_hit], math.log(2)), atol=1e-4, rtol=0)
    behind = torch.where(samples.t_starts > distance[samples.ray_indices], 3 * densities, densities)
    torch.testing.assert_close(kernels.median_distance(behind, samples, 64)[is_hit], distance[is_hit])


def test_gradient_of_the_median_distance() -> None:
    """By finite differences in float64, and none from densities behind the surface."""
    samples, densities = random_samples(7, 60)
    exact = Samples(samples.ray_indices, samples.t_starts.double(), samples.t_ends.double())
    densities = densities.double().requires_grad_()
    assert int((kernels.median_distance(densities, exact, 7) > 0).count_nonzero()) >= 5
    assert torch.autograd.gradcheck(lambda d: kernels.median_distance(d, exact, 7), densities, eps=1e-7, atol=1e-4)
    kernels.median_distance(densities, exact, 7).sum().backward()
    distance = kernels.median_distance(densities, exact, 7).detach()[exact.ray_indices]
    assert not densities.grad[(distance == 0) | (exact.t_starts > distance)].any()


def test_nothing_in_front_of_an_opaque_wall_is_lost_and_nothing_behind_counts() -> None:
    samples = Samples(torch.zeros(3, dtype=torch.int64), torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 2.0, 3.0]))
    weights = kernels.render_weights(torch.tensor([0.0, 1e6, 5.0]), samples, 1)
    torch.testing.assert_close(weights, torch.tensor([0.0, 1.0, 0.0]))


def test_gradients_are_finite_at_the_extremes() -> None:
    samples, _ = random_samples(3, 30)
    densities = torch.cat([torch.zeros(10), torch.full((10,), 1e8), torch.rand(10)]).requires_grad_()
    kernels.render_weights(densities, samples, 3).square().sum().backward()
    assert bool(torch.isfinite(densities.grad).all())


def test_gradient_of_weights_by_finite_differences() -> None:
    samples, densities = random_samples(2, 9)
    exact = Samples(samples.ray_indices, samples.t_starts.double(), samples.t_ends.double())
    densities = densities.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda d: kernels.render_weights(d, exact, 2), (densities,))


def test_rays_without_samples_are_empty() -> None:
    samples = Samples(torch.tensor([1, 1]), torch.tensor([0.5, 0.6]), torch.tensor([0.6, 0.7]))
    rays = Rays(torch.zeros(3, 3), torch.eye(3))
    solid = Solid("box", half=(2.0, 2.0, 2.0))
    rendered = render_rays(rays, samples, density_fn=solid.density_fn, color_fn=solid.color_fn)
    assert rendered.opacity.tolist() == [0.0, pytest.approx(1.0, abs=1e-6), 0.0]
    assert rendered.distance.tolist()[::2] == [0.0, 0.0]


def camera_rays(n: int) -> Rays:
    origins = torch.nn.functional.normalize(torch.randn(n, 3), dim=-1) * 0.95 + 0.0
    return Rays(origins, torch.nn.functional.normalize(torch.randn(n, 3) * 0.4 - origins, dim=-1))


@pytest.mark.parametrize("kind", ["sphere", "box"])
def test_analytic_solid_is_where_ray_casting_says(kind: str) -> None:
    """Opacity, colour and depth of a dense solid; errors are bounded by the sampling step."""
    solid, step = Solid(kind), 1 / 256
    rays = camera_rays(257)
    sampling = Sampling(torch.ones(1, 64, 64, 64, dtype=torch.bool), StepLattice(step, 0.0))
    samples = kernels.march(segments_of(rays, sampling, near=0.0), sampling)
    rendered = render_rays_fast(rays, samples, density_fn=solid.density_fn, color_fn=solid.color_fn)
    enter, leave = solid.interval(rays)
    through = (leave - enter) > 0.1  # clear hits
    missed = leave <= enter
    assert int(through.sum()) > 60 and int(missed.sum()) > 20
    assert float((rendered.opacity[through] - 1).abs().max()) < 1e-3
    assert float(rendered.opacity[missed].max()) < 1e-6
    assert float((rendered.distance[through] - enter[through]).abs().max()) < 1.5 * step + math.log(2) / solid.density
    surface = solid.color_fn(rays.at(enter)[through], rays.directions[through])
    assert float((rendered.color[through] - surface).abs().max()) < 0.05


def test_occupancy_that_holds_the_solid_changes_nothing() -> None:
    solid, layout, lattice = Solid("sphere"), OccupancyLayout(1, 32), StepLattice(1 / 128, 0.0)
    rays = camera_rays(64)
    low, side = layout.cell_boxes(torch.arange(32**3))
    tight = (solid.signed_distance(low + 0.5 * side[:, None]) < side).view(layout.shape)
    images = []
    for occupied in (torch.ones(layout.shape, dtype=torch.bool), tight):
        sampling = Sampling(occupied, lattice)
        samples = kernels.march(segments_of(rays, sampling, near=0.0), sampling)
        images.append(render_rays(rays, samples, density_fn=solid.density_fn, color_fn=solid.color_fn))
    torch.testing.assert_close(images[0].color, images[1].color, atol=1e-6, rtol=0)
    torch.testing.assert_close(images[0].distance, images[1].distance, atol=1e-4, rtol=0)


def test_lattice_is_continuous_and_grows_outwards() -> None:
    lattice = StepLattice(0.01, 1 / 64)
    t = lattice.distances(torch.arange(0.0, 400.0), torch.tensor(0.05))
    steps = t.diff()
    assert float(steps[:10].max()) == pytest.approx(0.01, rel=1e-4)
    assert bool((steps[1:] >= steps[:-1] * 0.999).all())
    assert float(steps[-1] / t[-2]) == pytest.approx(1 / 64, rel=0.02)
    n = lattice.n_steps(0.05, float(t[300]))
    assert 299 <= n <= 301


def test_cells_and_boxes_agree() -> None:
    layout = OccupancyLayout(3, 16)
    cells = torch.randint(16**3 * 3, (500,))
    low, side = layout.cell_boxes(cells)
    inside = low + torch.rand(500, 3) * side[:, None] * 0.98 + 0.01 * side[:, None]
    found = layout.cell_indices(inside)
    # the inner half of a coarser cascade belongs to the finer one
    own = (inside.abs().amax(-1) >= torch.ldexp(torch.ones(500), cells // 16**3 - 1)) | (cells < 16**3)
    assert torch.equal(found[own], cells[own])
    assert bool((layout.cell_indices(torch.tensor([[4.1, 0.0, 0.0]])) == -1).all())


def test_near_samples_get_small_gradients_and_the_same_values() -> None:
    densities, colors = torch.rand(4, requires_grad=True), torch.rand(4, 3, requires_grad=True)
    t = torch.tensor([0.1, 0.5, 1.0, 3.0])
    d, c = scale_gradient_near(densities, colors, t, 1.0)
    assert torch.equal(d, densities) and torch.equal(c, colors)
    (d.sum() + c.sum()).backward()
    torch.testing.assert_close(densities.grad, torch.tensor([0.01, 0.25, 1.0, 1.0]))
    torch.testing.assert_close(colors.grad[:, 1], densities.grad)
