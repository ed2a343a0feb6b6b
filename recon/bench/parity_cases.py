"""Random inputs for recon.bench.parity: rays, fields, occupied cells, whole batches."""

from dataclasses import dataclass

import torch

from recon import kernels
from recon.field import FieldShape, RadianceField
from recon.geometry import Rays
from recon.kernels import HashLayout, LossSettings, OccupancyLayout, RayTargets, Samples, Sampling, StepLattice
from recon.render.volume import segments_of

NEAR = 0.05  # where rays begin
OPAQUE = 4.605170  # optical depth at which a hundredth of the light is left


@dataclass(frozen=True)
class Sizes:
    """How much is compared."""

    points: int
    rays: int
    layout: HashLayout
    width: int
    cells: int
    step: float


LARGE = Sizes(100_003, 5003, HashLayout(8, 4, 17, 16, 1024), 64, 64, 0.01)


@dataclass(frozen=True)
class Batch:
    """Everything that a loss and its gradients depend on."""

    field: RadianceField
    rays: Rays
    samples: Samples
    targets: RayTargets  # whose backgrounds want a gradient
    loss: LossSettings


def random_batch(device: torch.device, sizes: Sizes, loss: LossSettings, *, is_open: bool) -> Batch:
    """Rays with the samples that light reaches; half of their distances are known."""
    field, rays = random_field(device, sizes, is_open=is_open), random_rays(device, sizes)
    sampling, n = random_sampling(device, sizes, n_cascades=2 if is_open else 1), len(rays)
    return Batch(
        field=field,
        rays=rays,
        samples=lit_samples(field, rays, all_samples(rays, sampling)),
        targets=RayTargets(
            colors=torch.rand(n, 3, device=device),
            backgrounds=torch.rand(n, 3, device=device, requires_grad=True),
            known_distances=3 * torch.rand(n, device=device) * (torch.rand(n, device=device) < 0.5),
        ),
        loss=loss,
    )


def random_rays(device: torch.device, sizes: Sizes) -> Rays:
    """Rays that cross the unit cube."""
    directions = torch.nn.functional.normalize(torch.randn(sizes.rays, 3, device=device), dim=-1)
    return Rays(-2.5 * directions + 0.5 * torch.randn(sizes.rays, 3, device=device), directions)


def random_sampling(device: torch.device, sizes: Sizes, *, n_cascades: int, growth: float = 0.0) -> Sampling:
    """A third of all cells, at random, are occupied."""
    layout = OccupancyLayout(n_cascades, sizes.cells)
    return Sampling(torch.rand(layout.shape, device=device) < 0.3, StepLattice(sizes.step, growth))


def random_field(device: torch.device, sizes: Sizes, *, is_open: bool) -> RadianceField:
    """A field with values as large as a trained one's."""
    layout = sizes.layout
    shape = FieldShape(
        layout.n_levels, layout.n_features, layout.log2_table_size, layout.base_resolution, layout.finest_resolution,
        sizes.width, is_open, False,
    )  # fmt: skip
    field = RadianceField(shape).to(device)
    with torch.no_grad():
        field.table.uniform_(-1, 1)
    return field


def all_samples(rays: Rays, sampling: Sampling) -> Samples:
    """All samples of the rays in occupied cells."""
    return kernels.march(segments_of(rays, sampling, near=NEAR), sampling)


@torch.no_grad()
def lit_samples(field: RadianceField, rays: Rays, samples: Samples) -> Samples:
    """The samples that more than a hundredth of the light reaches; neither back end looks at the others."""
    optical = field.density(samples.positions(rays))[0] * samples.lengths
    total = torch.cumsum(optical.double(), 0) - optical
    counts = torch.bincount(samples.ray_indices, minlength=len(rays))
    first = torch.cumsum(counts, 0) - counts
    before = total - torch.cat([total, total.new_zeros(1)])[first][samples.ray_indices]
    return samples[before < OPAQUE]
