"""The triton back end: kernels compiled at run time for the GPU at hand, no toolkit needed.

The same operations as `recon.kernels.reference`, plus the fused ones of `recon.kernels.native`. With TRITON_INTERPRET=1 in the
environment before the first import they run in Python on the CPU, slowly: so they are tested on machines without a GPU.
Importing this needs the package triton; `why_missing` says whether its kernels run on a device.

Kernels: hash_grid, networks, walk and march (rays through the cascades), compositing, training (one step), rendering, optimizer.
Launches: points, rays, step. arguments: what kernels take; launch: how much work one program takes.

What parameters of kernels mean throughout:

    rays, sampling, field, grid, samples, met    Rays, Sampling, Field, HashGrid, Packed, Met of `arguments`
    table                                        rows of the hash grid [n_rows, n_features]
    positions                                    [n, 3]
    n                                            how many of the things that the kernel's name is about
    live                                         [BLOCK] which lanes have something to do
    BLOCK                                        lanes of one program
"""

import functools

import torch

from recon.kernels import reference
from recon.kernels.triton.launch import IS_INTERPRETED  # first: it sets the environment that triton reads
from recon.kernels.triton.points import (
    adam_step,
    field_density,
    hash_encode,
    occupied_cells,
    spherical_harmonics,
)
from recon.kernels.triton.rays import march, march_visible, prepared, render_field
from recon.kernels.triton.step import field_gradients

render_weights = reference.render_weights
median_distance = reference.median_distance
accumulate = reference.accumulate


def why_missing(device: torch.device) -> str | None:
    """None where the kernels run on `device`, else the reason."""
    return _failure(device) if runs_on(device) else f"it runs on GPUs with CUDA or ROCm, not on {device.type}"


def runs_on(device: torch.device) -> bool:
    """Whether tensors on `device` are for these kernels."""
    return device.type == ("cpu" if IS_INTERPRETED else "cuda")


def set_n_threads(n: int) -> None:
    """A GPU has its own."""


@functools.lru_cache(maxsize=8)
def _failure(device: torch.device) -> str | None:
    """What goes wrong with the smallest kernel: no C compiler for Triton's launcher, an old card, an old driver."""
    try:
        directions = torch.tensor([[0.0, 0.6, 0.8]], device=device)
        found = spherical_harmonics(directions)
    except Exception as error:  # whatever a compiler or a driver raises
        lines = str(error).strip().splitlines()
        return f"Triton fails on {device} ({type(error).__name__}: {lines[0] if lines else 'no message'})"
    expected = reference.spherical_harmonics(directions)
    return None if torch.allclose(found, expected, atol=1e-5) else f"Triton computes wrong values on {device}"


__all__ = [
    "accumulate",
    "adam_step",
    "field_density",
    "field_gradients",
    "hash_encode",
    "march",
    "march_visible",
    "median_distance",
    "occupied_cells",
    "prepared",
    "render_field",
    "render_weights",
    "runs_on",
    "set_n_threads",
    "spherical_harmonics",
    "why_missing",
]
