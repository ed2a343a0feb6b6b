"""Launches of the kernels that march rays: all their samples, those that light reaches, and what they see."""

import math

import torch
from torch import Tensor

from recon.kernels.layout import FieldTensors, OccupancyLayout, StepLattice
from recon.kernels.triton import arguments, rendering
from recon.kernels.triton import march as marching
from recon.kernels.triton.arguments import plain
from recon.kernels.triton.launch import MARCH, MARCHING_PER_PROCESSOR, RAYS, WALK, blocks, n_programs
from recon.kernels.triton.points import spherical_harmonics

OPAQUE_DEPTH = 7.0  # optical depth at which a rendered ray ends: 0.1 % of the light is left
MIN_TRANSMITTANCE = 1e-2  # samples behind that much absorption neither add colour nor get a gradient


def march(
    origins: Tensor,
    directions: Tensor,
    t_near: Tensor,
    t_far: Tensor,
    offsets: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
) -> tuple[Tensor, Tensor, Tensor]:
    rays = _rays(origins, directions, t_near, t_far, offsets)
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    n = len(origins)
    met, counts = _meet(rays, where, n, origins.device)
    marching.count_occupied_kernel[blocks(n, RAYS)](rays, *where, met, counts, **WALK)
    return _samples(rays, where, met, counts)[:3]


def march_visible(
    origins: Tensor,
    directions: Tensor,
    t_near: Tensor,
    t_far: Tensor,
    offsets: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
    field: FieldTensors,
    capacity: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`march`, ended on each ray where the field's own densities have let less than MIN_TRANSMITTANCE through.

    The fourth result is for `field_gradients`: where each ray's samples begin, and the end of the last, [n_rays + 1] int64. With
    a `capacity` the host never waits for the device: the samples are so many, those behind the last ray's are rubbish, and
    rays whose samples end beyond it have none and take no part.
    """
    n = len(origins)
    rays = _rays(origins, directions, t_near, t_far, offsets)
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    met, counts = _meet(rays, where, n, origins.device)
    kernel = marching.count_visible_kernel[_programs(n, origins.device)]
    kernel(rays, *where, met, *arguments.of_field(field), -math.log(MIN_TRANSMITTANCE), counts, **MARCH)
    return _samples(rays, where, met, counts, capacity)


def _programs(n_rays: int, device: torch.device) -> tuple[int]:
    """Of kernels whose lanes take one ray after the other."""
    return (min(n_programs(device, MARCHING_PER_PROCESSOR), *blocks(n_rays, RAYS)),)


def _samples(
    rays: arguments.Rays,
    where: tuple[arguments.Cells, arguments.Lattice],
    met: arguments.Met,
    counts: Tensor,
    capacity: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The first counts[r] samples of every ray r, and where each ray's begin."""
    n, device = len(counts), counts.device
    first = torch.zeros(n + 1, dtype=torch.int64, device=device)
    torch.cumsum(counts, 0, out=first[1:])
    size = int(first[-1]) if capacity is None else capacity
    indices = torch.empty(size, dtype=torch.int64, device=device)
    starts, ends = torch.empty(size, device=device), torch.empty(size, device=device)
    if size:
        marching.write_kernel[blocks(n, RAYS)](rays, *where, met, first, indices, starts, ends, size, **WALK)
    return indices, starts, ends, first


def render_field(
    origins: Tensor,
    directions: Tensor,
    t_near: Tensor,
    t_far: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
    field: FieldTensors,
    min_weight: float,
) -> tuple[Tensor, Tensor, Tensor]:
    n = len(origins)
    colors, opacities, distances = (origins.new_zeros(*shape) for shape in ((n, 3), (n,), (n,)))
    if n == 0:
        return colors, opacities, distances
    offsets = torch.full_like(t_near, 0.5)
    rays = _rays(origins, directions, t_near, t_far, offsets)
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    own, harmonics = arguments.of_field(field), spherical_harmonics(directions.detach())
    looked = (harmonics, OPAQUE_DEPTH, float(min_weight), colors, opacities, distances)
    met, _ = _meet(rays, where, n, origins.device)
    rendering.color_kernel[_programs(n, origins.device)](rays, *where, met, *own, *looked, **MARCH)
    return colors, opacities, distances


def _meet(
    rays: arguments.Rays, where: tuple[arguments.Cells, arguments.Lattice], n: int, device: torch.device
) -> tuple[arguments.Met, Tensor]:
    """The rays that meet an occupied cell, and zeros [n] to count in."""
    zeros = torch.zeros(
        n + 4, dtype=torch.int32, device=device
    )  # of one fill: the number of those rays, then the counts
    begins, meeting = torch.empty(2, n + (-n % 4), dtype=torch.int32, device=device)
    met = arguments.Met(begins, meeting, zeros[:1])
    marching.meet_kernel[blocks(n, RAYS)](rays, *where, *met, n, **WALK)
    return met, zeros[4:]


def _rays(*parts: Tensor) -> arguments.Rays:
    return arguments.Rays(*map(plain, parts))
