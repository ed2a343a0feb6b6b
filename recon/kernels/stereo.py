"""Multi-view PatchMatch: the nouns, and one public function per operation.

A plane q [3] of a pixel means q . X = 1 in the camera frame, so 1 / depth = q . (u, v, 1) at u = (x - cx) / fx,
v = (y - cy) / fy; its normal is -q / |q|. Costs of a plane: over the sources that a pixel is judged by, the mean of

    1 - NCC of the window warped to the source (bilateral weights; grey values; a floor of `noise` under both variances)
    + geometric_weight * min(pixels between the pixel and where the source's own depth sends it back, geometric_cap)

Barnes et al. 2009 (PatchMatch), Galliani et al. 2015 (Gipuma: planes, checkerboard), Xu and Tao 2019 (ACMM: sources per
pixel, coarse to fine, geometric consistency).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from recon.workspace.errors import UserError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class StereoView:
    """A grey picture with its pinhole camera, and the depths to look between."""

    grey: NDArray[np.uint8]  # [h, w]
    intrinsics: tuple[float, float, float, float]  # fx fy cx cy, half-pixel convention
    camera_from_world: NDArray[np.float64]  # [4, 4]
    near: float
    far: float

    def __post_init__(self) -> None:
        assert self.grey.ndim == 2 and self.grey.dtype == np.uint8 and 0 < self.near < self.far

    @cached_property
    def quads(self) -> NDArray[np.uint32]:
        """[h, w]: a pixel, its right, lower and lower right neighbour in 8 bits each: a bilinear read is one gather."""
        padded = np.pad(self.grey.astype(np.uint32), ((0, 1), (0, 1)), mode="edge")
        return np.ascontiguousarray(
            padded[:-1, :-1] | padded[:-1, 1:] << 8 | padded[1:, :-1] << 16 | padded[1:, 1:] << 24
        )

    def rays(self) -> Floats:
        """[h, w, 3]: (u, v, 1) of every pixel."""
        fx, fy, cx, cy = self.intrinsics
        h, w = self.grey.shape
        y, x = np.mgrid[:h, :w].astype(np.float32) + np.float32(0.5)
        return np.stack([(x - cx) / fx, (y - cy) / fy, np.ones((h, w))], -1).astype(np.float32)

    def depth(self, planes: Floats) -> Floats:
        """[h, w] along camera z of planes [h, w, 3]; 0 where one lies behind."""
        inverse = np.einsum("hwc,hwc->hw", planes, self.rays())
        return np.where(inverse > 1e-9, 1 / np.maximum(inverse, 1e-9), 0).astype(np.float32)


@dataclass(frozen=True)
class Hypotheses:
    """What every pixel of a view believes, or n pixels of it: written in place by `stereo_sweep` and `stereo_search`."""

    planes: Floats  # [h, w, 3] or [n, 3]
    costs: Floats  # [h, w] or [n]
    chosen: NDArray[np.uint16]  # [h, w] or [n]: bit k set = judged by source k

    @staticmethod
    def of(planes: Floats, chosen: NDArray[np.uint16] | None = None) -> "Hypotheses":
        """Planes whose costs are not known yet, and nothing chosen unless given."""
        shape = planes.shape[:-1]
        planes = np.ascontiguousarray(planes, np.float32)
        chosen = np.zeros(shape, np.uint16) if chosen is None else np.ascontiguousarray(chosen)
        return Hypotheses(planes, np.full(shape, np.inf, np.float32), chosen)


@dataclass(frozen=True)
class Window:
    """Where the 32 samples of a window lie: on the grid of -reach and reach, across and down, without its corners."""

    reach: tuple[int, int, int]  # pixels, growing
    sigma: float  # pixels: how fast samples lose their say with their distance from the middle


NARROW, WIDE = Window((1, 2, 4), 2.0), Window((1, 3, 5), 5.0)


@dataclass(frozen=True)
class StereoSettings:
    """How hypotheses are judged and where new ones come from."""

    narrow: Window = NARROW  # wide ones blur what stands before something else into it
    wide: Window = WIDE  # where a narrow one shows too little
    enough_variance: float = 50.0  # grey levels squared, that a narrow window must show
    color_sigma: float = 20.0  # grey levels; how fast unlike pixels lose their say
    noise: float = 4.0  # variance of the pictures' noise, grey levels squared
    n_best: int = 3  # sources a pixel is judged by: those that like its plane best, at an angle that tells depths apart
    enough_angle_deg: float = 10.0  # between the lines of sight to the pixel's place
    lack_cost: float = 0.6  # added to a source without any angle when the best are chosen: it likes every depth
    geometric_weight: float = 0.2
    geometric_cap: float = 3.0  # pixels
    choose: bool = True  # `stereo_costs` chooses sources anew; else it takes those chosen before
    explore: bool = True  # every hypothesis in all sources; else in the chosen ones
    n_far: int = 4  # hypotheses from strips, 0 to 4
    n_refinements: int = 3
    depth_spread: float = 0.04  # of refinements, relative
    normal_spread: float = 0.4


def stereo_costs(
    view: StereoView,
    state: Hypotheses,
    sources: Sequence[StereoView],  # at most 16
    settings: StereoSettings,
    *,
    depths: Sequence[Floats] | None = None,  # [h, w] of each source, of the last pass: for geometric consistency
) -> None:
    """Cost of every plane as it is, over the `n_best` sources that like it best; they become the chosen ones.

    Pictures taken side by side like every plane, and the best ones alone would say little of the depth. A source whose line of
    sight makes an angle a < a0 with the pixel's own is chosen as if it cost `lack_cost` (1 - sin a / a0)^2 more (after
    Schoenberger et al. 2016, 4.2).
    """
    _native().costs(view, state, sources, settings, depths)


def stereo_sweep(
    view: StereoView,
    state: Hypotheses,
    sources: Sequence[StereoView],
    settings: StereoSettings,
    *,
    depths: Sequence[Floats] | None = None,
    seed: int = 0,
) -> int:
    """One sweep: every pixel tries its neighbours' planes and small changes of its own. Returns the hypotheses tried.

    Args:
        view: the picture; state: its hypotheses, changed in place; sources: the pictures it is compared with.
        settings: what costs how much, and how far changes go.
        depths: of the sources, for geometric consistency; None: by colours alone.
        seed: of the random changes.
    """
    return _native().sweep(view, state, sources, settings, depths, seed)


def stereo_search(
    view: StereoView,
    pixels: NDArray[np.int32],  # [n, 2] columns and rows
    state: Hypotheses,  # of these pixels
    candidates: Floats,  # [n, k, 3] planes
    sources: Sequence[StereoView],  # at most 16
    settings: StereoSettings,
    *,
    seed: int = 0,
) -> None:
    """Single pixels of a view try their candidates, then small changes; the best plane of each stays in `state`.

    By colours alone, and at a cost that does not depend on the size of the picture. settings: what costs how much, and how
    far changes go; seed: of the random ones.
    """
    _native().search(view, pixels, state, candidates, sources, settings, seed)


def stereo_agreement(
    view: StereoView,
    depth: Floats,  # [h, w], 0 unknown
    sources: Sequence[StereoView],
    depths: Sequence[Floats],  # of the sources
    *,
    pixels: float,
    relative: float,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Floats]:
    """Maps [h, w]: how many sources agree with a depth, how many look through it, and the mean of it and those that agree.

    A source agrees when its own depth sends the pixel back within `pixels` and `relative` of the depth; it looks through
    when its depth lies behind by more than four times `relative`.

    view: the picture with the depth; sources: at most 255; depths: of the sources, in their order.
    """
    return _native().agreement(view, depth, sources, depths, pixels, relative)


def _native():  # type: ignore[no-untyped-def]
    from recon.kernels import native

    reason = native.why_missing()
    if reason:
        raise UserError(
            f"matching needs the native kernels: {reason}. Install a C++ compiler and `pip install -e .` again."
        )
    from recon.kernels.native import patchmatch

    native.set_n_threads(torch.get_num_threads())
    return patchmatch
