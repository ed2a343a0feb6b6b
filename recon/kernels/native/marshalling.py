"""Tensors and nouns as the compiled library takes them: addresses, numbers and structs of both."""

import ctypes
import weakref
from collections.abc import Sequence

import torch
from torch import Tensor

from recon.kernels.layout import HashLayout
from recon.kernels.learning import FieldTensors
from recon.kernels.native import library as lib
from recon.kernels.rays import Sampling, Segments


def plain(tensor: Tensor) -> Tensor:
    """As kernels take it: float32, contiguous, without a gradient. Keep it until the call returns."""
    return tensor.detach().float().contiguous()


def at(tensor: Tensor) -> int:
    """The address of a tensor's first number."""
    return tensor.data_ptr()


def pointers(tensors: Sequence[Tensor]) -> ctypes.Array:
    """The addresses of tensors as C takes them."""
    return (ctypes.c_void_p * len(tensors))(*(at(tensor) for tensor in tensors))


def grid_struct(layout: HashLayout) -> tuple[lib.HashGrid, tuple[Tensor, Tensor]]:
    """The struct, and the tensors that it points into (keep them until the call returns)."""
    resolutions = torch.tensor(layout.resolutions, dtype=torch.int32)
    offsets = torch.tensor(layout.offsets, dtype=torch.int64)
    sizes = (layout.n_levels, layout.n_features, layout.n_dense_levels, layout.log2_table_size)
    return lib.HashGrid(*sizes, at(resolutions), at(offsets)), (resolutions, offsets)


def field_struct(field: FieldTensors) -> tuple[lib.Field, tuple]:
    """The struct, and what it points into (keep it until the call returns)."""
    grid, keep = grid_struct(field.layout)
    is_halved = field.table.dtype == torch.float16
    native = lib.Field(
        grid,
        None if is_halved else at(field.table),
        at(field.table) if is_halved else None,
        pointers(field.density_layers),
        pointers(field.color_layers),
        len(field.density_layers[0]),
        int(field.is_contracted),
    )
    return native, (keep, field)


def march_fields(segments: Segments, sampling: Sampling) -> tuple[tuple, tuple]:
    """What the structs of marching have in common, in their order, and what it points into (keep it until the call returns)."""
    tensors = [plain(tensor) for tensor in segments.tensors]
    clear = clearance(sampling.occupied)
    layout, lattice = sampling.layout, sampling.lattice
    grid = (layout.n_cascades, layout.resolution, lattice.step, lattice.growth)
    return (len(segments), *map(at, tensors), at(clear), *grid), (tensors, clear)


_latest: tuple[weakref.ref[Tensor], int, Tensor] | None = None


def clearance(occupied: Tensor) -> Tensor:
    """What rays jump by (recon_clearance). The last one is kept: a training looks through one occupancy for many steps."""
    global _latest
    if _latest is not None and _latest[0]() is occupied and _latest[1] == occupied._version:
        return _latest[2]
    cells = occupied.contiguous()
    found = torch.empty(cells.shape, dtype=torch.uint8)
    lib.compiled().recon_clearance(at(cells), cells.shape[0], cells.shape[1], at(found))
    _latest = weakref.ref(occupied), occupied._version, found
    return found
