"""The native back end: C++17 on the CPU, built when recon is installed, called through ctypes.

The same operations as `recon.kernels.reference`, plus the fused ones that make training and rendering fast. Tensors must be
contiguous float32 on the CPU; the public functions of `recon.kernels` see to it.

library     the compiled library as ctypes sees it (api.h)     variant   which of several this processor runs (cpu.cpp)
field.h     the field: hash_grid, network, march, clearance    train, render   .cpp, the fused kernels
patchmatch  for `recon.kernels.stereo`                         plane_labels    for `recon.kernels.planes`
tsdf        for `recon.kernels.tsdf`                           ceilings        for `recon.bench`
parallel    a fixed pool of threads                            vector.h        one register of floats
"""

import ctypes
import math
import weakref
from collections.abc import Sequence

import torch
from torch import Tensor

from recon.kernels import reference
from recon.kernels.layout import FieldTensors, HashLayout, LossSettings, OccupancyLayout, StepLattice
from recon.kernels.native import library as lib

CPU = torch.device("cpu")
COUNTS_AHEAD = False  # march_visible knows how many samples there are when it returns
TAKES_ENCODING = True  # field_gradients wants the encoding of the samples, which march_visible hands on
OPAQUE_DEPTH = 5.0  # optical depth at which a rendered ray ends: 0.7 % of the light is left
MIN_TRANSMITTANCE = 1e-2  # samples behind that much absorption neither add colour nor get a gradient


def why_missing(device: torch.device = CPU) -> str | None:
    """None where the kernels run on `device`, else the reason."""
    return f"they run on the CPU, not on {device.type}" if device.type != "cpu" else lib.load()[1] or None


def runs_on(device: torch.device) -> bool:
    """Whether tensors on `device` are for these kernels."""
    return device.type == "cpu"


def _library() -> ctypes.CDLL:
    library = lib.load()[0]
    assert library is not None, "the native back end is not there: check why_missing() first"
    return library


def set_n_threads(n: int) -> None:
    """How many threads the kernels use."""
    _library().recon_set_n_threads(n)


# ---- operations -----------------------------------------------------------------------------------------------------


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    if positions.requires_grad:
        return reference.hash_encode(positions, table, layout)  # the gradient of positions has no kernel of its own
    return _HashEncode.apply(positions, table, layout)


class _HashEncode(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, table, layout):  # type: ignore[no-untyped-def]
        positions = _plain(positions)
        ctx.save_for_backward(positions)
        ctx.layout, ctx.shape = layout, table.shape
        out = torch.empty(layout.n_levels * layout.n_features, len(positions))
        encode_into(out, positions, _plain(table), layout)
        return out.T

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        (positions,) = ctx.saved_tensors
        grad_table = torch.zeros(ctx.shape)
        grid, _keep = _grid(ctx.layout)
        rows = _plain(grad.T)
        _library().recon_encode_gradient(ctypes.byref(grid), len(positions), _at(positions), _at(rows), _at(grad_table))
        return None, grad_table, None


def encode_into(out: Tensor, positions: Tensor, table: Tensor, layout: HashLayout) -> None:
    """`hash_encode` without gradients into rows of features: out [n_levels * n_features, n]."""
    grid, _keep = _grid(layout)
    _library().recon_encode(ctypes.byref(grid), _at(table), len(positions), _at(positions), _at(out))


spherical_harmonics = reference.spherical_harmonics
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
    tensors = [_plain(x) for x in (origins, directions, t_near, t_far, offsets)]
    clearance = _clearance(_cells(occupied, layout))
    arguments = lib.MarchArguments(
        len(origins),
        *map(_at, tensors),
        _at(clearance),
        layout.n_cascades,
        layout.resolution,
        lattice.step,
        lattice.growth,
    )
    capacity = 64 * len(origins)
    while True:
        rays, starts, ends = torch.empty(capacity, dtype=torch.int64), torch.empty(capacity), torch.empty(capacity)
        n = _library().recon_march(ctypes.byref(arguments), _at(rays), _at(starts), _at(ends), capacity)
        if n <= capacity:
            return rays[:n], starts[:n], ends[:n]
        capacity = n


