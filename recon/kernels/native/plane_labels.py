"""The native side of `recon.kernels.planes`: structs and the call of plane_labels.h."""

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, c_float, c_int32, c_void_p
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from recon.kernels.native import library as lib
from recon.kernels.planes import LabelSettings, LabelView, ScenePlane

MAX_PLANES = 255


class _Plane(ctypes.Structure):
    _fields_ = (
        ("normal", c_float * 3),
        ("offset", c_float),
        ("across", c_float * 3),
        ("along", c_float * 3),
        ("low", c_float * 2),
        ("cell", c_float),
        ("rows", c_int32),
        ("columns", c_int32),
        ("is_shell", c_int32),
        ("distances", c_void_p),
        ("thickness", c_float),
        ("beyond", c_float),
    )


class _View(ctypes.Structure):
    _fields_ = (
        *lib.POSED,
        *(
            (name, c_void_p)
            for name in ("grey", "depth", "confidence", "is_closed", "regions", "off_border", "labels", "margins")
        ),
    )


class _Arguments(ctypes.Structure):
    _fields_ = (
        *((name, c_int32) for name in ("n_views", "n_sources", "n_planes")),
        ("views", POINTER(_View)),
        ("sources", c_void_p),
        ("planes", POINTER(_Plane)),
        *(
            (name, c_float)
            for name in (
                "tolerance",
                "gain_spread",
                "none",
                "misfit",
                "outside",
                "seen_through",
                "unseen",
                "unlike",
                "away",
                "border",
                "step",
                "edge_sigma",
                "edge_floor",
                "jump",
            )
        ),
        ("iterations", c_int32),
    )


def label_planes(
    views: Sequence[LabelView], planes: Sequence[ScenePlane], sources: NDArray[np.int32], settings: LabelSettings
) -> list[tuple[NDArray[np.int16], NDArray[np.float32]]]:
    library = lib.compiled()
    library.recon_plane_labels.restype, library.recon_plane_labels.argtypes = None, [POINTER(_Arguments)]
    assert len(planes) <= MAX_PLANES and sources.shape[0] == len(views)
    sources = np.ascontiguousarray(sources, np.int32)
    shapes = [view.depth.shape for view in views]
    results = [(np.empty(shape, np.int16), np.empty(shape, np.float32)) for shape in shapes]
    keep = [_arrays(view) for view in views]
    structs = (_View * len(views))(*map(_view, views, keep, results))
    maps = [np.ascontiguousarray(plane.distances, np.float32) for plane in planes]
    plane_structs = (_Plane * max(len(planes), 1))(*map(_plane, planes, maps))
    numbers = astuple(settings)
    arguments = _Arguments(
        len(views), sources.shape[1], len(planes), structs, sources.ctypes.data, plane_structs, *numbers
    )
    library.recon_plane_labels(ctypes.byref(arguments))
    return results


def _arrays(view: LabelView) -> list[NDArray]:
    kinds = (np.uint8, np.float32, np.float32, np.uint8, np.int32, np.float32)
    values = (view.grey, view.depth, view.confidence, view.is_closed, view.region, view.off_border)
    return [np.ascontiguousarray(value, kind) for value, kind in zip(values, kinds, strict=True)]


def _view(view: LabelView, arrays: list[NDArray], result: tuple[NDArray, NDArray]) -> _View:
    pose = view.camera_from_world.astype(np.float32)
    return _View(
        *view.depth.shape,
        *view.intrinsics,
        (c_float * 9)(*pose[:3, :3].ravel()),
        (c_float * 3)(*pose[:3, 3]),
        view.near,
        view.far,
        *(array.ctypes.data for array in (*arrays, *result)),
    )


def _plane(plane: ScenePlane, distances: NDArray[np.float32]) -> _Plane:
    return _Plane(
        (c_float * 3)(*plane.normal),
        plane.offset,
        (c_float * 3)(*plane.across),
        (c_float * 3)(*plane.along),
        (c_float * 2)(*plane.low),
        plane.cell,
        *distances.shape,
        int(plane.is_shell),
        distances.ctypes.data,
        plane.thickness,
        plane.beyond,
    )
