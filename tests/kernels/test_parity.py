"""The native back end against the reference: values and gradients, odd sizes, both thread counts, determinism."""

import math

import pytest
import torch

from recon import kernels
from recon.field import FieldShape, RadianceField
from recon.geometry import Rays
from recon.kernels import (
    AdamStep,
    HashLayout,
    LossSettings,
    OccupancyLayout,
    RayTargets,
    Samples,
    Sampling,
    StepLattice,
    native,
    reference,
)
from recon.kernels.native import marching, marshalling, training
from recon.render.volume import render_rays_fast, render_rays_fused, segments_of
from recon.train.gradients import add_gradients

pytestmark = pytest.mark.skipif(native.why_missing() is not None, reason=f"native kernels: {native.why_missing()}")

LAYOUTS = [
    HashLayout(n_levels=8, n_features=4, log2_table_size=12, base_resolution=4, finest_resolution=200),
    HashLayout(n_levels=3, n_features=2, log2_table_size=15, base_resolution=5, finest_resolution=31),
]


@pytest.fixture(autouse=True)
def _restore_backend():
    yield
    kernels.use("reference")
    native.set_n_threads(2)


def rays_through_cube(n: int) -> Rays:
    directions = torch.nn.functional.normalize(torch.randn(n, 3), dim=-1)
    return Rays(-2.5 * directions + 0.5 * torch.randn(n, 3), directions)


def everywhere(step: float) -> Sampling:
    return Sampling(torch.ones(1, 8, 8, 8, dtype=torch.bool), StepLattice(step, 0.0))


def samples_at_lattice(rays: Rays, sampling: Sampling) -> Samples:
    """Those of the reference, without jitter: the same for every back end."""
    segments = segments_of(rays, sampling, near=0.1, offsets=torch.zeros(len(rays)))
    return reference.march(segments, sampling)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [0, 1, 3, 17, 1000])
