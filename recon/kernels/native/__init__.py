"""The native back end: C++17 on the CPU, built when recon is installed, called through ctypes.

The same operations as `recon.kernels.reference`, plus the fused ones that make training and rendering fast. Tensors must be
contiguous float32 on the CPU; the public functions of `recon.kernels` see to it.

library     the compiled library as ctypes sees it (api.h)     variant   which of several this processor runs (cpu.cpp)
points, marching, training   calls of the kernels            marshalling     tensors and nouns as it takes them
field.h     the field: hash_grid, network, march, clearance    train, render   .cpp, the fused kernels
patchmatch  for `recon.kernels.stereo`                         plane_labels    for `recon.kernels.planes`
plane_fits  for `recon.kernels.plane_fits`                     tsdf            for `recon.kernels.tsdf`
descriptors for `recon.kernels.descriptors`                     patches        for `recon.kernels.patches`
painting    for `recon.kernels.painting`                       texels         for `recon.kernels.texels`
triangles   for `recon.kernels.surfaces`                       convex_hulls   for `recon.kernels.hulls`
strays      for `recon.export.strays`                          ceilings       for `recon.bench`
headers     the number that tells whether library and Python fit each other
parallel    a fixed pool of threads                            vector.h        one register of floats
"""

import torch

from recon.kernels import reference
from recon.kernels.native import library as lib
from recon.kernels.native.marching import march, march_visible, prepared, render_field
from recon.kernels.native.points import (
    adam_step,
    encode_into,
    field_density,
    gather_rows,
    hash_encode,
    occupied_cells,
    scatter_rows,
)
from recon.kernels.native.training import field_gradients

CPU = torch.device("cpu")

spherical_harmonics = reference.spherical_harmonics
render_weights = reference.render_weights
median_distance = reference.median_distance
accumulate = reference.accumulate


def why_missing(device: torch.device = CPU) -> str | None:
    """None where the kernels run on `device`, else the reason."""
    return f"they run on the CPU, not on {device.type}" if device.type != "cpu" else lib.load()[1] or None


def runs_on(device: torch.device) -> bool:
    """Whether tensors on `device` are for these kernels."""
    return device.type == "cpu"


def set_n_threads(n: int) -> None:
    """How many threads the kernels use."""
    lib.compiled().recon_set_n_threads(n)


__all__ = [
    "accumulate",
    "adam_step",
    "encode_into",
    "field_density",
    "field_gradients",
    "gather_rows",
    "hash_encode",
    "march",
    "march_visible",
    "median_distance",
    "occupied_cells",
    "prepared",
    "render_field",
    "render_weights",
    "runs_on",
    "scatter_rows",
    "set_n_threads",
    "spherical_harmonics",
    "why_missing",
]
