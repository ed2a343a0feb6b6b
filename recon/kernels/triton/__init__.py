"""The triton back end: kernels compiled at run time for the GPU at hand, no toolkit needed.

The same operations as `recon.kernels.reference`, plus the fused ones of `recon.kernels.native`. With TRITON_INTERPRET=1 in the
environment before the first import they run in Python on the CPU, slowly: so they are tested on machines without a GPU.
Importing this needs the package triton; `why_missing` says whether its kernels run on a device.
"""

import functools
import math

import torch
from torch import Tensor

from recon.kernels import reference
from recon.kernels.layout import FieldTensors, HashLayout, LossSettings, OccupancyLayout, StepLattice
from recon.kernels.triton.launch import (
    CELLS,
    GATHER,
    IS_INTERPRETED,
    MARCH,
    NETWORK,
    RAYS,
    ROWS,
    SAMPLES,
    WALK,
    blocks,
    n_programs,
)

import triton.language as tl  # isort: skip  # after launch, which sets the environment that triton reads
from triton import cdiv, next_power_of_2  # isort: skip

from recon.kernels.triton import arguments, compositing, hash_grid, networks, optimizer, rendering, training
from recon.kernels.triton import march as marching

TAKES_ENCODING = False  # field_gradients encodes the samples itself
OPAQUE_DEPTH = 7.0  # optical depth at which a rendered ray ends: 0.1 % of the light is left
MIN_TRANSMITTANCE = 1e-2  # samples behind that much absorption neither add colour nor get a gradient
OPERANDS = tl.float16  # of the networks' matrix products; sums are float32
GRADIENT_SCALE = 64.0  # gradients of samples, times the number of rays: half precision has no numbers below 6e-8


def why_missing(device: torch.device) -> str | None:
    """None where the kernels run on `device`, else the reason."""
    return _failure(device) if runs_on(device) else f"it runs on GPUs with CUDA or ROCm, not on {device.type}"


def runs_on(device: torch.device) -> bool:
    """Whether tensors on `device` are for these kernels."""
    return device.type == ("cpu" if IS_INTERPRETED else "cuda")


@functools.lru_cache(maxsize=8)
def _failure(device: torch.device) -> str | None:
    """What goes wrong with the smallest kernel: no C compiler for Triton's launcher, an old card, an old driver."""
    directions = torch.tensor([[0.0, 0.6, 0.8]], device=device)
    try:
        found = spherical_harmonics(directions)
    except Exception as error:  # whatever a compiler or a driver raises
        lines = str(error).strip().splitlines()
        return f"Triton fails on {device} ({type(error).__name__}: {lines[0] if lines else 'no message'})"
    expected = reference.spherical_harmonics(directions)
    return None if torch.allclose(found, expected, atol=1e-5) else f"Triton computes wrong values on {device}"


# ---- operations -----------------------------------------------------------------------------------------------------


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    if positions.requires_grad:
        return reference.hash_encode(positions, table, layout)  # the gradient of positions has no kernel of its own
    return _HashEncode.apply(positions, table, layout)


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, table, layout):  # type: ignore[no-untyped-def]
        positions, table = _plain(positions), _plain(table)
        ctx.save_for_backward(positions)
        ctx.layout, ctx.shape = layout, table.shape
        n, grid = len(positions), arguments.hash_grid(layout, positions.device)
        out = positions.new_empty(n, layout.n_levels * layout.n_features)
        if n:
            hash_grid.encode_kernel[blocks(n, SAMPLES)](positions, table, out, grid, n, **GATHER)
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (positions,) = ctx.saved_tensors
        n, grid = len(positions), arguments.hash_grid(ctx.layout, positions.device)
        grad_table = positions.new_zeros(ctx.shape)
        if n:
            hash_grid.scatter_kernel[blocks(n, SAMPLES)](positions, _plain(grad), grad_table, grid, n, **GATHER)
        return None, grad_table, None


