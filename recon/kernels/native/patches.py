"""The native side of `recon.kernels.patches`: the structs and the call of patches.h."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_void_p

import numpy as np
from numpy.typing import NDArray

from recon.kernels.native import library as lib


class _Patches(ctypes.Structure):
    _fields_ = (("n", c_int32), ("radius", c_int32), ("grey", c_void_p), ("warps", c_void_p))


class _Picture(ctypes.Structure):
    _fields_ = (("h", c_int32), ("w", c_int32), ("layers", c_void_p))


class _Limits(ctypes.Structure):
    _fields_ = (
        ("n_rounds", c_int32),
        *(
            (name, c_float)
            for name in (
                "max_gain",
                "min_likeness",
                "hopeless",
                "max_shift",
                "max_last_step",
                "min_texture",
                "flat",
            )
        ),
    )


def find_patches(
    grey: NDArray[np.float32],
    warps: NDArray[np.float64],
    layers: NDArray[np.float32],
    limits: dict[str, float],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """As `find_patches` of recon.kernels.patches; all arrays contiguous; limits: the fields of `Limits`."""
    call = lib.compiled().recon_find_patches
    call.restype = None
    call.argtypes = [POINTER(_Patches), POINTER(_Picture), POINTER(_Limits), c_void_p, c_void_p]
    n, side = grey.shape[:2]
    middles, is_found = np.zeros((n, 2)), np.zeros(n, np.bool_)
    call(
        ctypes.byref(_Patches(n, side // 2, grey.ctypes.data, warps.ctypes.data)),
        ctypes.byref(_Picture(*layers.shape[:2], layers.ctypes.data)),
        ctypes.byref(_Limits(**limits)),
        middles.ctypes.data,
        is_found.ctypes.data,
    )
    return middles, is_found