def occupied_cells(densities: Tensor, is_possible: Tensor, side: float, threshold: float) -> Tensor:
    densities, is_possible = _plain(densities), is_possible.contiguous()
    occupied = torch.empty_like(is_possible)
    n_cells = densities[0].numel()
    pointers = map(_at, (densities, is_possible, occupied))
    _library().recon_occupied_cells(len(densities), n_cells, *pointers, side, threshold)
    return occupied


def _cells(occupied: Tensor, layout: OccupancyLayout) -> Tensor:
    """The cells of a grid, checked before their address is taken: the kernel believes the layout."""
    if tuple(occupied.shape) != layout.shape or occupied.dtype != torch.bool:
        raise ValueError(f"occupied: expected bool {list(layout.shape)}, found {occupied.dtype} {list(occupied.shape)}")
    return occupied.contiguous()


def field_density(positions: Tensor, field: FieldTensors) -> tuple[Tensor, Tensor]:
    positions = _plain(positions)
    densities, geometry = torch.empty(len(positions)), torch.empty(len(positions), reference.N_GEOMETRY)
    native, _keep = _field(field)
    _library().recon_density(ctypes.byref(native), len(positions), _at(positions), _at(densities), _at(geometry))
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
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`march`, ended on each ray where the field's own densities have let less than MIN_TRANSMITTANCE through.

    The fourth result is the encoding [n_samples, n_encoded] of the samples' midpoints, for `field_gradients`.
    """
    tensors = [_plain(x) for x in (origins, directions, t_near, t_far, offsets)]
    clearance = _clearance(_cells(occupied, layout))
    native, _keep = _field(field)
    grid = (layout.n_cascades, layout.resolution, lattice.step, lattice.growth)
    opaque = -math.log(MIN_TRANSMITTANCE)
    pointers = (*map(_at, tensors), _at(clearance))
    arguments = lib.RenderArguments(native, len(origins), *pointers, *grid, 1.0, opaque, None, None, None)
    capacity, n_encoded = 64 * len(origins), field.layout.n_levels * field.layout.n_features
    while True:
        rays, starts, ends = torch.empty(capacity, dtype=torch.int64), torch.empty(capacity), torch.empty(capacity)
        features = torch.empty(capacity, n_encoded)
        results = (rays, starts, ends, features)
        n = _library().recon_march_visible(ctypes.byref(arguments), *map(_at, results), capacity)
        if n <= capacity:
            return rays[:n], starts[:n], ends[:n], features[:n]
        capacity = n


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
    tensors = [_plain(x) for x in (origins, directions, t_near, t_far)]
    clearance = _clearance(_cells(occupied, layout))
    n = len(origins)
    colors, opacities, distances = torch.empty(n, 3), torch.empty(n), torch.empty(n)
    native, _keep = _field(field)
    grid = (layout.n_cascades, layout.resolution, lattice.step, lattice.growth)
    pointers, results = (*map(_at, tensors), None, _at(clearance)), map(_at, (colors, opacities, distances))
    arguments = lib.RenderArguments(native, n, *pointers, *grid, min_weight, OPAQUE_DEPTH, *results)
    _library().recon_render(ctypes.byref(arguments))
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
    features: Tensor,  # [n_samples, n_encoded], the fourth result of march_visible
    known_distances: Tensor | None = None,
    min_transmittance: float = MIN_TRANSMITTANCE,
    phases: Tensor | None = None,  # [2] float64; out: seconds of the networks with compositing, and of the scatter
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Adds the gradients of the loss to `gradients`; returns the loss [], the gradient of the backgrounds, colours, opacities."""
    rays, starts, ends = samples
    n_rays, n_samples = len(origins), len(rays)
    tensors = [_plain(x) for x in (origins, directions)]
    wanted = [_plain(x) for x in (targets, backgrounds)]
    intervals = [rays.contiguous(), _plain(starts), _plain(ends)]
    colors, opacities, grad_backgrounds = torch.empty(n_rays, 3), torch.empty(n_rays), torch.empty(n_rays, 3)
    features = _plain(features)
    known = None if known_distances is None else _plain(known_distances)
    grad_features = torch.empty_like(features)
    native, _keep = _field(field)
    arguments = lib.TrainArguments(
        native,
        n_rays,
        n_samples,
        *map(_at, (*tensors, *intervals, *wanted, features)),
        None if known is None else _at(known),
        loss.near_scale,
        loss.huber_delta,
        loss.opacity_loss,
        loss.distortion_loss,
        loss.depth_loss,
        min_transmittance,
        _at(grad_features),
        _at(gradients.table),
        _pointers(gradients.density_layers),
        _pointers(gradients.color_layers),
        _at(grad_backgrounds),
        _at(colors),
        _at(opacities),
        None if phases is None else _at(phases),
    )
    value = _library().recon_train(ctypes.byref(arguments))
    return torch.tensor(value), grad_backgrounds, colors, opacities


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
    decay: float,
) -> None:
    corrections = [1 - beta**step for beta in betas]
    n_rows, row = parameters.shape
    _library().recon_adam(
        n_rows,
        row,
        _at(parameters),
        _at(gradients),
        _at(mean),
        _at(square),
        learning_rate,
        *betas,
        epsilon,
        *corrections,
        1 - decay,
    )


