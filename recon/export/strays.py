"""How far convex hulls stray from a scanned surface: in shares of what the limits allow, asked at points spread over them."""

from collections.abc import Sequence

import numpy as np

from recon.export.hulls import Limits, is_straight_behind, room_at
from recon.export.planes import Plane
from recon.export.tolerances import DRIVEN_M, LEVEL, STOOD_M
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array, cross
from recon.kernels.native.strays import StrayLimits, StrayTrial, stray_hulls, stray_points
from recon.kernels.surfaces import AskedSurface

# Of a hull's points in free space, which may stray twice as far where the fine tolerance holds: single bumps of a scan.
_SPARED = 0.02
_POINTS = (32, 160, 1024)  # on a hull's skin that are asked, at most: most of those that stray are found by few
# Fine tolerances, as in strays.cpp: farther from the surface all of a cell so large is shut in, or none of it
_CELL = 2.0
_CHORDS = 16  # points between two sets of corners
# Steps of sequences that fill a cube of three and one of four dimensions evenly, however many are taken (Roberts, 2018).
_SKIN = np.array([0.8191725133961645, 0.6710436067037893, 0.5497004779019703])
_INSIDE = np.array([0.8566748838545029, 0.7338918566271260, 0.6287067210378087, 0.5385972572236101])


class Strays:
    """Rates hulls by their `excess`: the largest share of its limit that a point of the hull uses up, 1 where all keep theirs.

    Where the surface has a native tree, that answers; the numpy code beside it is the definition.
    """

    def __init__(self, surface: AskedSurface, limits: Limits, *, seed: int = 0) -> None:
        self._surface, self.limits, self._random = surface, limits, np.random.default_rng(seed)
        self._native = None if surface.tree is None else StrayTrial(surface.tree, native_limits(limits))

    def excess(self, hulls: Sequence[TriangleMesh], *, looser: float = 1.0) -> Array:
        """The excess [n] of each hull: a few points first, more and more for those within `looser` limits.

        Where it is larger than `looser`, at least as much as is told.
        """
        corners = [hull.vertices[hull.faces] for hull in hulls]
        apart = 2 * self.limits.tolerances.fine
        if self._native is not None:
            return stray_hulls(self._native, corners, most=_POINTS, apart=apart, looser=looser)
        result = np.ones(len(hulls))
        for at_most in _POINTS:
            good = np.flatnonzero(result <= looser)
            result[good] = self.rated([spread_over(corners[i], apart=apart, at_most=at_most) for i in good])
        return result

    def room_behind(self, points: Array, normals: Array) -> Array:
        """How far a part may reach behind points [n, 3] of the surface with unit normals [n, 3]."""
        return room_at(points, normals, self._surface, self.limits)

    def excess_of_chords(self, pairs: Sequence[tuple[Array, Array]], *, looser: float = 1.0) -> Array:
        """The same on chords between two sets of corners: the hull of both holds them, and no hull need be computed."""
        groups = []
        for a, b in pairs:
            along = self._random.uniform(0.2, 0.8, (_CHORDS, 1))
            ends = self._random.integers(len(a), size=_CHORDS), self._random.integers(len(b), size=_CHORDS)
            groups.append((1 - along) * a[ends[0]] + along * b[ends[1]])
        if self._native is not None:
            return stray_points(self._native, groups, looser=looser)
        return self.rated(groups)

    def rated(self, groups: Sequence[Array]) -> Array:
        """The excess [n] of groups of points [k, 3], at least 1."""
        if not groups:
            return np.ones(0)
        points = np.concatenate(groups)
        nearest = self._surface.nearest(points)
        is_behind = is_straight_behind(points, nearest)
        tolerances = self.limits.tolerances
        is_fine = tolerances.is_fine(points, nearest.normals)
        tolerance = np.where(is_fine, tolerances.fine, tolerances.coarse)
        limit = np.where(is_behind, self.limits.behind(tolerance), tolerance)
        excess = np.maximum(nearest.distance / limit, 1.0)
        is_shut_in = self._shut_in(points, excess > 1)
        excess[is_shut_in] = 1.0
        is_exposed = ~is_behind & ~is_shut_in
        sizes = np.array([len(group) for group in groups])
        ends = np.cumsum(sizes)
        ranked = excess[np.lexsort((excess, np.repeat(np.arange(len(groups)), sizes)))]
        # Twice the coarse tolerance would be decimetres of unseen matter.
        of_worst = np.maximum.reduceat(np.where(is_fine, excess / 2, excess), ends - sizes)
        n_exposed = np.add.reduceat(is_exposed.astype(int), ends - sizes)
        return np.maximum(ranked[ends - 1 - (_SPARED * n_exposed).astype(int)], of_worst)

    def _shut_in(self, points: Array, is_asked: np.ndarray) -> np.ndarray:
        """Which points [n, 3] are shut in by matter, near the surface of those asked; farther from it all of a cell or none is."""
        side = _CELL * self.limits.tolerances.fine
        cells, number = np.unique(np.floor((points - self._surface.origin) / side), axis=0, return_inverse=True)
        middles = self._surface.origin + (cells + 0.5) * side
        off = np.linalg.norm(points - middles[number], axis=1)
        is_deep = self._surface.distance(middles)[number] - off > side
        result = np.zeros(len(points), bool)
        for chosen, places in ((is_deep, middles[number]), (~is_deep & is_asked, points)):
            result[chosen] = self._surface.encloses(places[chosen])
        return result


