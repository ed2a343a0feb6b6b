"""The hot loops, one public function per operation.

Here are those of the field, defined by `reference`; `layout` is how its grids lie in memory. Beside them, on the CPU: `stereo`
(PatchMatch, defined by `stereo_reference`) and `planes` (which plane a pixel lies on), native only, and `tsdf` (fusion).

Letters, fixed once: samples are packed, sorted by ray. `ray_indices` [n_samples] int64 names each sample's ray, `t_starts` and
`t_ends` [n_samples] are its interval along the ray, `weights` [n_samples] the share of the ray's colour it gives.

A back end is chosen by name with `use`: "reference" (plain torch, any device; it *is* the definition), "native" (C++ on the CPU,
built when recon is installed), "triton" (compiled at run time for the GPU) or "auto" (the fastest that is there). Every function
checks shape, dtype and device and then dispatches. `fused` gives the back end's kernels that join several operations, where it
has them.
"""

import importlib
from types import ModuleType

import torch
from torch import Tensor

from recon.console import warn
from recon.errors import UserError
from recon.kernels import reference
from recon.kernels.layout import FieldTensors, HashLayout, LossSettings, OccupancyLayout, StepLattice
from recon.kernels.reference import N_GEOMETRY

BACKENDS = ("reference", "native", "triton")
_active: ModuleType = reference


def use(backend: str, device: torch.device | str = "cpu", *, threads: int | None = None) -> str:
    """Choose the back end for the process; returns the name of the one in force.

    `auto` takes native on the CPU and triton elsewhere; where that cannot run it falls back to the reference, and says what that
    costs. Asking for a back end by name that cannot run raises `UserError` with the cause. `threads`: of the native kernels;
    None: as torch has.
    """
    global _active
    device = torch.device(device)
    if backend not in ("auto", *BACKENDS):
        raise UserError(f"backend={backend}: expected auto, {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}.")
    wanted = ("native" if device.type == "cpu" else "triton") if backend == "auto" else backend
    reason = _why_not(wanted, device)
    if reason and backend != "auto":
        raise UserError(f"backend={backend}: {reason}. {_REMEDIES[backend]}.")
    if reason:
        warn(f"{wanted} kernels are off: {reason}. Training and rendering are {_COSTS[wanted]}. {_REMEDIES[wanted]}.")
        wanted = "reference"
    _active = _load(wanted)
    if wanted == "native":
        _active.set_n_threads(threads or torch.get_num_threads())
    return wanted


_REMEDIES = {
    "native": "Install a C++ compiler (apt install g++) and run `pip install -e .` again",
    "triton": "It needs an NVIDIA or AMD GPU, a PyTorch built for it, `pip install triton` and a C compiler (apt install gcc)",
}
_COSTS = {"native": "10 to 30 times slower on the CPU", "triton": "about a hundred times slower than the GPU could be"}


def _load(backend: str) -> ModuleType:
    """The module of a back end; `ImportError` where a package is missing that it needs."""
    return reference if backend == "reference" else importlib.import_module(f"recon.kernels.{backend}")


def _why_not(backend: str, device: torch.device) -> str | None:
    """None where a back end runs on `device`, else the reason."""
    if backend == "reference":
        return None
    try:
        return _load(backend).why_missing(device)
    except ImportError as error:
        return f"{error}"


def is_there(backend: str, device: torch.device | str = "cpu") -> bool:
    """Whether a back end runs on `device`."""
    return _why_not(backend, torch.device(device)) is None


def fused(device: torch.device) -> ModuleType | None:
    """The back end in force if it has fused kernels for tensors on `device`, else None."""
    return _active if _active is not reference and _active.runs_on(device) else None


def _backend(*tensors: Tensor) -> ModuleType:
    """The back end for these tensors: the one in force only for float32 on its own device."""
    if _active is reference:
        return reference
    suits = all(_active.runs_on(t.device) and (not t.is_floating_point() or t.dtype == torch.float32) for t in tensors)
    return _active if suits else reference


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    """Features [n, n_levels * n_features] of positions [n, 3] in the unit cube, trilinear in each level.

    Mueller et al. 2022, "Instant Neural Graphics Primitives", section 3. Differentiable in the table [n_rows, n_features] and
    in the positions. Positions outside [0, 1] extrapolate from the border cell.

    >>> layout = HashLayout(n_levels=2, n_features=3, log2_table_size=10, base_resolution=4, finest_resolution=8)
    >>> hash_encode(torch.rand(5, 3), torch.rand(layout.offsets[-1], 3), layout).shape
    torch.Size([5, 6])
    """
    _check("positions", positions, (None, 3))
    _check("table", table, (layout.offsets[-1], layout.n_features))
    return _backend(positions, table).hash_encode(positions, table, layout)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """The 16 real spherical harmonics of degree < 4 at unit directions [n, 3] -> [n, 16], orthonormal on the sphere."""
    _check("directions", directions, (None, 3))
    return _backend(directions).spherical_harmonics(directions)


