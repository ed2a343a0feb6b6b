"""The triton back end against the reference on one device, value and gradient: what a card or a driver may get wrong.

An error is |found - expected| / |expected| over all numbers of a quantity (Euclidean norms), so that one unit on the other side
of its ReLU does not decide. Fresh random inputs for each quantity.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor

from recon import kernels
from recon.bench.parity_cases import (
    LARGE,
    NEAR,
    Batch,
    Sizes,
    all_samples,
    lit_samples,
    random_batch,
    random_field,
    random_rays,
    random_sampling,
)
from recon.kernels import AdamStep, LossSettings, Samples
from recon.render.volume import render_rays_fast, render_rays_fused, segments_of
from recon.train.gradients import add_gradients, loss_of_rays

# float32 sums in another order; products of half-precision numbers (11 bits) summed in float32; those through four layers and
# back, where values near zero cancel
T = TypeVar("T")
SINGLE, HALF, HALF_GRADIENT = 1e-4, 3e-3, 4e-2
AT_WALLS = 5e-3  # share of samples within rounding of a cell's wall, or of the end of their ray


@dataclass(frozen=True)
class Compared:
    """One quantity and how far it is off."""

    name: str
    error: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether the error is within its limit; NaN never is."""
        return self.error <= self.limit


def compare_backends(device: torch.device, sizes: Sizes = LARGE) -> list[Compared]:
    """Every kernel of the triton back end against the reference."""
    torch.manual_seed(0)
    before = kernels.fused(device)
    kernels.use("triton", device)
    try:
        return [compared for compare in COMPARISONS for compared in compare(device, sizes)]
    finally:
        if before is None:
            kernels.use("reference")


