"""From pictures and sparse points to a depth and a plane in every pixel: the passes over the pyramid."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recon.console import Bar
from recon.kernels.stereo import Floats, Hypotheses, StereoSettings, StereoView, stereo_costs, stereo_sweep
from recon.matching.pictures import Picture, pyramid_sizes
from recon.matching.sources import SparseScene

SMALLEST = 150  # pixels of the longest side, at least, on the first level
START_NEIGHBOURS = 4  # a pixel starts near one of so many nearest points
START_SPREAD = 0.08  # relative, of its inverse depth
START_ANYWHERE = 0.2  # share of pixels that start at any depth


@dataclass(frozen=True)
class Pass:
    """One sweep over all pictures, or one with geometric consistency from the depths before it."""

    is_geometric: bool
    settings: StereoSettings


# Measured on the sample: a fourth exploring sweep, or exploring in the geometric ones, costs a third more for 1 % of pixels.
FIRST = StereoSettings(geometric_weight=0.0)
FIRST_LEVEL = [*[Pass(False, FIRST)] * 3, *[Pass(True, StereoSettings(explore=False))] * 2]
LATER = StereoSettings(explore=False, n_far=0, n_refinements=2, depth_spread=0.01, normal_spread=0.2)
LATER_LEVELS = [Pass(True, LATER)] * 2


@dataclass(frozen=True)
class Matches:
    """The state after the last pass, for each picture."""

    views: list[StereoView]
    hypotheses: list[Hypotheses]

    def depths(self) -> list[Floats]:
        return [h.depth(view.rays) for view, h in zip(self.views, self.hypotheses, strict=True)]


def n_passes(pictures: Sequence[Picture]) -> int:
    """How many sweeps `match_pictures` makes."""
    return len(FIRST_LEVEL) + (len(pyramid_sizes(pictures, smallest=SMALLEST)) - 1) * len(LATER_LEVELS)


def match_pictures(
    pictures: Sequence[Picture],
    scene: SparseScene,
    sources: NDArray[np.int32],
    ranges: Sequence[tuple[float, float]],
    *,
    seed: int,
    bar: Bar | None = None,
) -> Matches:
    """Coarse to fine: the first level starts near the sparse points, each later one where the level before ended."""
    matches: Matches | None = None
    turn = 0
    for sizes in pyramid_sizes(pictures, smallest=SMALLEST):
        small = [p if p.camera.size_hw == size else p.resized(size) for p, size in zip(pictures, sizes, strict=True)]
        views = [p.stereo_view(*limits) for p, limits in zip(small, ranges, strict=True)]
        if matches is None:
            planes = [_start(i, p, view, scene, seed) for i, (p, view) in enumerate(zip(small, views, strict=True))]
        else:
            planes = [_enlarged(h.planes, size) for h, size in zip(matches.hypotheses, sizes, strict=True)]
        passes = FIRST_LEVEL if matches is None else LATER_LEVELS
        matches = Matches(views, [Hypotheses.of(p) for p in planes])
        for step in passes:
            depths = matches.depths() if step.is_geometric else None
            stereo_costs(views, matches.hypotheses, sources, step.settings, depths=depths)
            stereo_sweep(views, matches.hypotheses, sources, step.settings, depths=depths, seed=seed + turn)
            turn += 1
            if bar is not None:
                bar.advance()
    assert matches is not None
    return matches


def _enlarged(planes: Floats, size_hw: tuple[int, int]) -> Floats:
    """Planes do not depend on the resolution: the nearest pixel's."""
    return np.asarray(cv2.resize(planes, size_hw[::-1], interpolation=cv2.INTER_NEAREST))


def _start(index: int, picture: Picture, view: StereoView, scene: SparseScene, seed: int) -> Floats:
    """Planes [h, w, 3] near the sparse points, facing anywhere."""
    rng = np.random.default_rng((seed, index))
    h, w = picture.camera.size_hw
    inverse = rng.uniform(1 / view.far, 1 / view.near, h * w)
    local = scene.local(index, picture.view)
    if len(local) >= START_NEIGHBOURS:
        camera = picture.camera
        plane = local[:, :2] / local[:, 2:] * (camera.fx, camera.fy) + (camera.cx, camera.cy)
        y, x = np.mgrid[:h, :w] + 0.5
        _, near = cKDTree(plane).query(np.stack([x.ravel(), y.ravel()], -1), START_NEIGHBOURS)
        picked = near[np.arange(h * w), rng.integers(START_NEIGHBOURS, size=h * w)]
        guess = (1 + START_SPREAD * rng.standard_normal(h * w)) / local[picked, 2]
        guess = np.clip(guess, 1 / view.far, 1 / view.near)
        inverse = np.where(rng.random(h * w) < START_ANYWHERE, inverse, guess)
    rays = view.rays.reshape(-1, 3).astype(np.float64)
    normals = rays / np.linalg.norm(rays, axis=1, keepdims=True) + rng.uniform(-1, 1, (h * w, 3))
    facing = (normals * rays).sum(1)
    normals = np.where((np.abs(facing) < 0.1)[:, None], rays, normals)
    planes = normals * (inverse / (normals * rays).sum(1))[:, None]
    return planes.reshape(h, w, 3).astype(np.float32)
