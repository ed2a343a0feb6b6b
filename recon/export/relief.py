"""How a floor bends: its height over a plane, from knots on lines across each other, without a step anywhere.

Between four knots the floor is two triangles, folded along that diagonal of the cell which makes a ridge: so the piece below
each cell, and below any rectangle of it, is convex, and neighbours agree on all of the edge between them.
"""

from dataclasses import dataclass

import numpy as np

from recon.geometry.transforms import Array

_ROUNDS = 3  # of fitting: which diagonal is the ridge follows from the heights
_LEAST_HOLD = 1e-6  # of a knot that nothing was seen of to the plane


@dataclass(frozen=True)
class Relief:
    """Heights [n, m] of knots over a plane with unit `axes` [2, 3], on n lines across v and m across u, both rising."""

    axes: Array
    us: Array  # [m]
    vs: Array  # [n]
    heights: Array

    def at(self, points: Array) -> Array:
        """The height [..] over the plane straight under or over points [.., 3]; beyond the knots as at their border."""
        knots, weights = _held_by(self, points.reshape(-1, 3))
        return np.asarray((weights * self.heights.ravel()[knots]).sum(1).reshape(points.shape[:-1]))

    def corners(self, outline: Array) -> Array:
        """(u, v) of the corners of the floor over a convex outline [k, 2] in one cell: its own, and where the ridge leaves it."""
        i, j = self._cell(outline.mean(0))
        start, side = np.array([self.us[i], self.vs[j]]), np.array([np.diff(self.us)[i], np.diff(self.vs)[j]])
        s, t = ((outline - start) / side).T
        h = self.heights[j : j + 2, i : i + 2]
        beside = t - s if h[0, 0] + h[1, 1] >= h[0, 1] + h[1, 0] else s + t - 1
        following, after = np.roll(outline, -1, axis=0), np.roll(beside, -1)
        crosses = beside * after < 0
        share = (beside[crosses] / (beside[crosses] - after[crosses]))[:, None]
        return np.concatenate([outline, (1 - share) * outline[crosses] + share * following[crosses]])

    def _cell(self, flat: Array) -> tuple[int, int]:
        """The column and the row of the cell that holds (u, v)."""
        column, row = (np.searchsorted(lines, x) - 1 for lines, x in zip((self.us, self.vs), flat, strict=True))
        return int(np.clip(column, 0, len(self.us) - 2)), int(np.clip(row, 0, len(self.vs) - 2))


def fitted(axes: Array, us: Array, vs: Array, points: Array, heights: Array, *, stiffness: float) -> Relief:
    """The relief over knots at lines `us` and `vs` that comes nearest to points [k, 3] at heights [k] over the plane.

    axes: unit [2, 3], of the plane.
    stiffness: what a fold of its lines counts beside a distance from all points of a knot: where nothing is, it goes straight on.
    """
    relief = Relief(axes, us, vs, np.zeros((len(vs), len(us))))
    n_knots = relief.heights.size
    along, across = _folds(us), _folds(vs)
    stiff = np.kron(np.eye(len(vs)), along.T @ along) + np.kron(across.T @ across, np.eye(len(us)))
    hold = stiffness * len(points) / n_knots * stiff + _LEAST_HOLD * len(points) * np.eye(n_knots)
    for _ in range(_ROUNDS):
        knots, weights = _held_by(relief, points)
        pairs = (knots[:, :, None] * n_knots + knots[:, None, :]).ravel()
        products = (weights[:, :, None] * weights[:, None, :]).ravel()
        normal = np.bincount(pairs, products, n_knots**2).reshape(n_knots, n_knots)
        right = np.bincount(knots.ravel(), (weights * heights[:, None]).ravel(), n_knots)
        relief = Relief(
            axes, us, vs, np.asarray(np.linalg.solve(normal + hold, right), float).reshape(relief.heights.shape)
        )
    return relief


def _held_by(relief: Relief, points: Array) -> tuple[np.ndarray, Array]:
    """The four knots [k, 4] (numbers into the heights, row by row) about points [k, 3], and what each weighs there [k, 4]."""
    flat = points @ relief.axes.T
    placed = []
    for lines, x in zip((relief.us, relief.vs), flat.T, strict=True):
        first = np.clip(np.searchsorted(lines, x) - 1, 0, len(lines) - 2)
        placed.append((first, np.clip((x - lines[first]) / (lines[first + 1] - lines[first]), 0, 1)))
    (column, s), (row, t) = placed
    knots = row * len(relief.us) + column
    knots = np.stack([knots, knots + 1, knots + len(relief.us), knots + len(relief.us) + 1], 1)
    h = relief.heights.ravel()[knots]
    rises = np.stack([1 - np.maximum(s, t), np.maximum(s - t, 0), np.maximum(t - s, 0), np.minimum(s, t)], 1)
    falls = np.stack(
        [np.maximum(1 - s - t, 0), np.minimum(s, 1 - t), np.minimum(t, 1 - s), np.maximum(s + t - 1, 0)], 1
    )
    return knots, np.where((h[:, 0] + h[:, 3] >= h[:, 1] + h[:, 2])[:, None], rises, falls)


def _folds(lines: Array) -> Array:
    """What turns heights on lines [m] into how much they fold at each inner one [m - 2, m]: nothing where they lie straight."""
    steps = np.diff(lines)
    slopes = (np.eye(len(lines))[1:] - np.eye(len(lines))[:-1]) / steps[:, None]
    return np.asarray(np.diff(slopes, axis=0) * steps.mean())
