"""The compiled library, as ctypes sees it: structs and signatures of api.h."""

import ctypes
from ctypes import POINTER, c_double, c_float, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from recon.kernels.native.headers import version_of
from recon.kernels.native.variant import library_file


class HashGrid(ctypes.Structure):
    _fields_ = (
        ("n_levels", c_int32),
        ("n_features", c_int32),
        ("n_dense", c_int32),
        ("log2_size", c_int32),
        ("resolutions", c_void_p),
        ("offsets", c_void_p),
    )


class Field(ctypes.Structure):
    _fields_ = (
        ("grid", HashGrid),
        ("table", c_void_p),
        ("half_table", c_void_p),
        ("density_layers", c_void_p * 2),
        ("color_layers", c_void_p * 3),
        ("width", c_int32),
        ("is_contracted", c_int32),
    )


MARCH: Any = (  # fields that structs share
    ("n_rays", c_int64),
    *((name, c_void_p) for name in ("origins", "directions", "t_near", "t_far", "offsets", "clearance")),
    ("n_cascades", c_int32),
    ("resolution", c_int32),
    ("step", c_float),
    ("growth", c_float),
)
PINHOLE: Any = (*((name, c_int32) for name in ("h", "w")), *((name, c_float) for name in ("fx", "fy", "cx", "cy")))
POSED: Any = (
    *PINHOLE,
    ("rotation", c_float * 9),
    ("translation", c_float * 3),
    *((name, c_float) for name in ("near", "far")),
)


class MarchArguments(ctypes.Structure):
    _fields_ = MARCH


class RenderArguments(ctypes.Structure):
    _fields_ = (
        ("field", Field),
        *MARCH,
        ("min_weight", c_float),
        ("opaque", c_float),
        *((name, c_void_p) for name in ("colors", "opacities", "distances")),
    )


class TrainArguments(ctypes.Structure):
    _fields_ = (
        ("field", Field),
        ("n_rays", c_int64),
        ("n_samples", c_int64),
        *(
            (name, c_void_p)
            for name in (
                "origins",
                "directions",
                "ray_indices",
                "t_starts",
                "t_ends",
                "targets",
                "backgrounds",
                "features",
                "known_distances",
            )
        ),
        ("near_scale", c_float),
        ("huber_delta", c_float),
        ("opacity_loss", c_float),
        ("distortion_loss", c_float),
        ("depth_loss", c_float),
        ("min_transmittance", c_float),
        ("grad_features", c_void_p),
        ("grad_table", c_void_p),
        ("grad_density_layers", c_void_p * 2),
        ("grad_color_layers", c_void_p * 3),
        *((name, c_void_p) for name in ("grad_backgrounds", "colors", "opacities", "seconds")),
    )


def compiled() -> ctypes.CDLL:
    """The library, which must be there: ask `why_missing` first."""
    found = load()[0]
    assert found is not None, "the native back end is not there: check why_missing() first"
    return found


@cache
def load() -> tuple[ctypes.CDLL | None, str]:
    """The library for this processor, or None with the reason why there is none."""
    file, reason = library_file(Path(__file__).parent)
    return open_library(file) if file else (None, reason)


def open_library(file: Path) -> tuple[ctypes.CDLL | None, str]:
    """The library in `file`, or None with the reason why it cannot be used."""
    try:
        library = ctypes.CDLL(str(file))
        version = library.recon_version()
    except (OSError, AttributeError) as error:
        return None, f"{file.name} does not load ({error})"
    if version != version_of(Path(__file__).parent):
        return None, f"{file.name} was built from other sources: build it again (bash scripts/setup.sh)"
    return _declare(library), ""


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, size = c_void_p, c_int64
    signatures = {
        "recon_n_threads": (c_int, []),
        "recon_set_n_threads": (None, [c_int]),
        "recon_march": (c_int64, [POINTER(MarchArguments), pointer, pointer, pointer, size]),
        "recon_march_visible": (c_int64, [POINTER(RenderArguments), *[pointer] * 4, size]),
        "recon_render": (None, [POINTER(RenderArguments)]),
        "recon_train": (c_double, [POINTER(TrainArguments)]),
        "recon_density": (None, [POINTER(Field), size, pointer, pointer, pointer]),
        "recon_encode": (None, [POINTER(HashGrid), pointer, size, pointer, pointer]),
        "recon_encode_gradient": (None, [POINTER(HashGrid), size, pointer, pointer, pointer]),
        "recon_occupied_cells": (None, [c_int, size, *[pointer] * 3, c_float, c_float]),
        "recon_clearance": (None, [pointer, c_int, c_int, pointer]),
        "recon_gather": (c_float, [pointer, pointer, size]),
        "recon_scatter": (None, [pointer, pointer, size]),
        "recon_adam": (None, [size, c_int, *[pointer] * 4, *[c_float] * 7]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
