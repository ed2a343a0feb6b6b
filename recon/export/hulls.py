"""Convex hulls beside a scanned surface, and how far they stray from it.

A hull may stand into free space by the tolerance there, reach behind the surface by `thickness`, and fill what matter shuts
in. This is checked on points spread over the hull, against the whole surface: hulls may overlap each other and real surface freely.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from recon.export.planes import Plane
from recon.export.tolerances import Tolerances
from recon.geometry.face_graph import edges_of
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Nearest, Surface
from recon.geometry.transforms import Array, cross

_FLATTEST = 1e-5  # of its extent, or of its coordinates: engines of single precision find no inside in what is thinner
# Of a hull's points in free space, which may stray twice as far where the fine tolerance holds: single bumps of a scan.
_SPARED = 0.02
_POINTS = (32, 160, 1024)  # on a hull's skin that are asked, at most: most of those that stray are found by few


@dataclass(frozen=True)
class Limits:
    """What a hull may do, in scene units."""

    tolerances: Tolerances  # into free space
    thickness: float  # behind the surface

    @property
    def least_depth(self) -> float:
        """Of a sheet: a thinner one would not stop a moving body."""
        return self.tolerances.fine / 2

    def depth(self, room: Array, leaves_solid: np.ndarray) -> Array:
        """How far a part may reach behind the surface [n], which is met again after some `room`, from its back or not.

        A face met from its front means free space lies between (a one-sided table top above a floor): keep to half of it.
        """
        return np.clip(np.where(leaves_solid, 1.0, 0.5) * room, self.least_depth, self.thickness)

    def behind(self, tolerance: Array) -> Array:
        """How far behind the surface a point of a hull may lie [n], by the tolerance [n] there."""
        return np.asarray(1.1 * self.thickness + tolerance)


def is_straight_behind(points: Array, nearest: Nearest) -> np.ndarray:
    """Which points [n, 3] lie within 60 degrees of straight behind their `nearest` place on a surface.

    Beside a border is free space, not solid.
    """
    towards = ((nearest.positions - points) * nearest.normals).sum(1)
    return np.asarray(towards > 0.5 * nearest.distance)


def hull_of(points: Array) -> TriangleMesh | None:
    """The convex hull of points [n, 3] with outward faces, or None for a set too flat to have one."""
    middle = points.mean(0)
    try:
        hull = ConvexHull(points - middle)
    except (QhullError, ValueError):
        return None
    vertices = points[hull.vertices]
    index = np.empty(len(points), np.int64)
    index[hull.vertices] = np.arange(len(hull.vertices))
    faces = index[hull.simplices]
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    inward = (cross(b - a, c - a) * hull.equations[:, :3]).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return TriangleMesh(vertices, faces.astype(np.int32))


def is_flat(hull: TriangleMesh) -> bool:
    """Whether an engine of single precision would find no inside in a hull."""
    around = hull.vertices - hull.vertices.mean(0)
    thinnest = np.linalg.eigh(around.T @ around)[1][:, 0]
    size = max(float(np.ptp(around, axis=0).max()), float(np.abs(hull.vertices).max()))
    return bool(np.ptp(around @ thinnest) <= _FLATTEST * size)


def cut_before(hull: TriangleMesh, plane: Plane, *, reach: float = 0.0) -> TriangleMesh | None:
    """The part of a convex hull before a plane, drawn down to it where it ends within `reach`; None where nothing is left."""
    height = plane.height(hull.vertices)
    edges = edges_of(hull.faces)
    a, b = edges[(height[edges[:, 0]] > 0) & (height[edges[:, 1]] < 0)].T
    weight = (height[a] / (height[a] - height[b]))[:, None]
    crossings = hull.vertices[a] + weight * (hull.vertices[b] - hull.vertices[a])
    above = hull.vertices[height >= 0]
    low = hull.vertices[(height > 0) & (height < reach)]
    feet = low - plane.height(low)[:, None] * plane.normal
    points = np.concatenate([above, crossings, feet])
    rest = hull_of(points) if len(points) >= 4 else None
    return None if rest is None or is_flat(rest) else rest


def room_behind(mesh: TriangleMesh, surface: Surface, limits: Limits) -> Array:
    """How far behind each face [f] there is room: to the far side of a thin board, at most `thickness`.

    The mesh may be a smoother one than the surface: a front that a face stands before by no more than twice its distance from the
    surface is its own, and no end of its room.
    """
    normals, middles = mesh.face_normals, mesh.vertices[mesh.faces].mean(1)
    step = 0.02 * limits.tolerances.fine
    room, leaves_solid = _met_behind(middles, normals, surface, np.full(len(normals), step))
    own = np.flatnonzero(~leaves_solid & (room <= 2 * surface.distance(middles)))
    room[own], leaves_solid[own] = _met_behind(middles[own], normals[own], surface, room[own] + step)
    return limits.depth(room, leaves_solid)


def _met_behind(positions: Array, normals: Array, surface: Surface, start: Array) -> tuple[Array, np.ndarray]:
    """How far behind positions [n, 3], beyond `start` [n], the surface is met, and whether from its back, out of matter."""
    hits = surface.cast(positions - start[:, None] * normals, -normals)
    return hits.distance + start, (hits.normals * normals).sum(1) < 0


class Strays:
    """Rates hulls by their `excess`: the largest share of its limit that a point of the hull uses up, at most 1 is good."""

    def __init__(self, surface: Surface, limits: Limits, *, seed: int = 0) -> None:
        self._surface, self.limits, self._random = surface, limits, np.random.default_rng(seed)

    def excess(self, hulls: list[TriangleMesh], *, looser: float = 1.0) -> Array:
        """The excess [n] of each hull: a few points first, more and more for those within `looser` limits."""
        result = np.zeros(len(hulls))
        for at_most in _POINTS:
            good = np.flatnonzero(result <= looser)
            result[good] = np.maximum(result[good], self._rate([self._spread(hulls[i], at_most=at_most) for i in good]))
        return result

    def room_behind(self, points: Array, normals: Array) -> Array:
        """How far a part may reach behind points [n, 3] of the surface with unit normals [n, 3]."""
        step = np.full(len(points), 0.02 * self.limits.tolerances.fine)
        return self.limits.depth(*_met_behind(points, normals, self._surface, step))

    def excess_of_chords(self, pairs: list[tuple[Array, Array]], *, n: int = 16) -> Array:
        """The same on chords between two sets of corners: the hull of both holds them, and no hull need be computed."""
        groups = []
        for a, b in pairs:
            along = self._random.uniform(0.2, 0.8, (n, 1))
            ends = self._random.integers(len(a), size=n), self._random.integers(len(b), size=n)
            groups.append((1 - along) * a[ends[0]] + along * b[ends[1]])
        return self._rate(groups)

    def _spread(self, hull: TriangleMesh, *, at_most: int) -> Array:
        """Points spread over a hull's faces by area, two tolerances apart (up to a budget), and as many inside it.

        Those inside matter where a hull encloses free space and all of its skin lies behind a surface: a cave, a room.
        """
        a, b, c = (hull.vertices[hull.faces[:, i]] for i in range(3))
        areas = hull.face_areas
        total = float(areas.sum())
        n = int(np.clip(total / (2 * self.limits.tolerances.fine) ** 2, 16, at_most))
        which = np.minimum(np.searchsorted(np.cumsum(areas), (np.arange(n) + 0.5) / n * total), len(areas) - 1)
        u, v = self._random.random((2, n, 1))
        u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
        skin = a[which] + u * (b - a)[which] + v * (c - a)[which]
        return np.concatenate(
            [skin, skin + self._random.uniform(0.1, 0.9, (n, 1)) * (skin[self._random.permutation(n)] - skin)]
        )

    def _rate(self, groups: list[Array]) -> Array:
        if not groups:
            return np.zeros(0)
        points = np.concatenate(groups)
        nearest = self._surface.nearest(points)
        is_behind = is_straight_behind(points, nearest)
        tolerances = self.limits.tolerances
        is_fine = tolerances.is_fine(points, nearest.normals)
        tolerance = np.where(is_fine, tolerances.fine, tolerances.coarse)
        limit = np.where(is_behind, self.limits.behind(tolerance), tolerance)
        excess = nearest.distance / limit
        beyond = np.flatnonzero(excess > 1)
        shut_in = beyond[self._surface.encloses(points[beyond])]
        excess[shut_in] = 1.0
        is_exposed = ~is_behind
        is_exposed[shut_in] = False
        sizes = np.array([len(group) for group in groups])
        ends = np.cumsum(sizes)
        ranked = excess[np.lexsort((excess, np.repeat(np.arange(len(groups)), sizes)))]
        # Twice the coarse tolerance would be decimetres of unseen matter.
        of_worst = np.maximum.reduceat(np.where(is_fine, excess / 2, excess), ends - sizes)
        n_exposed = np.add.reduceat(is_exposed.astype(int), ends - sizes)
        return np.maximum(ranked[ends - 1 - (_SPARED * n_exposed).astype(int)], of_worst)
