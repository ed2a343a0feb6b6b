"""The native side of `recon.kernels.texels`: the struct and the call of texels.h."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p

from torch import Tensor

from recon.kernels.native import library as lib
from recon.kernels.native.marshalling import at
from recon.kernels.texels import SeenTexels


class _SeenTexels(ctypes.Structure):
    _fields_ = (
        ("n", c_int64),
        ("row", c_int32),
        *((name, c_void_p) for name in ("texels", "shares", "color", "weight")),
        ("gain", c_float * 3),
        ("outlier", c_float),
    )


def add_corrections(seen: SeenTexels, texture: Tensor, sums: Tensor, outlier: float) -> None:
    """As `add_corrections` of recon.kernels.texels."""
    call = lib.compiled().recon_add_corrections
    call.restype, call.argtypes = None, [POINTER(_SeenTexels), c_void_p, c_void_p]
    arrays = [array.contiguous() for array in (seen.texels, seen.shares, seen.color, seen.weight)]
    struct = _SeenTexels(
        len(seen.texels), seen.row, *map(at, arrays), (c_float * 3)(*seen.gain.float().tolist()), outlier
    )
    call(ctypes.byref(struct), at(texture), at(sums))
