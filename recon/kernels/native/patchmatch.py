"""The native side of `recon.kernels.stereo`: structs and calls of patchmatch.h."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_float, c_int32, c_int64, c_uint32, c_void_p
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recon.kernels.native import library as lib
from recon.kernels.stereo import Floats, Hypotheses, StereoSettings, StereoView

Agreement = tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]


class _View(ctypes.Structure):
    _fields_ = (
        *((name, c_int32) for name in ("h", "w")),
        *((name, c_float) for name in ("fx", "fy", "cx", "cy")),
        ("rotation", c_float * 9),
        ("translation", c_float * 3),
        *((name, c_float) for name in ("near", "far")),
        *((name, c_void_p) for name in ("quads", "depth", "planes", "costs", "chosen")),
    )


class _Arguments(ctypes.Structure):
    _fields_ = (
        *((name, c_int32) for name in ("n_views", "n_sources")),
        ("views", POINTER(_View)),
        ("sources", c_void_p),
        ("spacing", c_int32),
        *((name, c_float) for name in ("color_sigma", "noise")),
        ("n_best", c_int32),
        *((name, c_float) for name in ("geometric_weight", "geometric_cap")),
        *((name, c_int32) for name in ("explore", "n_far", "n_refinements")),
        *((name, c_float) for name in ("depth_spread", "normal_spread")),
        ("seed", c_uint32),
    )


@cache
def _library() -> ctypes.CDLL:
    library = lib.load()[0]
    assert library is not None, "the native back end is not there: check why_missing() first"
    library.recon_stereo_costs.restype, library.recon_stereo_costs.argtypes = None, [POINTER(_Arguments)]
    library.recon_stereo_sweep.restype, library.recon_stereo_sweep.argtypes = c_int64, [POINTER(_Arguments)]
    library.recon_stereo_agreement.restype = None
    library.recon_stereo_agreement.argtypes = [POINTER(_Arguments), c_float, c_float, *[c_void_p] * 3]
    return library


def costs(
    views: Sequence[StereoView],
    hypotheses: Sequence[Hypotheses],
    sources: NDArray[np.int32],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
) -> None:
    arguments, _keep = _arguments(views, hypotheses, sources, settings, depths)
    _library().recon_stereo_costs(ctypes.byref(arguments))


def sweep(
    views: Sequence[StereoView],
    hypotheses: Sequence[Hypotheses],
    sources: NDArray[np.int32],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
    seed: int,
) -> int:
    arguments, _keep = _arguments(views, hypotheses, sources, settings, depths, seed=seed)
    return int(_library().recon_stereo_sweep(ctypes.byref(arguments)))


def agreement(
    views: Sequence[StereoView],
    depths: Sequence[Floats],
    sources: NDArray[np.int32],
    pixels: float,
    relative: float,
) -> list[Agreement]:
    arguments, _keep = _arguments(views, None, sources, StereoSettings(), depths)
    shapes = [view.grey.shape for view in views]
    counts = [(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.float32)) for shape in shapes]
    pointers = [(c_void_p * len(views))(*(maps[k].ctypes.data for maps in counts)) for k in range(3)]
    _library().recon_stereo_agreement(ctypes.byref(arguments), pixels, relative, *pointers)
    return counts


def _arguments(
    views: Sequence[StereoView],
    hypotheses: Sequence[Hypotheses] | None,
    sources: NDArray[np.int32],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
    *,
    seed: int = 0,
) -> tuple[_Arguments, object]:
    """The struct, and what it points into (keep it until the call returns)."""
    assert sources.shape[0] == len(views) and sources.shape[1] <= 16 and sources.max(initial=-1) < len(views)
    sources = np.ascontiguousarray(sources, np.int32)
    depths = None if depths is None else [np.ascontiguousarray(depth, np.float32) for depth in depths]
    structs = (_View * len(views))()
    for i, view in enumerate(views):
        state = None if hypotheses is None else hypotheses[i]
        structs[i] = _view(view, state, None if depths is None else depths[i])
    arguments = _Arguments(
        len(views),
        sources.shape[1],
        structs,
        sources.ctypes.data,
        settings.spacing,
        settings.color_sigma,
        settings.noise,
        settings.n_best,
        settings.geometric_weight,
        settings.geometric_cap,
        int(settings.explore),
        settings.n_far,
        settings.n_refinements,
        settings.depth_spread,
        settings.normal_spread,
        seed,
    )
    return arguments, (structs, sources, depths, hypotheses)


def _view(view: StereoView, state: Hypotheses | None, depth: Floats | None) -> _View:
    shape = view.grey.shape
    pose = view.camera_from_world.astype(np.float32)
    arrays: list[int | None] = [None, None, None]
    if state is not None:
        assert state.planes.shape == (*shape, 3) and state.costs.shape == state.chosen.shape == shape
        assert state.planes.dtype == state.costs.dtype == np.float32 and state.planes.flags.c_contiguous
        arrays = [state.planes.ctypes.data, state.costs.ctypes.data, state.chosen.ctypes.data]
    assert depth is None or depth.shape == shape
    return _View(
        *shape,
        *view.intrinsics,
        (c_float * 9)(*pose[:3, :3].ravel()),
        (c_float * 3)(*pose[:3, 3]),
        view.near,
        view.far,
        view.quads.ctypes.data,
        None if depth is None else depth.ctypes.data,
        *arrays,
    )
