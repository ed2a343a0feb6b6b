"""Where two planes meet: the signed distance of both together, in place of what fusion rounds off there.

A matcher's window straddles the corner between a wall and the floor, so that depths next to it belong to neither. Where both
patches reach their common line, the surface is known: with heights h_a and h_b over the planes it is min(h_a, h_b) in the
hollow corner of a room and max(h_a, h_b) on the edge of a box. Which of the two is seen from the patches: in a hollow corner
each lies in front of the other. Where one runs on to both sides of the other (a board standing on a floor) nothing is written,
nor where the fused surface knows better: rounding changes a corner a little, and what would change it much is something else. Nor
does an edge say anything of what lies a truncation before the one plane and a truncation behind the other: there a window's pane
stands in its niche.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.tsdf import BLOCK, TsdfVolume
from recon.mesh.planes import PlanePatch

WIDTH = 5  # times the tolerance of planes: a few windows of the matcher
_MOST_PARALLEL = np.cos(np.deg2rad(30))
_GAP = 3  # cells along the line over which a patch may be interrupted
_CLEAR = 0.9  # share of a patch's cells next to the line that must lie on one side of the other plane
_MOST_CHANGED = 0.15  # share of what was fused round a stretch that may change from free to solid, or the other way
_SURE = 0.5  # truncations from the surface from which a change of sign counts
_HOLLOW, _EDGE = 1, 2
_INSIDE = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij")[::-1], -1).reshape(
    -1, 3
)  # voxels x, y, z of a block


@dataclass(frozen=True)
class _Junction:
    """The common line of two planes, and what they form along it."""

    a: PlanePatch
    b: PlanePatch
    along: Array  # [3] unit
    start: float  # of the first stretch, along the line
    length: float  # of a stretch
    forms: NDArray[np.uint8]  # [stretches] 0 nothing, _HOLLOW or _EDGE

    def voxels(
        self, volume: TsdfVolume, blocks: NDArray[np.int64], width: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8], Array, NDArray[np.bool_]]:
        """The voxels of some blocks that something is formed at, none farther than `width` from either plane.

        Returns of each: its number among those of the blocks, stretch, form, the height over what is formed, and whether it lies
        aside of an edge: clearly before the one plane and clearly behind the other.
        """
        corners, inside = volume.blocks[blocks].astype(np.float64) * (BLOCK * volume.voxel), _INSIDE * volume.voxel
        a, b = (plane.heights(corners)[:, None] + inside @ plane.normal for plane in (self.a, self.b))
        near = np.flatnonzero((np.abs(a) < width) & (np.abs(b) < width))
        a, b = a.ravel()[near], b.ravel()[near]
        places = (corners @ self.along)[near // len(inside)] + (inside @ self.along)[near % len(inside)]
        stretch = np.floor((places - self.start) / self.length).astype(np.int64)
        is_there = (stretch >= 0) & (stretch < len(self.forms))
        forms = np.where(is_there, self.forms[np.where(is_there, stretch, 0)], 0).astype(np.uint8)
        height = np.where(forms == _EDGE, np.maximum(a, b), np.minimum(a, b))
        clear = volume.truncation
        is_aside = (forms == _EDGE) & (height >= clear) & (np.minimum(a, b) <= -clear)
        formed = forms > 0
        return near[formed], stretch[formed], forms[formed], height[formed], is_aside[formed]


def sharpen(volume: TsdfVolume, planes: Sequence[PlanePatch], *, width: float, min_weight: float) -> TsdfVolume:
    """The volume, written in place, with the corner of every two planes where both are nearer than `width` (world units).

    Written voxels weigh at least `min_weight`. A voxel that belongs to hollow corners and to edges keeps what was fused.
    """
    found = [junction for a, b in combinations(planes, 2) if (junction := _junction(a, b, width)) is not None]
    touches = [_may_touch(volume, junction, width) for junction in found]
    found = [
        _confirmed(junction, volume, touched, width, min_weight)
        for junction, touched in zip(found, touches, strict=True)
    ]
    distance, weight = (a.reshape(len(volume.blocks), -1) for a in (volume.distance, volume.weight))
    for part in _parts(np.logical_or.reduce([np.zeros(len(volume.blocks), bool), *touches])):
        hollow = np.full(distance[part].shape, np.inf)
        edge = np.full_like(hollow, -np.inf)
        for junction, touched in zip(found, touches, strict=True):
            here = np.flatnonzero(touched[part])
            at, _, forms, height, is_aside = junction.voxels(volume, part[here], width)
            for form, heights, nearer in ((_HOLLOW, hollow, np.minimum), (_EDGE, edge, np.maximum)):
                formed = (forms == form) & ~is_aside
                ours = at[formed]
                voxels = here[ours // distance.shape[1]], ours % distance.shape[1]
                heights[voxels] = nearer(heights[voxels], height[formed])
        is_hollow, is_edge = np.isfinite(hollow), np.isfinite(edge)
        says = np.where(is_hollow, hollow, edge) / volume.truncation
        is_free = (distance[part] > _SURE) & (weight[part] >= min_weight)  # views looked through here
        speaks = (is_hollow != is_edge) & (says >= -1) & ~(is_free & (says <= 0))
        distance[part] = np.where(speaks, np.minimum(says, 1), distance[part])
        weight[part] = np.where(speaks, np.maximum(weight[part], min_weight), weight[part])
    return volume


def _confirmed(
    junction: _Junction, volume: TsdfVolume, touched: NDArray[np.bool_], width: float, min_weight: float
) -> _Junction:
    """The junction without the stretches at which it would change too much of what was fused; `touched`: its blocks."""
    n = len(junction.forms)
    changed, every = np.zeros(n), np.zeros(n)
    for part in _parts(touched):
        at, stretch, _, height, _ = junction.voxels(volume, part, width)
        says, fused = height / volume.truncation, volume.distance[part].reshape(-1)[at]
        counts = (np.abs(says) > _SURE) & (says >= -1) & (volume.weight[part].reshape(-1)[at] >= min_weight)
        every += np.bincount(stretch[counts], minlength=n)
        changed += np.bincount(stretch[counts], (says * fused < 0)[counts], n)
    share = changed / np.maximum(every, 1)
    return replace(junction, forms=np.where(share <= _MOST_CHANGED, junction.forms, 0).astype(np.uint8))


def _parts(touched: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """The numbers of the blocks marked [n], a few at a time."""
    near = np.flatnonzero(touched)
    return np.array_split(near, -(-len(near) // 2000)) if len(near) else []


def _junction(a: PlanePatch, b: PlanePatch, width: float) -> _Junction | None:
    """What two planes form where both patches reach their common line; None where they do so nowhere."""
    if abs(a.normal @ b.normal) > _MOST_PARALLEL:
        return None
    along = np.cross(a.normal, b.normal)
    along /= np.linalg.norm(along)
    cells = [plane.centers(plane.is_covered) for plane in (a, b)]
    heights = [other.heights(middles) for other, middles in ((b, cells[0]), (a, cells[1]))]
    length = max(a.cell, b.cell)
    # A cell whose middle is no farther than its own side from the line lies on either side of it.
    nears = [(np.abs(h) < width + length) & (np.abs(h) > 0.5 * length) for h in heights]
    if not (nears[0].any() and nears[1].any()):
        return None
    places = [middles[near] @ along for middles, near in zip(cells, nears, strict=True)]
    start = float(min(place.min() for place in places)) - _GAP * length
    n = int((max(place.max() for place in places) - start) / length) + 1 + _GAP
    sides = [
        _sides(((place - start) / length).astype(np.int64), height[near] > 0, n)
        for place, height, near in zip(places, heights, nears, strict=True)
    ]
    forms = np.zeros(n, np.uint8)
    forms[(sides[0] >= _CLEAR) & (sides[1] >= _CLEAR)] = _HOLLOW
    forms[(sides[0] <= 1 - _CLEAR) & (sides[1] <= 1 - _CLEAR)] = _EDGE
    return _Junction(a, b, along, start, length, forms) if forms.any() else None


def _sides(stretch: NDArray[np.int64], is_front: NDArray[np.bool_], n: int) -> Array:
    """Share [n] of the cells round each stretch of a line that lie in front of the other plane; NaN where there are none."""
    every, front = (_round(np.bincount(stretch, of, n).astype(np.float64)) for of in (np.ones(len(stretch)), is_front))
    return np.where(every > 0.5, front / np.maximum(every, 1), np.nan)


def _round(values: Array) -> Array:
    """Sums [n] over the stretches round each."""
    return np.convolve(values, np.ones(2 * _GAP + 1), "full")[_GAP : _GAP + len(values)]


def _may_touch(volume: TsdfVolume, junction: _Junction, width: float) -> NDArray[np.bool_]:
    """Blocks [n] that may hold a voxel of the junction."""
    middles = (volume.blocks.astype(np.float64) + 0.5) * BLOCK * volume.voxel
    reach = width + 0.87 * BLOCK * volume.voxel
    return (np.abs(junction.a.heights(middles)) < reach) & (np.abs(junction.b.heights(middles)) < reach)
