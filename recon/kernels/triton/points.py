"""Launches of the kernels that take points or cells one by one: encoding, harmonics, densities, occupied cells, Adam."""

import torch
from torch import Tensor
from triton import cdiv, next_power_of_2

from recon.kernels import reference
from recon.kernels.layout import HashLayout
from recon.kernels.learning import AdamStep, FieldTensors
from recon.kernels.triton import arguments, hash_grid, networks, optimizer, rendering
from recon.kernels.triton.arguments import plain
from recon.kernels.triton.launch import CELLS, GATHER, NETWORK, ROWS, SAMPLES, blocks


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    return _HashEncode.apply(positions, table, layout)


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, table, layout):  # type: ignore[no-untyped-def]
        positions, table = plain(positions), plain(table)
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
            hash_grid.scatter_kernel[blocks(n, SAMPLES)](positions, plain(grad), grad_table, grid, n, **GATHER)
        return None, grad_table, None


def spherical_harmonics(directions: Tensor) -> Tensor:
    if directions.requires_grad:
        return reference.spherical_harmonics(directions)
    n = len(directions)
    out = directions.new_empty(n, 16, dtype=torch.float32)
    if n:
        networks.harmonics_kernel[blocks(n, SAMPLES)](plain(directions), out, n, BLOCK=SAMPLES)
    return out


def occupied_cells(densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor:
    densities, is_possible = plain(densities), is_possible.contiguous().view(torch.uint8)
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


def adam_step(parameters: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, numbers: AdamStep) -> None:
    n_rows, columns = parameters.shape
    if n_rows * columns == 0:
        return
    padded = next_power_of_2(columns)
    block = max(ROWS * 4 // padded, 1)
    optimizer.adam_kernel[blocks(n_rows, block)](
        parameters, gradients, mean, square, n_rows, arguments.adam(numbers, mean),
        columns=columns, BLOCK=block, COLUMNS=padded,
    )  # fmt: skip


def field_density(positions: Tensor, field: FieldTensors) -> tuple[Tensor, Tensor]:
    positions = plain(positions)
    n = len(positions)
    densities, geometry = positions.new_empty(n), positions.new_empty(n, reference.N_GEOMETRY)
    if n:
        own = arguments.of_field(field)
        rendering.density_kernel[blocks(n, SAMPLES)](positions, densities, geometry, *own, n, **NETWORK)
    return densities, geometry
