"""The native side of `recon.kernels.stereo`: structs and calls of patchmatch.h."""

import ctypes
import math
from collections.abc import Sequence
from ctypes import POINTER, c_float, c_int32, c_int64, c_uint32, c_void_p
from functools import cache

import numpy as np
from numpy.typing import NDArray

from recon.kernels.native import library as lib
from recon.kernels.stereo import Floats, Hypotheses, StereoSettings, StereoView

MAX_SOURCES = 16  # that a pixel's are chosen from
MAX_ASKED = 255  # that depths are held against: counts are bytes
Agreement = tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]


class _View(ctypes.Structure):
    _fields_ = (
        *lib.POSED,
        *((name, c_void_p) for name in ("quads", "depth", "planes", "costs", "chosen")),
    )


class _Arguments(ctypes.Structure):
    _fields_ = (
        ("n_sources", c_int32),
        ("views", POINTER(_View)),
        ("reach", c_int32 * 6),
        ("window_sigma", c_float * 2),
        *((name, c_float) for name in ("enough_variance", "color_sigma", "noise")),
        ("n_best", c_int32),
        *((name, c_float) for name in ("enough_angle", "lack_cost", "geometric_weight", "geometric_cap")),
        *((name, c_int32) for name in ("choose", "explore", "n_far", "n_refinements")),
        *((name, c_float) for name in ("depth_spread", "normal_spread")),
        ("seed", c_uint32),
    )


@cache
def _library() -> ctypes.CDLL:
    library = lib.compiled()
    library.recon_stereo_costs.restype, library.recon_stereo_costs.argtypes = None, [POINTER(_Arguments)]
    library.recon_stereo_sweep.restype, library.recon_stereo_sweep.argtypes = c_int64, [POINTER(_Arguments)]
    library.recon_stereo_search.restype = None
    library.recon_stereo_search.argtypes = [POINTER(_Arguments), c_int32, c_void_p, c_int32, c_void_p]
    library.recon_stereo_agreement.restype = None
    library.recon_stereo_agreement.argtypes = [POINTER(_Arguments), c_float, c_float, *[c_void_p] * 3]
    return library


def costs(
    view: StereoView,
    state: Hypotheses,
    sources: Sequence[StereoView],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
) -> None:
    assert state.costs.shape == view.grey.shape
    arguments, _keep = _arguments(view, state, None, sources, settings, depths)
    _library().recon_stereo_costs(ctypes.byref(arguments))


def sweep(
    view: StereoView,
    state: Hypotheses,
    sources: Sequence[StereoView],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
    seed: int,
) -> int:
    """As `stereo_sweep` of recon.kernels.stereo."""
    assert state.costs.shape == view.grey.shape
    arguments, _keep = _arguments(view, state, None, sources, settings, depths, seed=seed)
    return int(_library().recon_stereo_sweep(ctypes.byref(arguments)))


def search(
    view: StereoView,
    pixels: NDArray[np.int32],
    state: Hypotheses,
    candidates: Floats,
    sources: Sequence[StereoView],
    settings: StereoSettings,
    seed: int,
) -> None:
    """As `stereo_search` of recon.kernels.stereo."""
    n, n_candidates = candidates.shape[:2]
    assert pixels.shape == (n, 2) and state.planes.shape == (n, 3) and candidates.shape == (n, n_candidates, 3)
    arguments, _keep = _arguments(view, state, None, sources, settings, None, seed=seed)
    pixels, candidates = np.ascontiguousarray(pixels, np.int32), np.ascontiguousarray(candidates, np.float32)
    _library().recon_stereo_search(ctypes.byref(arguments), n, pixels.ctypes.data, n_candidates, candidates.ctypes.data)


def agreement(
    view: StereoView,
    depth: Floats,
    sources: Sequence[StereoView],
    depths: Sequence[Floats],
    pixels: float,
    relative: float,
) -> Agreement:
    """As `stereo_agreement` of recon.kernels.stereo."""
    arguments, _keep = _arguments(view, None, depth, sources, StereoSettings(), depths)
    shape = view.grey.shape
    counts = (np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.float32))
    _library().recon_stereo_agreement(ctypes.byref(arguments), pixels, relative, *(a.ctypes.data for a in counts))
    return counts


def _arguments(
    view: StereoView,
    state: Hypotheses | None,
    depth: Floats | None,
    sources: Sequence[StereoView],
    settings: StereoSettings,
    depths: Sequence[Floats] | None,
    *,
    seed: int = 0,
) -> tuple[_Arguments, object]:
    """The struct, and what it points into (keep it until the call returns).

    view: the picture; state: its hypotheses, or depth: its depths, where there are any. sources, depths: the pictures it is
    compared with, and theirs. settings, seed: of a sweep.
    """
    assert len(sources) <= (MAX_ASKED if state is None else MAX_SOURCES) and (
        depths is None or len(depths) == len(sources)
    )
    maps = [depth, *([None] * len(sources) if depths is None else depths)]
    maps = [None if a is None else np.ascontiguousarray(a, np.float32) for a in maps]
    states = [state, *[None] * len(sources)]
    are_looked_at = [state is not None] * len(maps)  # depths are compared without the pictures
    structs = (_View * len(maps))(*map(_view, [view, *sources], states, maps, are_looked_at))
    arguments = _Arguments(
        len(sources),
        structs,
        (c_int32 * 6)(*settings.narrow.reach, *settings.wide.reach),
        (c_float * 2)(settings.narrow.sigma, settings.wide.sigma),
        settings.enough_variance,
        settings.color_sigma,
        settings.noise,
        settings.n_best,
        math.radians(settings.enough_angle_deg),
        settings.lack_cost,
        settings.geometric_weight,
        settings.geometric_cap,
        int(settings.choose),
        int(settings.explore),
        settings.n_far,
        settings.n_refinements,
        settings.depth_spread,
        settings.normal_spread,
        seed % 2**32,
    )
    return arguments, (structs, maps, state)


def _view(view: StereoView, state: Hypotheses | None, depth: Floats | None, is_looked_at: bool) -> _View:
    shape = view.grey.shape
    pose = view.camera_from_world.astype(np.float32)
    arrays: list[int | None] = [None, None, None]
    if state is not None:
        assert state.planes.shape == (*state.costs.shape, 3) and state.costs.shape == state.chosen.shape
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
        view.quads.ctypes.data if is_looked_at else None,
        None if depth is None else depth.ctypes.data,
        *arrays,
    )