def march(
    origins: Tensor,
    directions: Tensor,
    *,
    t_near: Tensor,
    t_far: Tensor,
    offsets: Tensor,
    occupied: Tensor,
    layout: OccupancyLayout,
    lattice: StepLattice,
) -> tuple[Tensor, Tensor, Tensor]:
    """The samples of rays [n, 3] that lie in occupied cells: `(ray_indices, t_starts, t_ends)`.

    Ray r is cut at the lattice distances with indices i + offsets[r], i = 0, 1, ... (offsets [n] in [0, 1): jitter, 0.5 when
    rendering). An interval is a sample when its midpoint lies in [t_near, t_far) ([n] each) and in a cell with `occupied`
    [cascades, r, r, r] set.
    """
    _check("origins", origins, (None, 3))
    n = len(origins)
    for name, value in {"t_near": t_near, "t_far": t_far, "offsets": offsets}.items():
        _check(name, value, (n,))
    _check("directions", directions, (n, 3))
    _check("occupied", occupied, layout.shape, torch.bool)
    return _backend(origins, directions).march(origins, directions, t_near, t_far, offsets, occupied, layout, lattice)


def occupied_cells(densities: Tensor, is_possible: Tensor, *, side: float, threshold: float) -> Tensor:
    """Which cells [cascades, r, r, r] (bool) of an occupancy grid rays must look at.

    A possible cell counts when its density times its side (`side` in the first cascade, doubling with each) exceeds
    `threshold`, or half the mean over visited possible cells if that is smaller, or when it was not visited yet (density < 0).
    """
    _check("densities", densities, (None, None, None, None))
    _check("is_possible", is_possible, tuple(densities.shape), torch.bool)
    return _backend(densities).occupied_cells(densities, is_possible, side, threshold)


def render_weights(densities: Tensor, t_starts: Tensor, t_ends: Tensor, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Weights [n_samples] of emission-absorption volume rendering (Max 1995; NeRF eq. 3).

    w_i = T_i (1 - exp(-density_i dt_i)) with T_i = exp(-sum_{j < i} density_j dt_j) over the samples of the same ray.

    >>> render_weights(torch.tensor([1e9, 1.0]), torch.zeros(2), torch.ones(2), torch.tensor([0, 0]), 1)
    tensor([1., 0.])
    """
    n = len(densities)
    for name, value in {"densities": densities, "t_starts": t_starts, "t_ends": t_ends}.items():
        _check(name, value, (n,))
    _check("ray_indices", ray_indices, (n,), torch.int64)
    return _backend(densities).render_weights(densities, t_starts, t_ends, ray_indices, n_rays)


def median_distance(densities: Tensor, t_starts: Tensor, t_ends: Tensor, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Distance [n_rays] at which half of each ray's light is left, the continuous transmittance is 0.5; 0 where it stays above.

    With density constant in each interval, T(t) = exp(-int_0^t density) falls to 0.5 in the interval i where the optical depth tau
    passes ln 2, at t = t_start_i + (ln 2 - tau_i) / density_i: exact, and differentiable by the implicit function theorem,
    dt / d density_j = -length_j / density_i over the length_j of interval j that lies before t. It depends on nothing behind
    the surface, and on neither the samples' spacing nor the final opacity.

    >>> median_distance(torch.tensor([0.0, 2.0]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]), torch.tensor([0, 0]), 1)
    tensor([1.3466])
    """
    n = len(densities)
    for name, value in {"densities": densities, "t_starts": t_starts, "t_ends": t_ends}.items():
        _check(name, value, (n,))
    _check("ray_indices", ray_indices, (n,), torch.int64)
    return _backend(densities).median_distance(densities, t_starts, t_ends, ray_indices, n_rays)


def accumulate(weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Sum over each ray's samples of weights [n] times values [n, c] -> [n_rays, c]; values None: of the weights alone."""
    _check("weights", weights, (None,))
    _check("ray_indices", ray_indices, (len(weights),), torch.int64)
    return _backend(weights).accumulate(weights, values, ray_indices, n_rays)


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
    """One Adam step (Kingma and Ba 2015, algorithm 1) in place on [rows, columns] tensors; `step` counts from 1.

    Values lose the share `decay` first (Loshchilov and Hutter 2019, algorithm 2, line 12: learning rate times weight decay).
    Rows whose gradient is zero throughout keep their value and moments. Gradients are zero afterwards.
    """
    _check("parameters", parameters, (None, None))
    for name, value in {"gradients": gradients, "mean": mean, "square": square}.items():
        _check(name, value, tuple(parameters.shape))
    tensors = (parameters, gradients, mean, square)
    backend = _backend(*tensors) if all(t.is_contiguous() for t in tensors) else reference
    backend.adam_step(*tensors, learning_rate=learning_rate, betas=betas, epsilon=epsilon, step=step, decay=decay)


def _check(name: str, value: Tensor, shape: tuple[int | None, ...], dtype: torch.dtype | None = None) -> None:
    matches = value.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, value.shape, strict=True)
    )
    if not matches:
        raise ValueError(f"{name}: expected shape {list(shape)}, found {list(value.shape)}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name}: expected {dtype}, found {value.dtype}")
    if dtype is None and not value.is_floating_point():
        raise TypeError(f"{name}: expected floating point, found {value.dtype}")


__all__ = [
    "BACKENDS",
    "N_GEOMETRY",
    "FieldTensors",
    "HashLayout",
    "LossSettings",
    "OccupancyLayout",
    "StepLattice",
    "accumulate",
    "adam_step",
    "fused",
    "hash_encode",
    "is_there",
    "march",
    "median_distance",
    "occupied_cells",
    "render_weights",
    "spherical_harmonics",
    "use",
]