def gather_rows(table: Tensor, rows: Tensor) -> float:
    """Read the rows (int32 [n]) of a table [.., 4] and sum them all: a ceiling for `hash_encode`."""
    return _library().recon_gather(_at(table), _at(rows), len(rows))


def scatter_rows(tables: list[Tensor], rows: Tensor) -> None:
    """Add one to rows (int32 [n]) of tables [.., 4], one table a thread: a ceiling for the gradient of `hash_encode`."""
    _library().recon_scatter(_pointers(tables), _at(rows), len(rows))


_latest: tuple[weakref.ref[Tensor], int, Tensor] | None = None


def _clearance(occupied: Tensor) -> Tensor:
    """What rays jump by (recon_clearance). The last one is kept: a training looks through one occupancy for many steps."""
    global _latest
    if _latest is not None and _latest[0]() is occupied and _latest[1] == occupied._version:
        return _latest[2]
    plain = occupied.contiguous()
    clearance = torch.empty(plain.shape, dtype=torch.uint8)
    _library().recon_clearance(_at(plain), plain.shape[0], plain.shape[1], _at(clearance))
    _latest = weakref.ref(occupied), occupied._version, clearance
    return clearance


# ---- marshalling ------------------------------------------------------------------------------------------------------


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().float().contiguous()


def _at(tensor: Tensor) -> int:
    return tensor.data_ptr()


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*(_at(tensor) for tensor in tensors))


def _grid(layout: HashLayout) -> tuple[lib.HashGrid, tuple[Tensor, Tensor]]:
    """The struct, and the tensors that it points into (keep them until the call returns)."""
    resolutions = torch.tensor(layout.resolutions, dtype=torch.int32)
    offsets = torch.tensor(layout.offsets, dtype=torch.int64)
    sizes = (layout.n_levels, layout.n_features, layout.n_dense_levels, layout.log2_table_size)
    return lib.HashGrid(*sizes, _at(resolutions), _at(offsets)), (resolutions, offsets)


def _field(field: FieldTensors) -> tuple[lib.Field, tuple]:
    grid, keep = _grid(field.layout)
    native = lib.Field(
        grid,
        _at(field.table),
        _pointers(field.density_layers),
        _pointers(field.color_layers),
        len(field.density_layers[0]),
        int(field.is_contracted),
    )
    return native, (keep, field)
