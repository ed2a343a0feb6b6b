"""The native side of `recon.kernels.descriptors`: the call of descriptors.h."""

from ctypes import c_float, c_int32, c_void_p

import numpy as np
from numpy.typing import NDArray

from recon.kernels.native import library as lib


def mutual_nearest(
    first: NDArray[np.uint8], second: NDArray[np.uint8], max_ratio: float, max_distance: float
) -> NDArray[np.int32]:
    """Place in `second` of the match of each of `first` [n], -1 none; as `mutual_nearest` of recon.kernels.descriptors."""
    call = lib.compiled().recon_mutual_nearest
    call.restype, call.argtypes = c_int32, [c_int32, c_void_p, c_int32, c_void_p, c_float, c_float, c_void_p]
    nearest = np.empty(len(first), np.int32)
    call(
        len(first),
        first.ctypes.data,
        len(second),
        second.ctypes.data,
        max_ratio,
        max_distance,
        nearest.ctypes.data,
    )
    return nearest
