"""The native side of `recon.kernels.painting`: the structs and the call of painting.h."""

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p

from torch import Tensor

from recon.kernels.native import library as lib
from recon.kernels.native.marshalling import at
from recon.kernels.painting import EDGE, SLACK, OnFaces, Photo


class _Photo(ctypes.Structure):
    _fields_ = (
        *((name, c_int32) for name in ("h", "w", "depth_h", "depth_w")),
        *((name, c_void_p) for name in ("color", "is_valid", "depth", "at_vertices")),
        ("gain", c_float * 3),
        *((name, c_float) for name in ("tolerance", "slack", "edge")),
    )


class _OnFaces(ctypes.Structure):
    _fields_ = (("corners", c_void_p), ("shares", c_void_p))


def add_photo(
    photo: Photo, samples: OnFaces, chosen: Tensor, pixels: Tensor, depth: Tensor, sums: Tensor, tolerance: float
) -> None:
    """As `add_photo` of recon.kernels.painting; `chosen` has no sample twice."""
    call = lib.compiled().recon_add_photo
    call.restype = None
    call.argtypes = [POINTER(_Photo), POINTER(_OnFaces), c_int64, *[c_void_p] * 4]
    pictures = [array.contiguous() for array in (photo.color, photo.is_valid, photo.depth, photo.at_vertices)]
    on_faces, places = (
        [a.contiguous() for a in (samples.corners, samples.shares)],
        [a.contiguous() for a in (chosen, pixels.float(), depth.float())],
    )
    struct = _Photo(
        *photo.color.shape[:2],
        *photo.depth.shape,
        *map(at, pictures),
        (c_float * 3)(*photo.gain.tolist()),
        tolerance,
        SLACK,
        EDGE,
    )
    call(ctypes.byref(struct), ctypes.byref(_OnFaces(*map(at, on_faces))), len(chosen), *map(at, places), at(sums))
