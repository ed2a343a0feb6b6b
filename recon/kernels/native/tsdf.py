"""The native side of `recon.kernels.tsdf`: structs and calls of tsdf.h."""

import ctypes
from ctypes import POINTER, c_float, c_int64, c_void_p
from functools import cache

import numpy as np

from recon.kernels.native import library as lib
from recon.kernels.tsdf import TsdfView, TsdfVolume


class _Volume(ctypes.Structure):
    _fields_ = (
        ("n_blocks", c_int64),
        *((name, c_void_p) for name in ("blocks", "distance", "weight")),
        *((name, c_float) for name in ("voxel", "truncation")),
    )


class _View(ctypes.Structure):
    _fields_ = (
        *lib.PINHOLE,
        ("camera_from_world", c_float * 12),
        ("far", c_float),
        *((name, c_void_p) for name in ("depth", "weight", "normal", "is_free")),
    )


@cache
def _library() -> ctypes.CDLL:
    library = lib.compiled()
    library.recon_tsdf_integrate.restype = None
    library.recon_tsdf_integrate.argtypes = [POINTER(_Volume), POINTER(_View)]
    return library


def integrate(volume: TsdfVolume, view: TsdfView) -> None:
    arrays = (volume.blocks, volume.distance, volume.weight)
    native_volume = _Volume(
        len(volume.blocks), *(array.ctypes.data for array in arrays), volume.voxel, volume.truncation
    )
    maps = [np.ascontiguousarray(a, np.float32) for a in (view.depth, view.weight, view.normal)]
    maps.append(np.ascontiguousarray(view.is_free, np.uint8))
    pose = (c_float * 12)(*view.camera_from_world[:3].astype(np.float32).reshape(-1))
    native_view = _View(*view.depth.shape, *view.intrinsics, pose, view.far, *(array.ctypes.data for array in maps))
    _library().recon_tsdf_integrate(ctypes.byref(native_volume), ctypes.byref(native_view))
