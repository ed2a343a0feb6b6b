"""The native side of `recon.export.strays`: the struct and the calls of strays.h."""

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import POINTER, c_double, c_int32, c_int64, c_void_p

import numpy as np

from recon.geometry.transforms import Array
from recon.kernels.native import library as lib
from recon.kernels.native.triangles import Tree


class StrayLimits(ctypes.Structure):
    """As `recon_limits` of strays.h tells."""

    _fields_ = (
        *((name, c_double) for name in ("fine", "coarse", "behind", "driven", "stood", "level", "spared")),
        *((name, c_int32) for name in ("has_floor", "n_us", "n_vs")),
        ("normal", c_double * 3),
        ("offset", c_double),
        ("axes", c_double * 6),
        *((name, c_void_p) for name in ("us", "vs", "heights")),
    )


class StrayTrial:
    """What hulls and points are held against: the triangles, and the limits."""

    def __init__(self, tree: Tree, limits: StrayLimits) -> None:
        library = lib.compiled()
        library.recon_strays.restype, library.recon_strays.argtypes = c_void_p, [c_void_p, POINTER(StrayLimits)]
        library.recon_free_strays.restype, library.recon_free_strays.argtypes = None, [c_void_p]
        self._needed = (tree, limits)
        self.handle = c_void_p(library.recon_strays(tree.handle, ctypes.byref(limits)))
        weakref.finalize(self, library.recon_free_strays, self.handle)


def stray_points(trial: StrayTrial, groups: Sequence[Array], *, looser: float) -> Array:
    """The excess [n] of groups of points [k, 3]; where that is larger than `looser`, at least as much as is told."""
    call = lib.compiled().recon_stray_points
    call.restype, call.argtypes = None, [c_void_p, c_int64, c_void_p, c_void_p, c_double, c_void_p]
    points, ends, excess = _together(groups, (0, 3))
    call(trial.handle, len(groups), points.ctypes.data, ends.ctypes.data, looser, excess.ctypes.data)
    return excess


def stray_hulls(
    trial: StrayTrial, hulls: Sequence[Array], *, most: Sequence[int], apart: float, looser: float
) -> Array:
    """The excess [n] of hulls, corners of faces [f, 3, 3] each; where that is larger than `looser`, at least as much as is told.

    most: points on the skin in each round; apart: their distance.
    """
    call = lib.compiled().recon_stray_hulls
    call.restype = None
    hulls_in, rounds_in = (c_int64, c_void_p, c_void_p), (c_int32, c_void_p, c_double, c_double)
    call.argtypes = (c_void_p, *hulls_in, *rounds_in, c_void_p)
    corners, ends, excess = _together(hulls, (0, 3, 3))
    rounds = (c_int32 * len(most))(*most)
    places = (corners.ctypes.data, ends.ctypes.data, len(most), ctypes.cast(rounds, c_void_p))
    call(trial.handle, len(hulls), *places, apart, looser, excess.ctypes.data)
    return excess


def _together(groups: Sequence[Array], empty: tuple[int, ...]) -> tuple[Array, np.ndarray, Array]:
    """Arrays in one, where each ends in it, and room for a number of each."""
    whole = np.concatenate([np.zeros(empty), *groups])
    return np.ascontiguousarray(whole), np.cumsum([len(each) for each in groups], dtype=np.int64), np.empty(len(groups))
