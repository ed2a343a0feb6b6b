"""The hot loops, one public function per operation.

Here are those of the field, defined by `reference`. Beside them, on the CPU: `stereo` (PatchMatch, defined by
`stereo_reference`), `plane_fits` and `planes` (fitted to depths; which plane a pixel lies on), native only, `descriptors`
(features that look alike), `patches` (found in other pictures), `tsdf` (fusion), and of textures `painting` (photos onto a
surface) and `texels` (a texture corrected by photos), both defined in torch in their own files; of geometry `surfaces` (what of a
mesh lies nearest) and `hulls` (convex hulls of small sets), defined by Open3D and SciPy.

layout    rows of the hash table, cells, distances     rays        rays, where samples may lie, samples
learning  what a training step takes                   interface   what a back end is
reference the definition                               backends    the table of back ends, and which is in force
shapes    what is checked

A back end is chosen by name with `use`: "reference" (plain torch, any device; it *is* the definition), "native" (C++ on the CPU,
built when recon is installed), "triton" (compiled at run time for the GPU) or "auto" (the fastest that is there). Every function
checks shape, dtype and device and then dispatches. `fused` gives the back end's kernels that join several operations, where it
has them.
"""

import torch
from torch import Tensor

from recon.kernels import reference
from recon.kernels.backends import BACKENDS, backend_for, fused, is_there, use
from recon.kernels.interface import Backend, FusedBackend
from recon.kernels.layout import HashLayout, OccupancyLayout, StepLattice
from recon.kernels.learning import AdamStep, FieldTensors, LossSettings, RayTargets, unit_cube
from recon.kernels.rays import Samples, Sampling, Segments
from recon.kernels.reference import N_GEOMETRY
from recon.kernels.shapes import check


def hash_encode(positions: Tensor, table: Tensor, layout: HashLayout) -> Tensor:
    """Features [n, n_levels * n_features] of positions [n, 3] in the unit cube, trilinear in each level.

    Mueller et al. 2022, "Instant Neural Graphics Primitives", section 3. Differentiable in the table [n_rows, n_features] and
    in the positions. Positions outside [0, 1] extrapolate from the border cell.

    >>> layout = HashLayout(n_levels=2, n_features=3, log2_table_size=10, base_resolution=4, finest_resolution=8)
    >>> hash_encode(torch.rand(5, 3), torch.rand(layout.offsets[-1], 3), layout).shape
    torch.Size([5, 6])
    """
    check("positions", positions, (None, 3))
    check("table", table, (layout.offsets[-1], layout.n_features))
    # the gradient of positions has no kernel of its own
    backend = reference if positions.requires_grad else backend_for(positions, table)
    return backend.hash_encode(positions, table, layout)


def spherical_harmonics(directions: Tensor) -> Tensor:
    """The 16 real spherical harmonics of degree < 4 at unit directions [n, 3] -> [n, 16], orthonormal on the sphere."""
    check("directions", directions, (None, 3))
    return backend_for(directions).spherical_harmonics(directions)


def march(segments: Segments, sampling: Sampling) -> Samples:
    """The samples of rays that lie in occupied cells.

    Ray r is cut at the lattice distances with indices i + offsets[r], i = 0, 1, ... An interval is a sample when its midpoint
    lies in [t_near, t_far) and in an occupied cell.
    """
    return backend_for(*segments.tensors).march(segments, sampling)


def occupied_cells(densities: Tensor, is_possible: Tensor, *, side: float, threshold: float) -> Tensor:
    """Which cells [cascades, r, r, r] (bool) of an occupancy grid rays must look at.

    A possible cell counts when its density times its side (`side` in the first cascade, doubling with each) exceeds
    `threshold`, or half the mean over visited possible cells if that is smaller, or when it was not visited yet (density < 0).
    """
    check("densities", densities, (None, None, None, None))
    check("is_possible", is_possible, tuple(densities.shape), torch.bool)
    return backend_for(densities).occupied_cells(densities, is_possible, side, threshold)


def render_weights(densities: Tensor, samples: Samples, n_rays: int) -> Tensor:
    """Weights [n_samples] of emission-absorption volume rendering (Max 1995; NeRF eq. 3).

    w_i = T_i (1 - exp(-density_i dt_i)) with T_i = exp(-sum_{j < i} density_j dt_j) over the samples of the same ray.

    >>> render_weights(torch.tensor([1e9, 1.0]), Samples(torch.tensor([0, 0]), torch.zeros(2), torch.ones(2)), 1)
    tensor([1., 0.])
    """
    check("densities", densities, (len(samples),))
    return backend_for(densities).render_weights(densities, samples, n_rays)


def median_distance(densities: Tensor, samples: Samples, n_rays: int) -> Tensor:
    """Distance [n_rays] at which half of each ray's light is left, the continuous transmittance is 0.5; 0 where it stays above.

    With density constant in each interval, T(t) = exp(-int_0^t density) falls to 0.5 in the interval i where the optical depth tau
    passes ln 2, at t = t_start_i + (ln 2 - tau_i) / density_i: exact, and differentiable by the implicit function theorem,
    dt / d density_j = -length_j / density_i over the length_j of interval j that lies before t. It depends on nothing behind
    the surface, and on neither the samples' spacing nor the final opacity.

    >>> samples = Samples(torch.tensor([0, 0]), torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    >>> median_distance(torch.tensor([0.0, 2.0]), samples, 1)
    tensor([1.3466])
    """
    check("densities", densities, (len(samples),))
    return backend_for(densities).median_distance(densities, samples, n_rays)


def accumulate(weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int) -> Tensor:
    """Sum over each ray's samples of weights [n] times values [n, c] -> [n_rays, c]; values None: of the weights alone."""
    check("weights", weights, (None,))
    check("ray_indices", ray_indices, (len(weights),), torch.int64)
    return backend_for(weights).accumulate(weights, values, ray_indices, n_rays)


def adam_step(parameters: Tensor, gradients: Tensor, mean: Tensor, square: Tensor, numbers: AdamStep) -> None:
    """One Adam step in place on [rows, columns] tensors: values, their gradients and both moments.

    Rows whose gradient is zero throughout keep their value and moments. Gradients are zero afterwards.
    """
    check("parameters", parameters, (None, None))
    for name, value in {"gradients": gradients, "mean": mean, "square": square}.items():
        check(name, value, tuple(parameters.shape))
    tensors = (parameters, gradients, mean, square)
    backend = backend_for(*tensors) if all(t.is_contiguous() for t in tensors) else reference
    backend.adam_step(*tensors, numbers)


__all__ = [
    "BACKENDS",
    "N_GEOMETRY",
    "AdamStep",
    "Backend",
    "FieldTensors",
    "FusedBackend",
    "HashLayout",
    "LossSettings",
    "OccupancyLayout",
    "RayTargets",
    "Samples",
    "Sampling",
    "Segments",
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
    "unit_cube",
    "use",
]
