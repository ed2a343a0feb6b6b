"""Launches of the kernels that march rays: all their samples, those that light reaches, and what they see."""

import math

import torch
from torch import Tensor

from recon.kernels.learning import FieldTensors
from recon.kernels.rays import MIN_TRANSMITTANCE, Samples, Sampling, Segments
from recon.kernels.triton import arguments, rendering
from recon.kernels.triton import march as marching
from recon.kernels.triton.launch import MARCH, MARCHING_PER_PROCESSOR, RAYS, WALK, blocks, n_programs
from recon.kernels.triton.points import spherical_harmonics

OPAQUE_DEPTH = 7.0  # optical depth at which a rendered ray ends: 0.1 % of the light is left


def march(segments: Segments, sampling: Sampling) -> Samples:
    where = arguments.rays(segments), arguments.sampling(sampling)
    met, counts = _meet(where)
    marching.count_occupied_kernel[blocks(len(segments), RAYS)](*where, met, counts, **WALK)
    found = _samples(where, met, counts)
    return Samples(found.ray_indices, found.t_starts, found.t_ends)


def march_visible(segments: Segments, sampling: Sampling, field: FieldTensors, capacity: int | None = None) -> Samples:
    """See `FusedBackend`. Handed on: where each ray's samples begin, and the end of the last, [n_rays + 1] int64."""
    where = arguments.rays(segments), arguments.sampling(sampling)
    met, counts = _meet(where)
    kernel = marching.count_visible_kernel[_programs(counts)]
    kernel(*where, met, *arguments.of_field(field), -math.log(MIN_TRANSMITTANCE), counts, **MARCH)
    return _samples(where, met, counts, capacity)


def prepared(field: FieldTensors) -> FieldTensors:
    """See `FusedBackend`. As it is: a card does not wait for rows as a processor does."""
    return field


def render_field(
    segments: Segments, sampling: Sampling, field: FieldTensors, min_weight: float
) -> tuple[Tensor, Tensor, Tensor]:
    n, rays = len(segments), segments.rays
    colors, opacities, distances = (rays.origins.new_zeros(*shape) for shape in ((n, 3), (n,), (n,)))
    if n == 0:
        return colors, opacities, distances
    where = arguments.rays(segments), arguments.sampling(sampling)
    harmonics = spherical_harmonics(rays.directions.detach())
    looked = arguments.Looked(harmonics, OPAQUE_DEPTH, float(min_weight), colors, opacities, distances)
    met, counts = _meet(where)
    rendering.color_kernel[_programs(counts)](*where, met, *arguments.of_field(field), looked, **MARCH)
    return colors, opacities, distances


Where = tuple[arguments.Rays, arguments.Sampling]


def _meet(where: Where) -> tuple[arguments.Met, Tensor]:
    """The rays that meet an occupied cell, and zeros [n_rays] to count in."""
    n, device = len(where[0].t_near), where[0].t_near.device
    zeros = torch.zeros(
        n + 4, dtype=torch.int32, device=device
    )  # of one fill: the number of those rays, how many are drawn, then the counts
    begins, meeting = torch.empty(2, n + (-n % 4), dtype=torch.int32, device=device)
    met = arguments.Met(begins, meeting, zeros[:1], zeros[1:2])
    marching.meet_kernel[blocks(n, RAYS)](*where, met, n, **WALK)
    return met, zeros[4:]


def _programs(counts: Tensor) -> tuple[int]:
    """The grid of a kernel whose lanes take one ray after the other; counts [n_rays]."""
    return (min(n_programs(counts.device, MARCHING_PER_PROCESSOR), *blocks(len(counts), RAYS)),)


def _samples(where: Where, met: arguments.Met, counts: Tensor, capacity: int | None = None) -> Samples:
    """The first counts[r] samples of every ray r, and where each ray's begin."""
    n, device = len(counts), counts.device
    first = torch.zeros(n + 1, dtype=torch.int64, device=device)
    torch.cumsum(counts, 0, out=first[1:])
    size = int(first[-1]) if capacity is None else capacity
    indices = torch.empty(size, dtype=torch.int64, device=device)
    starts, ends = torch.empty(size, device=device), torch.empty(size, device=device)
    if size:
        marching.write_kernel[blocks(n, RAYS)](*where, met, first, indices, starts, ends, size, **WALK)
    return Samples(indices, starts, ends, first, None if capacity is None else first[-1])