def spread_over(corners: Array, *, apart: float, at_most: int) -> Array:
    """Points [2 n, 3] spread over a hull's faces [f, 3, 3] by area, two tolerances `apart` (n at most), and as many inside it.

    Those inside matter where a hull encloses free space and all of its skin lies behind a surface: a cave, a room.
    """
    a, b, c = corners.transpose(1, 0, 2)
    ends = np.cumsum(np.linalg.norm(cross(b - a, c - a), axis=1) / 2)
    number = np.arange(int(np.clip(ends[-1] / apart**2, 16, at_most)))[:, None]

    def on_skin(steps: Array) -> Array:
        place, u, v = ((0.5 + steps * number) % 1).T
        face = np.minimum(np.searchsorted(ends, place * ends[-1], side="right"), len(ends) - 1)
        u, v = np.where(u + v > 1, 1 - u, u)[:, None], np.where(u + v > 1, 1 - v, v)[:, None]
        return np.asarray(a[face] + u * (b - a)[face] + v * (c - a)[face])

    skin = on_skin(_SKIN)
    share = 0.1 + 0.8 * ((0.5 + _INSIDE[3] * number) % 1)
    return np.concatenate([skin, skin + share * (on_skin(_INSIDE[:3]) - skin)])


def native_limits(limits: Limits) -> StrayLimits:
    """The limits as the native kernel takes them; it keeps the arrays of a floor that bends alive."""
    tolerances, floor = limits.tolerances, limits.tolerances.floor
    struct = StrayLimits(
        fine=tolerances.fine,
        coarse=tolerances.coarse,
        behind=float(limits.behind(np.zeros(()))),
        driven=DRIVEN_M * tolerances.scale,
        stood=STOOD_M * tolerances.scale,
        level=LEVEL,
        spared=_SPARED,
        has_floor=floor is not None,
    )
    if floor is None:
        return struct
    plane, relief = (floor, None) if isinstance(floor, Plane) else (floor.plane, floor.relief)
    struct.normal[:], struct.offset = plane.normal.tolist(), plane.offset
    if relief is not None:
        kept = [np.ascontiguousarray(each, float) for each in (relief.us, relief.vs, relief.heights)]
        struct.axes[:] = relief.axes.ravel().tolist()
        struct.n_us, struct.n_vs = len(kept[0]), len(kept[1])
        struct.us, struct.vs, struct.heights = (each.ctypes.data for each in kept)
        struct.kept = kept
    return struct
