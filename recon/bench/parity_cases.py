"""Random inputs for recon.bench.parity: rays, fields, occupied cells, whole batches."""

from dataclasses import dataclass

import torch
from torch import Tensor

from recon.field import FieldShape, RadianceField
from recon.geometry import Rays
from recon.kernels import HashLayout, LossSettings, OccupancyLayout, StepLattice
from recon.render.volume import Samples, sample_rays

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
    targets: Tensor  # [n, 3]
    behind: Tensor  # [n, 3], wants a gradient
    known_distances: Tensor  # [n]
    loss: LossSettings


def random_batch(device: torch.device, sizes: Sizes, loss: LossSettings, *, is_open: bool) -> Batch:
    """Rays with the samples that light reaches; half of their distances are known."""
    field, rays = random_field(device, sizes, is_open=is_open), random_rays(device, sizes)
    occupancy = random_occupancy(device, sizes, 2 if is_open else 1)
    n = len(rays)
    return Batch(
        field=field,
        rays=rays,
        samples=lit_samples(field, rays, all_samples(rays, occupancy, StepLattice(sizes.step, 0.0))),
        targets=torch.rand(n, 3, device=device),
        behind=torch.rand(n, 3, device=device, requires_grad=True),
        known_distances=3 * torch.rand(n, device=device) * (torch.rand(n, device=device) < 0.5),
        loss=loss,
    )


def random_rays(device: torch.device, sizes: Sizes) -> Rays:
    """Rays that cross the unit cube."""
    directions = torch.nn.functional.normalize(torch.randn(sizes.rays, 3, device=device), dim=-1)
    return Rays(-2.5 * directions + 0.5 * torch.randn(sizes.rays, 3, device=device), directions)


def random_occupancy(device: torch.device, sizes: Sizes, n_cascades: int) -> tuple[OccupancyLayout, Tensor]:
    """A third of all cells."""
    layout = OccupancyLayout(n_cascades, sizes.cells)
    return layout, torch.rand(layout.shape, device=device) < 0.3


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


def all_samples(rays: Rays, occupancy: tuple[OccupancyLayout, Tensor], lattice: StepLattice) -> Samples:
    """Of rays in occupied cells."""
    layout, occupied = occupancy
    offsets = torch.full((len(rays),), 0.5, device=rays.origins.device)
    return sample_rays(rays, near=0.05, offsets=offsets, occupied=occupied, layout=layout, lattice=lattice)


@torch.no_grad()
def lit_samples(field: RadianceField, rays: Rays, samples: Samples) -> Samples:
    """Those that more than a hundredth of the light reaches: neither side looks behind them."""
    positions = rays.origins[samples.ray_indices] + samples.t[:, None] * rays.directions[samples.ray_indices]
    optical = field.density(positions)[0] * (samples.t_ends - samples.t_starts)
    total = torch.cumsum(optical.double(), 0) - optical
    counts = torch.bincount(samples.ray_indices, minlength=len(rays))
    first = torch.cumsum(counts, 0) - counts
    before = total - torch.cat([total, total.new_zeros(1)])[first][samples.ray_indices]
    return samples[before < OPAQUE]
