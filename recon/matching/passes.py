"""From pictures and sparse points to a depth and a plane in every pixel: the passes over the pyramid."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from recon.kernels.stereo import Floats, Hypotheses, StereoSettings, StereoView, stereo_costs, stereo_sweep
from recon.matching.pictures import Picture, pyramid_sizes
from recon.matching.shelf import Shelf
from recon.matching.sources import SparseScene
from recon.workspace.console import Bar

SMALLEST = 150  # pixels of the longest side, at least, on the first level
START_NEIGHBOURS = 4  # a pixel starts near one of so many nearest points
START_SPREAD = 0.08  # relative, of its inverse depth
START_ANYWHERE = 0.2  # share of pixels that start at any depth


@dataclass(frozen=True)
class Pass:
    """One sweep over all pictures, or one with geometric consistency from the depths before it."""

    is_geometric: bool
    settings: StereoSettings


# Measured on the sample: a fourth exploring sweep, or exploring in the geometric ones, costs a third more for 1 % of pixels; so
# does a second sweep at the full size. Choosing sources anew there, or refining twice, finds nothing more. But what the first
# level got wrong only an exploring sweep on the second mends (docs/surfaces.md).
FIRST = StereoSettings(geometric_weight=0.0)
FIRST_LEVEL = [*[Pass(False, FIRST)] * 3, *[Pass(True, StereoSettings(explore=False))] * 2]
SECOND = StereoSettings(explore=False, n_far=0, n_refinements=2, depth_spread=0.01, normal_spread=0.2)
SECOND_LEVEL = [Pass(False, FIRST), Pass(True, SECOND), Pass(True, replace(SECOND, choose=False))]
LATER_LEVELS = [Pass(True, replace(SECOND, choose=False, n_refinements=1))]


@dataclass(frozen=True)
class Matches:
    """The state after a pass, one entry per picture."""

    views: Shelf[StereoView]
    hypotheses: Shelf[Hypotheses]
    depths: Shelf[Floats]  # of the hypotheses' planes

    @staticmethod
    def at(views: Shelf[StereoView], folder: Path) -> "Matches":
        """Nothing yet; `folder` is for what comes."""
        return Matches(views, Shelf(folder / "hypotheses", cache_bytes=0), Shelf(folder / "depths"))

    def put(self, state: Hypotheses) -> None:
        """The hypotheses of the next picture."""
        self.hypotheses.put(state)
        self.depths.put(self.views[len(self.depths)].depth(state.planes))

    def clear(self) -> None:
        """Free the space of all but the views."""
        self.hypotheses.clear()
        self.depths.clear()


def n_sweeps(pictures: Sequence[Picture]) -> int:
    """How many sweeps over one picture `match_pictures` makes."""
    n_levels = len(pyramid_sizes([p.camera.size_hw for p in pictures], smallest=SMALLEST))
    return len(pictures) * sum(len(_passes(level)) for level in range(n_levels))


def _passes(level: int) -> list[Pass]:
    return [FIRST_LEVEL, SECOND_LEVEL, LATER_LEVELS][min(level, 2)]


def match_pictures(
    pictures: Sequence[Picture],
    scene: SparseScene,
    sources: NDArray[np.int32],
    ranges: Sequence[tuple[float, float]],
    scratch: Path,
    *,
    seed: int,
    bar: Bar | None = None,
) -> Matches:
    """Coarse to fine: the first level starts near the sparse points, each later one where the level before ended.

    Args:
        pictures: all that are matched, at full size.
        scene: sparse points, and which view sees which.
        sources: [n_pictures, k] the pictures that each is matched against, -1 where there are no more.
        ranges: least and greatest depth of each picture.
        scratch: folder for what does not fit into memory.
        seed: of the random hypotheses; bar: progress, advanced by one per picture and sweep.
    """
    matches: Matches | None = None
    turn = 0
    for level, sizes in enumerate(pyramid_sizes([p.camera.size_hw for p in pictures], smallest=SMALLEST)):
        folder = scratch / f"level{level}"
        small = (p.resized(size) for p, size in zip(pictures, sizes, strict=True))
        views = Shelf.of(folder / "views", (p.stereo_view(*limits) for p, limits in zip(small, ranges, strict=True)))
        begun = Matches.at(views, folder / "start")
        for i, size in enumerate(sizes):
            begun.put(_start(i, views[i], scene, seed) if matches is None else _enlarged(matches.hypotheses[i], size))
        if matches is not None:
            matches.clear()
            matches.views.clear()
        matches = begun
        for step in _passes(level):
            matches = _swept(matches, sources, step, folder / f"pass{turn}", seed=seed + turn, bar=bar)
            turn += 1
    assert matches is not None
    return matches


def _swept(
    before: Matches, sources: NDArray[np.int32], step: Pass, folder: Path, *, seed: int, bar: Bar | None
) -> Matches:
    """One pass over all pictures; takes the place of `before`.

    sources: [n, k] as in `match_pictures`. step: what kind of pass. folder: for its results. seed: of the random changes; bar: of
    progress.
    """
    after = Matches.at(before.views, folder)
    for i, view in enumerate(before.views):
        near = [int(j) for j in sources[i] if j >= 0]
        others = [before.views[j] for j in near]
        depths = [before.depths[j] for j in near] if step.is_geometric else None
        state = before.hypotheses[i]
        stereo_costs(view, state, others, step.settings, depths=depths)
        stereo_sweep(view, state, others, step.settings, depths=depths, seed=977 * seed + i)
        after.put(state)
        if bar is not None:
            bar.advance()
    before.clear()
    return after


def _enlarged(state: Hypotheses, size_hw: tuple[int, int]) -> Hypotheses:
    """Planes do not depend on the resolution: the nearest pixel's."""
    planes = cv2.resize(state.planes, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
    chosen = cv2.resize(state.chosen, size_hw[::-1], interpolation=cv2.INTER_NEAREST)
    return Hypotheses.of(np.asarray(planes, np.float32), np.asarray(chosen, np.uint16))


def _start(index: int, view: StereoView, scene: SparseScene, seed: int) -> Hypotheses:
    """Planes near the sparse points, facing anywhere."""
    rng = np.random.default_rng((seed, index))
    h, w = view.grey.shape
    inverse = np.exp(rng.uniform(-np.log(view.far), -np.log(view.near), h * w))
    local = scene.local(index, view.camera_from_world)
    if len(local) >= START_NEIGHBOURS:
        fx, fy, cx, cy = view.intrinsics
        plane = local[:, :2] / local[:, 2:] * (fx, fy) + (cx, cy)
        y, x = np.mgrid[:h, :w] + 0.5
        _, near = cKDTree(plane).query(np.stack([x.ravel(), y.ravel()], -1), START_NEIGHBOURS)
        picked = near[np.arange(h * w), rng.integers(START_NEIGHBOURS, size=h * w)]
        guess = (1 + START_SPREAD * rng.standard_normal(h * w)) / local[picked, 2]
        guess = np.clip(guess, 1 / view.far, 1 / view.near)
        inverse = np.where(rng.random(h * w) < START_ANYWHERE, inverse, guess)
    rays = view.rays().reshape(-1, 3).astype(np.float64)
    normals = rays / np.linalg.norm(rays, axis=1, keepdims=True) + rng.uniform(-1, 1, (h * w, 3))
    facing = (normals * rays).sum(1)
    normals = np.where((np.abs(facing) < 0.1)[:, None], rays, normals)
    planes = normals * (inverse / (normals * rays).sum(1))[:, None]
    return Hypotheses.of(planes.reshape(h, w, 3).astype(np.float32))