def compare_encoding(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """Encoding and its gradient for the table."""
    positions = torch.rand(sizes.points, 3, device=device)
    table = torch.randn(sizes.layout.offsets[-1], sizes.layout.n_features, device=device, requires_grad=True)
    cotangent = torch.randn(sizes.points, sizes.layout.n_levels * sizes.layout.n_features, device=device)

    def both() -> tuple[Tensor, Tensor]:
        encoded = kernels.hash_encode(positions, table, sizes.layout)
        return encoded.detach(), torch.autograd.grad(encoded, table, cotangent)[0]

    (value, gradient), (expected, expected_gradient) = on_both(device, both)
    yield Compared("hash encode", error(value, expected), SINGLE)
    yield Compared("hash scatter", error(gradient, expected_gradient), SINGLE)


def compare_harmonics(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """The spherical harmonics of random directions."""
    directions = torch.nn.functional.normalize(torch.randn(sizes.points, 3, device=device), dim=-1)
    yield Compared("harmonics", error(*on_both(device, lambda: kernels.spherical_harmonics(directions))), SINGLE)


def compare_march(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """Samples of rays, in constant and in growing steps."""
    for name, cascades, growth in (("march", 1, 0.0), ("march, open scene", 3, 1 / 64)):
        rays, sampling = random_rays(device, sizes), random_sampling(device, sizes, n_cascades=cascades, growth=growth)
        found, expected = on_both(device, partial(all_samples, rays, sampling))
        yield Compared(name, missed(found, expected, len(rays)), AT_WALLS)


def compare_density(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """Densities and geometry features at points."""
    for name, is_open in (("density", False), ("density, open scene", True)):
        field = random_field(device, sizes, is_open=is_open)
        positions = (3 if is_open else 1.9) * (torch.rand(sizes.points, 3, device=device) - 0.5)
        with torch.no_grad():
            found, expected = on_both(device, partial(field.density, positions))
        yield Compared(name, max(error(a, b) for a, b in zip(found, expected, strict=True)), HALF)


def compare_gradients(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """Loss, colours and the gradient of every parameter, with and without all terms of the loss."""
    for name, is_open, loss in (
        ("gradients", False, LossSettings(0.1, 0.0, 0.0, 0.0, 0.0)),
        ("gradients, open scene", True, LossSettings(0.1, 0.01, 0.1, 1.0, 1.5)),
    ):
        with the_reference(device):
            batch = random_batch(device, sizes, loss, is_open=is_open)
        found, expected = on_both(device, partial(loss_and_gradients, batch))
        yield Compared(f"{name}: loss", error(found[0], expected[0]), HALF)
        yield Compared(f"{name}: colours", error(found[1], expected[1]), HALF)
        errors = [error(a, b) for a, b in zip(found[2:], expected[2:], strict=True)]
        yield Compared(f"{name}: of the table", errors[1], HALF_GRADIENT)
        yield Compared(f"{name}: of layers and backgrounds", max(errors[0], *errors[2:]), HALF_GRADIENT)


def loss_and_gradients(batch: Batch) -> tuple[Tensor, ...]:
    """Loss, colours, and the gradients of the backgrounds and of every parameter."""
    batch.field.zero_grad(set_to_none=True)
    behind = batch.targets.backgrounds
    behind.grad = None
    everything = (batch.field, batch.rays, batch.samples, batch.targets, batch.loss)
    if kernels.fused(behind.device) is None:  # the definition, in full precision on a GPU too
        value, colors = loss_of_rays(*everything)
        value.backward()
    else:
        value, colors = add_gradients(*everything)
    gradients = [parameter.grad for parameter in (behind, *batch.field.parameters())]
    return value.detach(), colors.detach(), *(g.clone() for g in gradients if g is not None)


def compare_looking(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """Rays with early end: the samples that light reaches, colours, opacities, distances."""
    field, rays = random_field(device, sizes, is_open=True), random_rays(device, sizes)
    sampling = random_sampling(device, sizes, n_cascades=2, growth=1 / 64)
    with the_reference(device):
        samples = all_samples(rays, sampling)
        expected = lit_samples(field, rays, samples)
        exact = render_rays_fast(rays, samples, density_fn=field.density, color_fn=field.color, min_weight=0.0)
    segments, fused = segments_of(rays, sampling, near=NEAR), field.fused()
    assert fused is not None
    found = fused.march_visible(segments, sampling, None)
    yield Compared("march with early end", missed(found, expected, len(rays)), AT_WALLS)
    rendered = render_rays_fused(segments, sampling, fused, min_weight=0.0)
    yield Compared("views: colours", error(rendered.color, exact.color), HALF)
    yield Compared("views: opacities", error(rendered.opacity, exact.opacity), HALF)
    off = (rendered.distance - exact.distance).abs() > 1e-2 * sizes.step + 1e-3 * exact.distance
    yield Compared("views: distances that differ", float(off.float().mean()), 1e-2)


def compare_optimizer(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """One Adam step where one row in three has no gradient; with the changing numbers given, and read from the device."""
    parameters, gradients, mean, square = (torch.rand(sizes.points, 4, device=device) for _ in range(4))
    gradients[::3] = 0

    given = AdamStep(0.01, betas=(0.9, 0.99), epsilon=1e-15, count=3, decay=0.01)
    read = replace(given, on_device=torch.tensor(given.changing, device=device))

    def both(numbers: AdamStep) -> Tensor:
        values, rates, means, squares = (tensor.clone() for tensor in (parameters, gradients, mean, square))
        kernels.adam_step(values, rates, means, squares, numbers)
        return torch.cat([values, rates, means, squares])

    yield Compared("Adam", error(*on_both(device, partial(both, given))), SINGLE)
    # the other numbers of this step say something else: only those on the device may be looked at
    found = both(replace(read, learning_rate=1.0, decay=0.5, count=1))
    with the_reference(device):
        yield Compared("Adam, numbers on the device", error(found, both(given)), SINGLE)


def compare_occupancy(device: torch.device, sizes: Sizes) -> Iterator[Compared]:
    """The choice of occupied cells: exact."""
    shape = (2, sizes.cells, sizes.cells, sizes.cells)
    densities = 2 * torch.rand(shape, device=device)
    densities[torch.rand(shape, device=device) < 0.2] = -1
    possible = torch.rand(shape, device=device) < 0.7
    for threshold in (0.01, 1.0):
        chosen, expected = on_both(
            device, partial(kernels.occupied_cells, densities, possible, side=0.125, threshold=threshold)
        )
        yield Compared("occupied cells", float((chosen != expected).float().mean()), 1e-5)


COMPARISONS: tuple[Callable[[torch.device, Sizes], Iterator[Compared]], ...] = (
    compare_encoding,
    compare_harmonics,
    compare_march,
    compare_density,
    compare_gradients,
    compare_looking,
    compare_optimizer,
    compare_occupancy,
)


def on_both(device: torch.device, call: Callable[[], T]) -> tuple[T, T]:
    """What a call gives with the triton back end and with the reference."""
    found = call()
    with the_reference(device):
        return found, call()


@contextmanager
def the_reference(device: torch.device) -> Iterator[None]:
    """The reference in force, triton again afterwards."""
    kernels.use("reference")
    try:
        yield
    finally:
        kernels.use("triton", device)


def error(found: Tensor, expected: Tensor) -> float:
    """|found - expected| / |expected|."""
    return float((found - expected).double().norm() / expected.double().norm().clamp_min(1e-30))


def missed(found: Samples, expected: Samples, n_rays: int) -> float:
    """Share of samples that only one side has, ray by ray; infinite where equally many lie elsewhere."""
    counts = [torch.bincount(samples.ray_indices, minlength=n_rays) for samples in (found, expected)]
    same = counts[0] == counts[1]
    starts = [samples.t_starts[same[samples.ray_indices]] for samples in (found, expected)]
    if not torch.allclose(starts[0], starts[1], atol=1e-4):
        return float("inf")
    return float((counts[0] - counts[1]).abs().sum()) / max(len(expected), 1)
