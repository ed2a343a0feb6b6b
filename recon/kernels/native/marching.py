"""Kernels that march rays: all their samples, those that light reaches, and what they see."""

import ctypes
import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from recon.kernels.learning import FieldTensors
from recon.kernels.native import library as lib
from recon.kernels.native.marshalling import at, field_struct, march_fields
from recon.kernels.rays import MIN_TRANSMITTANCE, Samples, Sampling, Segments

OPAQUE_DEPTH = 5.0  # optical depth at which a rendered ray ends: 0.7 % of the light is left
ROOM = 64  # samples per ray that are made room for at first


def march(segments: Segments, sampling: Sampling) -> Samples:
    fields, _keep = march_fields(segments, sampling)
    arguments = lib.MarchArguments(*fields)

    def write(samples: Samples) -> int:
        into = (samples.ray_indices, samples.t_starts, samples.t_ends)
        return lib.compiled().recon_march(ctypes.byref(arguments), *map(at, into), len(samples))

    return _with_room(len(segments), write)


def march_visible(segments: Segments, sampling: Sampling, field: FieldTensors, capacity: int | None = None) -> Samples:
    """See `FusedBackend`. The encoding [n_samples, n_encoded] of the samples' midpoints is handed on."""
    fields, _keep = march_fields(segments, sampling)
    native, _keep_field = field_struct(field)
    arguments = lib.RenderArguments(native, *fields, 1.0, -math.log(MIN_TRANSMITTANCE), None, None, None)

    def write(samples: Samples) -> int:
        assert samples.handed_on is not None
        into = (samples.ray_indices, samples.t_starts, samples.t_ends, samples.handed_on)
        return lib.compiled().recon_march_visible(ctypes.byref(arguments), *map(at, into), len(samples))

    return _with_room(len(segments), write, n_encoded=field.layout.n_levels * field.layout.n_features)


def _with_room(n_rays: int, write: Callable[[Samples], int], *, n_encoded: int | None = None) -> Samples:
    """What `write` writes; it says how many samples there are, and is asked again with room for all if there was not enough."""
    room = ROOM * n_rays
    while True:
        starts, ends = torch.empty(room), torch.empty(room)
        features = None if n_encoded is None else torch.empty(room, n_encoded)
        samples = Samples(torch.empty(room, dtype=torch.int64), starts, ends, features)
        n = write(samples)
        if n <= room:
            features = None if features is None else features[:n]
            return Samples(samples.ray_indices[:n], starts[:n], ends[:n], features)
        room = n


def prepared(field: FieldTensors) -> FieldTensors:
    """See `FusedBackend`. The table in half precision, as field.pt holds it: rendering waits for its rows more than for anything
    else. As it is where a number is too large for that."""
    low, high = field.table.aminmax()
    fits = max(-float(low), float(high)) <= torch.finfo(torch.float16).max
    return replace(field, table=field.table.half()) if fits else field


def render_field(
    segments: Segments, sampling: Sampling, field: FieldTensors, min_weight: float
) -> tuple[Tensor, Tensor, Tensor]:
    fields, _keep = march_fields(segments, sampling)
    n = len(segments)
    colors, opacities, distances = torch.empty(n, 3), torch.empty(n), torch.empty(n)
    native, _keep_field = field_struct(field)
    results = map(at, (colors, opacities, distances))
    lib.compiled().recon_render(ctypes.byref(lib.RenderArguments(native, *fields, min_weight, OPAQUE_DEPTH, *results)))
    return colors, opacities, distances