def spherical_harmonics(directions: Tensor) -> Tensor:
    if directions.requires_grad:
        return reference.spherical_harmonics(directions)
    n = len(directions)
    out = directions.new_empty(n, 16, dtype=torch.float32)
    if n:
        networks.harmonics_kernel[blocks(n, SAMPLES)](_plain(directions), out, n, BLOCK=SAMPLES)
    return out


render_weights = reference.render_weights
median_distance = reference.median_distance
accumulate = reference.accumulate


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
    rays = arguments.Rays(*map(_plain, (origins, directions, t_near, t_far, offsets)))
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    counts = torch.empty(len(origins), dtype=torch.int32, device=origins.device)
    if len(origins):
        marching.count_occupied_kernel[blocks(len(origins), RAYS)](rays, *where, counts, len(origins), **WALK)
    return _samples(rays, where, counts)[:3]


def occupied_cells(densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor:
    densities, is_possible = _plain(densities), is_possible.contiguous().view(torch.uint8)
    occupied = torch.empty_like(is_possible)
    n_cascades, n_cells = len(densities), densities[0].numel()
    grid = (cdiv(n_cells, CELLS), n_cascades)
    sums = densities.new_empty(grid[0] * grid[1])
    counts = torch.empty_like(sums, dtype=torch.int32)
    optimizer.thickness_kernel[grid](densities, is_possible, sums, counts, n_cells, side, BLOCK=CELLS)
    mean = sums.sum(dtype=torch.float64) / counts.sum().clamp_min(1)
    limit = (0.5 * mean).clamp_max(threshold).float()
    optimizer.occupied_kernel[grid](densities, is_possible, occupied, limit, n_cells, side, BLOCK=CELLS)
    return occupied.view(torch.bool)


def adam_step(
    parameters: Tensor,
    gradients: Tensor,
    mean: Tensor,
    square: Tensor,
    *,
    learning_rate: float,
    betas: tuple[float, float],
    epsilon: float,
    step: int,
) -> None:
    n_rows, columns = parameters.shape
    if n_rows * columns == 0:
        return
    padded = next_power_of_2(columns)
    block = max(ROWS * 4 // padded, 1)
    corrections = [1 - beta**step for beta in betas]
    numbers = (learning_rate / corrections[0], *betas, epsilon, 1 / math.sqrt(corrections[1]))
    optimizer.adam_kernel[blocks(n_rows, block)](
        parameters, gradients, mean, square, n_rows, *numbers, columns=columns, BLOCK=block, COLUMNS=padded
    )


# ---- fused operations -----------------------------------------------------------------------------------------------


def field_density(positions: Tensor, field: FieldTensors) -> tuple[Tensor, Tensor]:
    positions = _plain(positions)
    n = len(positions)
    densities, geometry = positions.new_empty(n), positions.new_empty(n, reference.N_GEOMETRY)
    if n:
        own = _field(field)
        rendering.density_kernel[blocks(n, SAMPLES)](positions, densities, geometry, *own, n, **NETWORK)
    return densities, geometry


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
    rays = arguments.Rays(*map(_plain, (origins, directions, t_near, t_far, offsets)))
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    counts = torch.empty(n, dtype=torch.int32, device=origins.device)
    if n:
        kernel = marching.count_visible_kernel[blocks(n, RAYS)]
        kernel(rays, *where, *_field(field), -math.log(MIN_TRANSMITTANCE), counts, n, **MARCH)
    return _samples(rays, where, counts, capacity)


def _samples(
    rays: arguments.Rays,
    where: tuple[arguments.Cells, arguments.Lattice],
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
        marching.write_kernel[blocks(n, RAYS)](rays, *where, first, indices, starts, ends, size, n, **WALK)
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
    colors, opacities, distances = (origins.new_empty(*shape) for shape in ((n, 3), (n,), (n,)))
    if n == 0:
        return colors, opacities, distances
    offsets = torch.full_like(t_near, 0.5)
    rays = arguments.Rays(*map(_plain, (origins, directions, t_near, t_far, offsets)))
    where = arguments.cells(occupied, layout), arguments.lattice(lattice)
    own, harmonics = _field(field), spherical_harmonics(directions.detach())
    looked = (harmonics, OPAQUE_DEPTH, float(min_weight), colors, opacities, distances)
    rendering.color_kernel[blocks(n, RAYS)](rays, *where, *own, *looked, n, **MARCH)
    return colors, opacities, distances


def field_gradients(
    origins: Tensor,
    directions: Tensor,
    samples: tuple[Tensor, Tensor, Tensor],
    targets: Tensor,
    backgrounds: Tensor,
    field: FieldTensors,
    gradients: FieldTensors,
    loss: LossSettings,
    features: Tensor | None = None,  # the fourth result of march_visible
    known_distances: Tensor | None = None,
    min_transmittance: float = MIN_TRANSMITTANCE,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As the native one, but the loss [] stays on the device: reading it waits for the step."""
    n_rays, device = len(origins), origins.device
    rays, starts, ends = samples[0].contiguous(), _plain(samples[1]), _plain(samples[2])
    first = features
    if first is None:
        first = torch.searchsorted(rays, torch.arange(n_rays + 1, device=device))
    own, grid = _field(field)
    packed = (_plain(origins), _plain(directions), rays, starts, ends, first, n_rays, own, grid)
    harmonics = spherical_harmonics(directions.detach())
    capacity = len(starts)
    half = torch.float16 if tl.float16 == OPERANDS else torch.float32
    encoded = torch.empty(capacity, grid.ENCODED.value, dtype=half, device=device)
    outputs, grad_outputs = (torch.empty(capacity, 4, device=device) for _ in range(2))
    transmittances = torch.empty(capacity, device=device)
    programs = min(n_programs(device), max(cdiv(capacity, SAMPLES), 1))
    training.forward_kernel[(programs,)](*packed, harmonics, encoded, outputs, **NETWORK)

    colors, grad_backgrounds = torch.empty(n_rays, 3, device=device), torch.empty(n_rays, 3, device=device)
    opacities, losses = torch.empty(n_rays, device=device), torch.empty(n_rays, device=device)
    scale = GRADIENT_SCALE * n_rays
    weights = (loss.huber_delta, loss.opacity_loss, loss.distortion_loss, loss.depth_loss)
    numbers = (*weights, loss.near_scale, min_transmittance, scale)
    known = origins.new_zeros(n_rays) if known_distances is None else _plain(known_distances)
    compositing.composite_kernel[blocks(n_rays, RAYS)](
        outputs, starts, ends, first, capacity, _plain(targets), _plain(backgrounds), known,
        arguments.Loss(*map(float, numbers)), transmittances,
        grad_outputs, grad_backgrounds, colors, opacities, losses, n_rays, **WALK,
    )  # fmt: skip

    layers = (*gradients.density_layers, *gradients.color_layers)
    n_weights = sum(layer.numel() for layer in layers)
    grad_weights, grad_encoded = torch.empty(programs, n_weights, device=device), torch.empty_like(encoded)
    training.backward_kernel[(programs,)](
        rays, first, n_rays, own, grid, harmonics, encoded, grad_outputs, grad_encoded, grad_weights, n_weights,
        **NETWORK,
    )  # fmt: skip
    summed = (grad_weights.sum(0) / scale).split([layer.numel() for layer in layers])
    for layer, gradient in zip(layers, summed, strict=True):
        layer.copy_(gradient.view_as(layer))
    if capacity:
        training.scatter_features_kernel[blocks(capacity, SAMPLES)](
            *packed, grad_encoded, gradients.table, scale, **GATHER
        )
    return losses.sum(), grad_backgrounds, colors, opacities


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().float().contiguous()


def _field(field: FieldTensors) -> tuple[arguments.Field, arguments.HashGrid]:
    return arguments.field(field, OPERANDS), arguments.hash_grid(field.layout, field.table.device)