def test_hash_encode(layout: HashLayout, n: int) -> None:
    positions = torch.rand(n, 3)
    table = torch.randn(layout.offsets[-1], layout.n_features, requires_grad=True)
    cotangent = torch.randn(n, layout.n_levels * layout.n_features)
    values, gradients = [], []
    for backend in ("reference", "native"):
        kernels.use(backend)
        table.grad = None
        encoded = kernels.hash_encode(positions, table, layout)
        encoded.backward(cotangent)
        values.append(encoded.detach())
        gradients.append(table.grad.clone())
    torch.testing.assert_close(values[1], values[0], atol=2e-6, rtol=1e-5)
    # rows gather up to hundreds of terms, in another order
    torch.testing.assert_close(gradients[1], gradients[0], atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize("n_cascades", [1, 4])
@pytest.mark.parametrize("growth", [0.0, 1 / 128])
@pytest.mark.parametrize("share", [0.2, 0.03])  # of occupied cells: short jumps, and long ones
def test_march(n_cascades: int, growth: float, share: float) -> None:
    rays = rays_through_cube(67)
    sampling = Sampling(torch.rand(OccupancyLayout(n_cascades, 16).shape) < share, StepLattice(0.02, growth))
    segments = segments_of(rays, sampling, near=0.1, offsets=torch.full((67,), 0.3))
    found = []
    for backend in ("reference", "native"):
        kernels.use(backend)
        found.append(kernels.march(segments, sampling))
    counts = [torch.bincount(s.ray_indices, minlength=67) for s in found]
    # a midpoint within rounding of a cell wall may fall on either side: at most one sample in 500
    assert (counts[0] - counts[1]).abs().sum() <= max(len(found[0]) // 500, 1)
    assert len(found[0]) > 1000 * share
    same = counts[0] == counts[1]
    keep = [same[s.ray_indices] for s in found]
    torch.testing.assert_close(found[1].t_starts[keep[1]], found[0].t_starts[keep[0]], atol=2e-5, rtol=1e-5)
    torch.testing.assert_close(found[1].t_ends[keep[1]], found[0].t_ends[keep[0]], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("resolution", [16, 19])
def test_clearance_is_the_distance_to_the_next_occupied_cell(resolution: int) -> None:
    """By its definition: the greatest cube around a cell that is empty and stays clear of what other cascades answer for."""
    occupied = torch.rand(2, resolution, resolution, resolution) < 0.002
    clearance = marshalling.clearance(occupied)
    assert marshalling.clearance(occupied) is clearance
    occupied[0, 1, 2, 3] = True
    clearance = marshalling.clearance(occupied)
    barred = occupied.clone()
    low, high = resolution // 4, (3 * resolution + 3) // 4
    barred[1, low:high, low:high, low:high] = True
    for cascade in range(2):
        padded = torch.nn.functional.pad(barred[cascade].float()[None], (8,) * 6, value=1)
        for distance in range(1, 9):
            hit = torch.nn.functional.max_pool3d(padded, 2 * distance - 1, stride=1)[0] > 0
            inner = hit[(slice(9 - distance, 9 - distance + resolution),) * 3]
            expected = ~inner | (~occupied[cascade] & (distance == 1))
            assert torch.equal(clearance[cascade] >= distance, expected)


@pytest.mark.parametrize("threshold", [0.01, 1.0])
def test_occupied_cells(threshold: float) -> None:
    densities = torch.rand(3, 16, 16, 16) * 2
    densities[torch.rand(densities.shape) < 0.2] = -1
    possible = torch.rand(densities.shape) < 0.7
    found = []
    for backend in ("reference", "native"):
        kernels.use(backend)
        found.append(kernels.occupied_cells(densities, possible, side=0.125, threshold=threshold))
    assert torch.equal(found[0], found[1])
    assert not (found[0] & ~possible).any()
    assert found[0][possible & (densities < 0)].all()


def make_field(*, is_contracted: bool, width: int = 64) -> RadianceField:
    torch.manual_seed(3)
    field = RadianceField(FieldShape(4, 4, 12, 4, 64, width, is_contracted, has_sky=False))
    with torch.no_grad():
        field.table.uniform_(-1, 1)
    return field


@pytest.mark.parametrize("n", [0, 1, 33, 700])
@pytest.mark.parametrize("is_contracted", [False, True])
def test_density(n: int, is_contracted: bool) -> None:
    field = make_field(is_contracted=is_contracted)
    positions = torch.rand(n, 3) * (6 if is_contracted else 1.9) - (3 if is_contracted else 0.95)
    results = []
    for backend in ("reference", "native"):
        kernels.use(backend)
        with torch.no_grad():
            results.append(field.density(positions))
    torch.testing.assert_close(results[1][0], results[0][0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(results[1][1], results[0][1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("n_rays", "is_open", "near_scale"), [(1, False, 0.0), (45, True, 0.0), (300, False, 1.5), (64, True, 1.0)]
)
def test_training_gradients(n_rays: int, is_open: bool, near_scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss, colours and the gradient of every parameter; no sample is cut off, so that both mean the same."""
    monkeypatch.setattr(training, "MIN_TRANSMITTANCE", 0.0)
    field = make_field(is_contracted=is_open)
    rays = rays_through_cube(n_rays)
    occupied = torch.rand(OccupancyLayout(2 if is_open else 1, 8).shape) < 0.5
    colors, behind = torch.rand(n_rays, 3), torch.rand(n_rays, 3, requires_grad=True)
    known = torch.where(torch.rand(n_rays) < 0.7, 1 + 2 * torch.rand(n_rays), 0)  # distances of some rays' surfaces
    targets = RayTargets(colors, behind, known)
    samples = samples_at_lattice(rays, Sampling(occupied, StepLattice(0.05, 0.0)))
    results = []
    for backend in ("reference", "native"):
        kernels.use(backend)
        field.zero_grad(set_to_none=True)
        behind.grad = None
        loss = LossSettings(
            huber_delta=0.1, opacity_loss=0.01, distortion_loss=0.1, depth_loss=0.3, near_scale=near_scale
        )
        value, rendered = add_gradients(field, rays, samples, targets, loss)
        results.append((float(value), rendered, [p.grad.clone() for p in (*field.parameters(), behind)]))
    assert results[1][0] == pytest.approx(results[0][0], rel=1e-4)
    torch.testing.assert_close(results[1][1], results[0][1], atol=2e-5, rtol=1e-4)
    names = [*(name for name, _ in field.named_parameters()), "behind"]
    for name, expected, found in zip(names, results[0][2], results[1][2], strict=True):
        # as a whole: single entries jump where rounding takes a unit to the other side of its ReLU, a few in 10,000
        assert float((found - expected).norm()) < 2e-3 * float(expected.norm()) + 1e-12, name


@pytest.mark.parametrize(("n_levels", "n_features", "width"), [(5, 2, 50), (3, 3, 17)])
def test_networks_of_any_width(n_levels: int, n_features: int, width: int) -> None:
    """Sizes that are no multiple of the kernels' tiles: gradients end at the last weight."""
    torch.manual_seed(5)
    field = RadianceField(FieldShape(n_levels, n_features, 12, 4, 64, width, is_contracted=False, has_sky=False))
    with torch.no_grad():
        field.table.uniform_(-1, 1)
    rays = rays_through_cube(40)
    samples = samples_at_lattice(rays, everywhere(0.2))
    targets, results = RayTargets(torch.rand(40, 3), torch.zeros(40, 3)), []
    for backend in ("reference", "native"):
        kernels.use(backend)
        field.zero_grad(set_to_none=True)
        add_gradients(field, rays, samples, targets, LossSettings(0.1, 0.0, 0.0, 0.0, 0.0))
        results.append([p.grad.clone() for p in field.parameters()])
    for expected, found in zip(*results, strict=True):
        assert float((found - expected).norm()) < 2e-2 * float(expected.norm())


@pytest.mark.parametrize("n_features", [2, 4])
def test_a_table_in_half_precision_renders_as_the_same_numbers_in_single_do(n_features: int) -> None:
    torch.manual_seed(3)
    field = RadianceField(FieldShape(4, n_features, 12, 4, 64, 32, is_contracted=True, has_sky=False))
    with torch.no_grad():
        field.table.copy_((torch.randn_like(field.table) * 10.0 ** torch.randint(-8, 2, field.table.shape)).half())
    assert ((field.table != 0) & (field.table.abs() < 6e-5)).any(), "expected numbers below the normal ones"
    segments = segments_of(rays_through_cube(100), everywhere(0.05), near=0.05)
    own = field.tensors()
    halved = native.prepared(own)
    assert halved.table.dtype == torch.float16
    for found, expected in zip(
        *(native.render_field(segments, everywhere(0.05), f, 0.0) for f in (halved, own)), strict=True
    ):
        assert torch.equal(found, expected)


def test_a_table_that_half_precision_cannot_hold_stays_as_it_is() -> None:
    field = make_field(is_contracted=True)
    with torch.no_grad():
        field.table[7, 0] = -70_000.0
    assert native.prepared(field.tensors()).table.dtype == torch.float32


def test_rendering() -> None:
    """Early termination and the colours that are left out change a pixel by at most one part in a hundred."""
    field = make_field(is_contracted=True)
    with torch.no_grad():
        field.table.copy_(field.table.half())  # as field.pt holds it, and as it is rendered
    rays = rays_through_cube(333)
    sampling = Sampling(torch.rand(OccupancyLayout(3, 16).shape) < 0.4, StepLattice(0.02, 1 / 200))
    segments = segments_of(rays, sampling, near=0.05)
    kernels.use("native")
    found = render_rays_fused(segments, sampling, field.fused())
    kernels.use("reference")
    samples = kernels.march(segments, sampling)
    expected = render_rays_fast(rays, samples, density_fn=field.density, color_fn=field.color, min_weight=0.0)
    torch.testing.assert_close(found.opacity, expected.opacity, atol=math.exp(-marching.OPAQUE_DEPTH), rtol=0)
    torch.testing.assert_close(found.color, expected.color, atol=0.01, rtol=0)
    is_hit = (found.distance > 0) & (expected.distance > 0)
    assert is_hit.count_nonzero() > 200
    assert (
        is_hit == (expected.distance > 0)
    ).float().mean() > 0.99  # where just half of the light is left, either may say so
    torch.testing.assert_close(found.distance[is_hit], expected.distance[is_hit], atol=1e-3, rtol=1e-3)


def test_depth_loss_alone() -> None:
    """Its gradient is small beside that of colour: compared on its own, with colours that are already right."""
    field = make_field(is_contracted=False)
    rays = rays_through_cube(90)
    samples = samples_at_lattice(rays, everywhere(0.05))
    targets, results = RayTargets(torch.zeros(90, 3), torch.zeros(90, 3), 1 + 2 * torch.rand(90)), []
    for backend in ("reference", "native"):
        kernels.use(backend)
        runs = []
        for weight in (0.0, 1.0):
            field.zero_grad(set_to_none=True)
            loss = LossSettings(0.1, 0.0, 0.0, weight, 0.0)
            value, _ = add_gradients(field, rays, samples, targets, loss)
            runs.append((float(value), [p.grad.clone() for p in field.parameters()]))
        results.append((runs[1][0] - runs[0][0], [b - a for a, b in zip(runs[0][1], runs[1][1], strict=True)]))
    assert results[0][0] > 0.01
    assert results[1][0] == pytest.approx(results[0][0], rel=1e-4)
    for expected, found in zip(results[0][1], results[1][1], strict=True):
        assert float((found - expected).norm()) < 1e-2 * float(expected.norm()) + 1e-9


@pytest.mark.parametrize("weight_decay", [0.0, 0.7])
def test_adam_matches_torch_where_there_are_gradients(weight_decay: float) -> None:
    parameters = torch.randn(50, 4)
    expected = parameters.clone().requires_grad_()
    theirs = torch.optim.AdamW([expected], lr=0.01, betas=(0.9, 0.99), eps=1e-15, weight_decay=weight_decay)
    mine = {name: parameters.clone() for name in ("reference", "native")}
    moments = {name: (torch.zeros(50, 4), torch.zeros(50, 4)) for name in mine}
    for step in range(1, 6):
        gradient = torch.randn(50, 4)
        expected.grad = gradient.clone()
        theirs.step()
        for name, values in mine.items():
            kernels.use(name)
            own = gradient.clone()
            numbers = AdamStep(0.01, (0.9, 0.99), epsilon=1e-15, count=step, decay=0.01 * weight_decay)
            kernels.adam_step(values, own, *moments[name], numbers)
            assert not own.any()
    for values in mine.values():
        torch.testing.assert_close(values, expected.detach(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("backend", ["reference", "native"])
def test_adam_leaves_untouched_rows_alone(backend: str) -> None:
    kernels.use(backend)
    values, gradient = torch.randn(7, 3), torch.zeros(7, 3)
    before = values.clone()
    gradient[2, 1] = 1.0
    mean = torch.full((7, 3), 0.5)
    kernels.adam_step(values, gradient, mean, torch.ones(7, 3), AdamStep(0.1, (0.9, 0.99), epsilon=1e-8, count=1))
    changed = (values != before).any(1)
    assert changed.tolist() == [False, False, True, False, False, False, False]
    assert mean[0, 0] == 0.5


def test_same_threads_same_bits_other_threads_same_numbers() -> None:
    kernels.use("native")
    field = make_field(is_contracted=False)
    rays = rays_through_cube(500)
    samples = samples_at_lattice(rays, everywhere(0.05))
    targets = RayTargets(torch.rand(500, 3), torch.zeros(500, 3))

    def gradients(n_threads: int) -> list[torch.Tensor]:
        native.set_n_threads(n_threads)
        field.zero_grad(set_to_none=True)
        add_gradients(field, rays, samples, targets, LossSettings(0.1, 0.0, 0.0, 0.0, 0.0))
        return [p.grad.clone() for p in field.parameters()]

    once, again, alone = gradients(2), gradients(2), gradients(1)
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    for a, b in zip(once, alone, strict=True):
        assert float((a - b).abs().max()) < 1e-4 * float(a.abs().max() + 1e-12)


def test_samples_can_be_empty() -> None:
    field = make_field(is_contracted=False)
    nothing = Samples(torch.zeros(0, dtype=torch.int64), torch.zeros(0), torch.zeros(0))
    rays, behind = rays_through_cube(5), torch.rand(5, 3)
    for backend in ("reference", "native"):
        kernels.use(backend)
        targets = RayTargets(torch.rand(5, 3), behind)
        _, colors = add_gradients(field, rays, nothing, targets, LossSettings(0.1, 0.0, 0.0, 0.0, 0.0))
        torch.testing.assert_close(colors, behind)


def test_gradient_of_positions_by_finite_differences() -> None:
    """The reference against central differences in float64, at points away from cell walls."""
    layout = LAYOUTS[1]
    table = torch.randn(layout.offsets[-1], layout.n_features, dtype=torch.float64)
    positions = (torch.rand(9, 3, dtype=torch.float64) * 0.9 + 0.05).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda p: reference.hash_encode(p, table, layout), (positions,), eps=1e-7, atol=1e-5
    )
