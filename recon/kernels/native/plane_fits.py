"""The native side of `recon.kernels.plane_fits`: the struct and calls of plane_fits.h."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_float, c_int32, c_void_p

import numpy as np

from recon.kernels.native import library as lib
from recon.kernels.stereo import Floats


class _Map(ctypes.Structure):
    _fields_ = (
        ("h", c_int32),
        ("w", c_int32),
        *((name, c_float) for name in ("fx", "fy", "cx", "cy")),
        ("planes", c_void_p),
        ("step", c_int32),
    )


def fit_planes(
    planes: Floats, intrinsics: tuple[float, float, float, float], step: int, tolerances: Sequence[float]
) -> Floats:
    """As `fit_planes` of recon.kernels.plane_fits; planes: [h, w, 3], contiguous; intrinsics: of the picture; step: pixels."""
    library = lib.compiled()
    library.recon_fit_planes.restype = None
    library.recon_fit_planes.argtypes = [POINTER(_Map), c_int32, POINTER(c_float), c_void_p]
    fitted = np.empty_like(planes)
    rounds = (c_float * len(tolerances))(*tolerances)
    library.recon_fit_planes(ctypes.byref(_map(planes, intrinsics, step)), len(tolerances), rounds, fitted.ctypes.data)
    return fitted


def coherence(
    planes: Floats,
    inverse_depths: Floats,
    intrinsics: tuple[float, float, float, float],
    step: int,
    tolerance: float,
) -> Floats:
    """As `coherence` of recon.kernels.plane_fits; both maps contiguous; intrinsics: of the picture; step, tolerance: as there."""
    library = lib.compiled()
    library.recon_plane_coherence.restype = None
    library.recon_plane_coherence.argtypes = [POINTER(_Map), c_void_p, c_float, c_void_p]
    share = np.empty(planes.shape[:2], np.float32)
    library.recon_plane_coherence(
        ctypes.byref(_map(planes, intrinsics, step)), inverse_depths.ctypes.data, tolerance, share.ctypes.data
    )
    return share


def _map(planes: Floats, intrinsics: tuple[float, float, float, float], step: int) -> _Map:
    return _Map(*planes.shape[:2], *intrinsics, planes.ctypes.data, step)
