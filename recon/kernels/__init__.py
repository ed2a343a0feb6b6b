"""The hot loops, one public function per operation.

Letters, fixed once: samples are packed, sorted by ray. `ray_indices` [n_samples] int64 names each sample's ray, `t_starts` and
`t_ends` [n_samples] are its interval along the ray, `weights` [n_samples] the share of the ray's colour it gives.

A back end is chosen by name with `use`: "reference" (plain torch, any device; it *is* the definition) or "auto". Every function
checks shape, dtype and device and then dispatches.
"""

from types import ModuleType

import torch
from torch import Tensor

from recon.errors import UserError
from recon.kernels import reference
from recon.kernels.layout import HashLayout, OccupancyLayout, StepLattice

_BACKENDS: dict[str, ModuleType] = {"reference": reference}
_active: ModuleType = reference


def use(backend: str) -> str:
    """Choose the back end for the process; returns the name of the one in force. Raises `UserError` if it is not there."""
    global _active
    name = "reference" if backend == "auto" else backend
    if name not in _BACKENDS:
        raise UserError(f"backend={backend}: expected auto or one of {', '.join(_BACKENDS)}.")
    _active = _BACKENDS[name]
    return name


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
    return _active.hash_encode(positions, table, layout)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """The 16 real spherical harmonics of degree < 4 at unit directions [n, 3] -> [n, 16], orthonormal on the sphere."""
    _check("directions", directions, (None, 3))
    return _active.spherical_harmonics(directions)


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
    return _active.march(origins, directions, t_near, t_far, offsets, occupied, layout, lattice)


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
    return _active.render_weights(densities, t_starts, t_ends, ray_indices, n_rays)


def accumulate(weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Sum over each ray's samples of weights [n] times values [n, c] -> [n_rays, c]; values None: of the weights alone."""
    _check("weights", weights, (None,))
    _check("ray_indices", ray_indices, (len(weights),), torch.int64)
    return _active.accumulate(weights, values, ray_indices, n_rays)


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
    "HashLayout",
    "OccupancyLayout",
    "StepLattice",
    "accumulate",
    "hash_encode",
    "march",
    "render_weights",
    "spherical_harmonics",
    "use",
]
