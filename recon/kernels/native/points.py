"""Kernels that take points, cells or rows one by one: encoding, densities, occupied cells, Adam, and the ceilings of both."""

import ctypes

import torch
from torch import Tensor

from recon.kernels import reference
from recon.kernels.layout import HashLayout
from recon.kernels.learning import AdamStep, FieldTensors
from recon.kernels.native import library as lib
from recon.kernels.native.marshalling import at, field_struct, grid_struct, plain, pointers


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    return _HashEncode.apply(positions, table, layout)


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, table, layout):  # type: ignore[no-untyped-def]
        positions = plain(positions)
        ctx.save_for_backward(positions)
        ctx.layout, ctx.shape = layout, table.shape
        out = torch.empty(layout.n_levels * layout.n_features, len(positions))
        encode_into(out, positions, plain(table), layout)
        return out.T

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (positions,) = ctx.saved_tensors
        grad_table = torch.zeros(ctx.shape)
        grid, _keep = grid_struct(ctx.layout)
        rows = plain(grad.T)
        lib.compiled().recon_encode_gradient(
            ctypes.byref(grid), len(positions), at(positions), at(rows), at(grad_table)
        )
        return None, grad_table, None


def encode_into(out: Tensor, positions: Tensor, table: Tensor, layout: HashLayout) -> None:
    """`hash_encode` without gradients into rows of features: out [n_levels * n_features, n]."""
    grid, _keep = grid_struct(layout)
    lib.compiled().recon_encode(ctypes.byref(grid), at(table), len(positions), at(positions), at(out))


def field_density(positions: Tensor, field: FieldTensors) -> tuple[Tensor, Tensor]:
    positions = plain(positions)
    densities, geometry = torch.empty(len(positions)), torch.empty(len(positions), reference.N_GEOMETRY)
    native, _keep = field_struct(field)
    lib.compiled().recon_density(ctypes.byref(native), len(positions), at(positions), at(densities), at(geometry))
    return densities, geometry


def occupied_cells(densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor:
    densities, is_possible = plain(densities), is_possible.contiguous()
    occupied = torch.empty_like(is_possible)
    n_cells = densities[0].numel()
    places = map(at, (densities, is_possible, occupied))
    lib.compiled().recon_occupied_cells(len(densities), n_cells, *places, side, threshold)
    return occupied


def adam_step(parameters: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, numbers: AdamStep) -> None:
    places = map(at, (parameters, gradients, mean, square))
    rates = (numbers.learning_rate, *numbers.betas, numbers.epsilon, *numbers.corrections, 1 - numbers.decay)
    lib.compiled().recon_adam(*parameters.shape, *places, *rates)


def gather_rows(table: Tensor, rows: Tensor) -> float:
    """Read the rows (int32 [n]) of a table [.., 4] and sum them all: a ceiling for `hash_encode`."""
    return lib.compiled().recon_gather(at(table), at(rows), len(rows))


def scatter_rows(tables: list[Tensor], rows: Tensor) -> None:
    """Add one to rows (int32 [n]) of tables [.., 4], one table per thread: a ceiling for the gradient of `hash_encode`."""
    lib.compiled().recon_scatter(pointers(tables), at(rows), len(rows))
