"""Pairs of posed views that look at common space from similar sides: the ones worth matching."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import View, nearest_to_lines
from recon.geometry.transforms import Array
from recon.poses.sfm.pairs import Pair

_GRID = 4  # sample pixels per side
_DEPTHS = (0.5, 1.0, 2.0, 4.0)  # of the typical depth, which is a guess
_MAX_ANGLE_DEG = 50.0  # between the rays to a place: SIFT rarely matches beyond
_MIN_OVERLAP = 0.1
_IN_ORDER = 2  # next views in order of capture are tried whatever the poses say, so that wrong poses can be found out
_MAX_SAMPLES = 400  # sparse points, where the data set brings them


def pairs_by_frusta(views: Sequence[View], points: Array | None, *, neighbours: int) -> list[Pair]:
    """Each view with about `neighbours` others that see the same space, as sorted places (i, j), i < j.

    points: sparse points [n, 3] of the world, if there are any. Without them the space is guessed from the poses.
    """
    n = len(views)
    if n - 1 <= neighbours:
        return [(i, j) for i in range(n) for j in range(i + 1, n)]
    overlap = overlaps(views, points)
    mutual = np.sqrt(overlap * overlap.T)
    chosen = {(i, j) for i in range(n) for j in range(i + 1, min(n, i + 1 + _IN_ORDER))}
    for i in range(n):
        order = [int(j) for j in np.argsort(-mutual[i], kind="stable") if j != i and mutual[i, j] >= _MIN_OVERLAP]
        chosen |= {(min(i, j), max(i, j)) for j in near_and_far(order, neighbours)}
    return sorted(chosen)


def near_and_far(order: list[int], count: int) -> list[int]:
    """`count` of `order`: the first half of them the best, the others spread evenly over the rest for wide baselines."""
    if len(order) <= count:
        return order
    best, rest = order[: count // 2], order[count // 2 :]
    places = np.linspace(0, len(rest) - 1, count - len(best)).round().astype(int)
    return best + [rest[place] for place in places]


def overlaps(views: Sequence[View], points: Array | None) -> Array:
    """[n, n]: the share of what view i may see that view j sees from a similar side."""
    poses = np.stack([view.world_from_camera for view in views])
    usable = points is not None and len(points) >= 100
    shared = _thinned(points) if usable and points is not None else None
    seen = [_samples(view, depth, shared) for view, depth in zip(views, typical_depths(poses), strict=True)]
    counts = np.array([len(places) for places in seen])
    owner = np.repeat(np.arange(len(views)), counts)
    places = np.concatenate(seen)
    rays = places - poses[owner, :3, 3]
    rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12)
    shares = np.zeros((len(views), len(views)))
    for j, view in enumerate(views):
        sees = _sees(view, places, rays)
        shares[:, j] = np.bincount(owner, weights=sees, minlength=len(views)) / np.maximum(counts, 1)
    return shares


def typical_depths(poses: Array) -> Array:
    """A guess [n] of how far away each of the poses [n, 4, 4] looks: to where most axes meet, but some baselines at least."""
    centers, forwards = poses[:, :3, 3], poses[:, :3, 2]
    spread = max(float(np.median(np.linalg.norm(centers - np.median(centers, axis=0), axis=1))), 1e-9)
    middle = (centers + spread * forwards).mean(0)
    focus = nearest_to_lines(centers, forwards, prior=middle, prior_weight=1e-2)  # parallel axes stay finite
    return np.clip(((focus - centers) * forwards).sum(1), 0.5 * spread, 10 * spread)


def _thinned(points: Array) -> Array:
    return points[:: max(1, len(points) // _MAX_SAMPLES)]


def _samples(view: View, depth: float, points: Array | None) -> Array:
    """World places [m, 3] that the view may see: the sparse points in its picture, or a grid of pixels at some depths."""
    center = view.world_from_camera[:3, 3]
    if points is not None:
        rays = points - center
        inside = _sees(view, points, rays / np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-12))
        if inside.sum() >= _GRID:
            return points[inside]
    h, w = view.camera.size_hw
    steps = (np.arange(_GRID) + 0.5) / _GRID
    pixels = np.stack(np.meshgrid(steps * w, steps * h), -1).reshape(-1, 2)
    directions = view.camera.unproject(torch.from_numpy(pixels)).numpy() @ view.world_from_camera[:3, :3].T
    return np.concatenate([center + factor * depth * directions for factor in _DEPTHS])


def _sees(view: View, places: Array, rays: Array) -> NDArray[np.bool_]:
    """Whether each place [m, 3] lies in the picture, seen at most so obliquely to the given unit rays [m, 3]: [m] bool."""
    rotation, center = view.world_from_camera[:3, :3], view.world_from_camera[:3, 3]
    offset = places - center
    pixels = view.camera.project(torch.from_numpy(offset @ rotation)).numpy()
    h, w = view.camera.size_hw
    inside = (pixels > 0).all(1) & (pixels[:, 0] < w) & (pixels[:, 1] < h)  # NaN behind the camera: False
    cosine = (offset * rays).sum(1) / np.maximum(np.linalg.norm(offset, axis=1), 1e-12)
    return inside & (cosine > np.cos(np.radians(_MAX_ANGLE_DEG)))
