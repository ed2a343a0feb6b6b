"""The native side of `recon.kernels.hulls`: the call of convex_hulls.h."""

from collections.abc import Sequence
from ctypes import c_int64, c_void_p
from typing import Any

import numpy as np

from recon.geometry.transforms import Array
from recon.kernels.native import library as lib

TANGLED: Any = object()  # rounding decides what the hull of a set is


def convex_hulls(sets: Sequence[Array]) -> list[Any]:
    """Of each set of points [n, 3]: its hull's vertices [v] and faces [f, 3]; None where flat, or `TANGLED`."""
    call = lib.compiled().recon_convex_hulls
    call.restype, call.argtypes = None, [c_int64, *[c_void_p] * 6]
    if not len(sets):
        return []
    points = np.ascontiguousarray(np.concatenate(sets), float)
    ends = np.cumsum([len(each) for each in sets])
    vertices, faces = np.empty(len(points), np.int64), np.empty((2 * len(points), 3), np.int32)
    counts, faults = np.empty((len(sets), 2), np.int64), np.empty(len(sets), np.int32)
    call(len(sets), *(array.ctypes.data for array in (points, ends, vertices, faces, counts, faults)))
    hulls: list[Any] = []
    starts = ends - [len(each) for each in sets]
    for first, (n_vertices, n_faces), fault in zip(starts.tolist(), counts.tolist(), faults.tolist(), strict=True):
        if fault:
            hulls.append(None if fault == 1 else TANGLED)
        else:
            numbers = vertices[first : first + n_vertices] - first
            hulls.append((numbers, faces[2 * first : 2 * first + n_faces].copy()))
    return hulls


def heights_over(planes: Array, points: Array) -> Array:
    """As `heights_over` of recon.kernels.hulls."""
    call = lib.compiled().recon_heights_over
    call.restype, call.argtypes = None, [c_int64, c_void_p, c_int64, c_void_p, c_void_p]
    asked, given, heights = (
        np.ascontiguousarray(points, float),
        np.ascontiguousarray(planes, float),
        np.empty(len(points)),
    )
    call(len(given), given.ctypes.data, len(asked), asked.ctypes.data, heights.ctypes.data)
    return heights
