"""The vertical from level surfaces: floors, table tops, shelves and ceilings share one normal, and it is gravity's.

Seen along their common normal, the heights of a scene's points crowd into thin layers; tilted by a tenth of a degree the
layers smear. So the direction sought is that in which most pairs of points have the same height, to a few thousandths of
the scene. Each layer is then fitted by a plane of its own, and how far their normals differ is the error. One layer alone is
no witness: a street is a plane too, and runs downhill.
"""

from dataclasses import dataclass

import numpy as np

from recon.geometry.transforms import Array, rotation_between

_LAYER = 0.002  # of the scene's radius: what is "the same height"
_STEP_DEG = 0.15  # of the search: layers as thin and as wide as that smear at twice as much
_REFINEMENTS = 3  # each halves the step
_N_SEARCHED = 6000  # points
_AROUND = 8.0  # layers: with how many points a layer is compared
_CLEAR = 6.0  # standard deviations of a count by which a layer stands out
_FEWEST = 20  # points of a layer
_ALIKE_DEG = 0.5  # between the normals of layers that are level
_MOST_DOUBT_DEG = 0.1  # of a layer's own normal: small or narrow ones say nothing
_FEWEST_HEIGHTS = 2
_LEAST_SHARE = 0.04  # of the points, in all layers together
_BUILT_DEG = 0.2  # how level people build


@dataclass(frozen=True)
class Level:
    """The normal that level surfaces share."""

    direction: Array  # [3] unit, on the side of the prior
    error_deg: float  # one sigma
    n_heights: int  # layers that agree
    share: float  # of the points that lie in them


def find_level(points: Array, prior: Array, *, radius: float, reach_deg: float, seed: int) -> Level | None:
    """The common normal of level layers of `points` [n, 3] within about `reach_deg` of `prior` [3] (unit).

    radius: size of the scene, same unit as the points. None unless two layers or more, at different heights, agree.
    """
    if not 0 < radius < np.inf:
        return None
    from_prior = rotation_between(np.array([0.0, 0.0, 1.0]), prior)
    turned, layer = points @ from_prior, _LAYER * radius  # the prior is +z
    normals, sizes = _layers(turned, _most_crowded(turned, layer, reach_deg, seed), layer)
    if len(normals) < _FEWEST_HEIGHTS:
        return None
    tilts_deg = np.degrees(normals[:, :2])
    is_alike = np.linalg.norm(tilts_deg - np.median(tilts_deg, axis=0), axis=1) < _ALIKE_DEG
    share = float(sizes[is_alike].sum() / len(points))
    if is_alike.sum() < _FEWEST_HEIGHTS or share < _LEAST_SHARE:
        return None
    mean = normals[is_alike].mean(0)
    scatter_deg = float(np.sqrt(((tilts_deg[is_alike] - np.degrees(mean[:2])) ** 2).sum(1).mean()))
    error_deg = float(np.hypot(_BUILT_DEG, scatter_deg / np.sqrt(is_alike.sum() - 1)))
    return Level(from_prior @ (mean / np.linalg.norm(mean)), error_deg, int(is_alike.sum()), share)


def _most_crowded(points: Array, layer: float, reach_deg: float, seed: int) -> Array:
    """The unit direction near +z along which most pairs of points differ by less than `layer`."""
    chosen = np.random.default_rng(seed).permutation(len(points))[:_N_SEARCHED]
    searched = points[chosen]
    step = np.radians(_STEP_DEG)
    reach = np.arange(-round(reach_deg / _STEP_DEG), round(reach_deg / _STEP_DEG) + 1) * step
    tilt = max(((x, y) for x in reach for y in reach), key=lambda tilt: _crowding(searched, tilt, layer))
    for _ in range(_REFINEMENTS):
        step /= 2
        near = [(tilt[0] + i * step, tilt[1] + j * step) for i in (0, -1, 1) for j in (0, -1, 1)]
        tilt = max(near, key=lambda tilt: _crowding(searched, tilt, layer))
    return _direction(*tilt)


def _crowding(points: Array, tilt: tuple[float, float], layer: float) -> int:
    """Pairs of points whose heights along the tilted axis differ by less than `layer`."""
    heights = np.sort(points @ _direction(*tilt))
    return int((np.searchsorted(heights, heights + layer) - np.arange(len(heights)) - 1).sum())


def _direction(x: float, y: float) -> Array:
    direction = np.array([x, y, 1.0])
    return direction / np.linalg.norm(direction)


def _layers(points: Array, direction: Array, layer: float) -> tuple[Array, Array]:
    """Normals [k, 3] and numbers of points [k] of the heights along `direction` at which points crowd."""
    heights = np.sort(points @ direction)
    # Only where there are points: heights may spread over anything.
    middles = np.unique(np.floor(heights / (layer / 2))) * (layer / 2)
    inside = _count(heights, middles, layer / 2)
    around = _count(heights, middles, _AROUND * layer) / (2 * _AROUND)
    clearness = (inside - around) / np.sqrt(around + 1)
    normals, sizes = [], []
    while len(clearness) and clearness.max() >= _CLEAR:
        middle = middles[int(np.argmax(clearness))]
        clearness[np.abs(middles - middle) < _AROUND * layer] = -np.inf
        fitted = _fit_layer(points, direction, middle, layer)
        if fitted is not None:
            normals.append(fitted[0])
            sizes.append(fitted[1])
    return np.array(normals).reshape(-1, 3), np.array(sizes)


def _count(heights: Array, middles: Array, reach: float) -> Array:
    """How many of the sorted heights lie within `reach` of each middle."""
    return np.asarray(np.searchsorted(heights, middles + reach) - np.searchsorted(heights, middles - reach), np.float64)


def _fit_layer(points: Array, normal: Array, offset: float, layer: float) -> tuple[Array, int] | None:
    """Least squares of z over x, y for the points within `layer`: the normal, upwards, and how many; None if it is unsure."""
    for reach in (2.0, 1.5, 1.0, 1.0):
        inside = points[np.abs(points @ normal - offset) < reach * layer]
        if len(inside) < _FEWEST:
            return None
        design = np.c_[inside[:, :2] - inside[:, :2].mean(0), np.ones(len(inside))]
        inverse = np.linalg.pinv(design.T @ design)
        slope = inverse @ design.T @ inside[:, 2]
        normal = _direction(-slope[0], -slope[1])
        offset = float(normal @ inside.mean(0))
    noise = ((design @ slope - inside[:, 2]) ** 2).mean()
    doubt_deg = np.degrees(np.sqrt(np.linalg.eigvalsh(inverse[:2, :2])[-1] * noise))
    return (normal, len(inside)) if doubt_deg < _MOST_DOUBT_DEG else None
