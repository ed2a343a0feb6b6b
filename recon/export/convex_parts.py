"""A scanned surface as convex parts that agree with it to a tolerance, for engines that collide with convex hulls.

Volumetric decomposers (V-HACD, CoACD) look at solids: of a room they make blobs that lift its floor. A scan is a *surface*
with holes, free space on the side its faces point to. So every triangle becomes a thin prism, extruded away from the
free side, and neighbouring prisms are merged bottom-up for as long as the convex hull of the two

    stays within `tolerance` of the surface wherever it reaches into free space, and
    reaches at most `thickness` behind the surface.

Both are checked on points spread over each hull, against the whole surface: hulls may overlap each other and real
surface freely, which is why a noisy floor ends as one slab, and a floor with a hole as slabs around it. The prisms contain
every triangle, so a part can stand proud by the tolerance and never lies below the surface.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from recon.console import progress
from recon.export.surface import Array, Surface, face_normals
from recon.geometry.mesh import TriangleMesh

_STEPS = 12  # tolerance is raised at most this often (1.5 ** 12 = 130 times) to meet the budget


@dataclass(frozen=True)
class _Limits:
    """What a merged hull may do, in scene units."""

    tolerance: float  # into free space
    thickness: float  # behind the surface


@dataclass(frozen=True)
class _Part:
    """A convex hull by its vertices [n, 3] and triangles [m, 3]."""

    vertices: Array
    triangles: np.ndarray

    @property
    def extent(self) -> float:
        return float(np.linalg.norm(np.ptp(self.vertices, axis=0)))


def decompose(
    mesh: TriangleMesh, *, tolerance: float, thickness: float, max_parts: int, seed: int = 0
) -> tuple[list[TriangleMesh], float]:
    """Convex parts of `mesh` and the tolerance they hold: the given one, or more where `max_parts` demanded it.

    Lengths are in scene units. Deterministic for a given `seed`.
    """
    surface = Surface(mesh)
    limits = _Limits(tolerance, thickness)
    prisms, pairs = _prisms(mesh, surface, limits)
    merger = _Merger(surface, limits, prisms, pairs, np.random.default_rng(seed))
    with progress("convex parts", None) as bar:
        for step in range(_STEPS):
            looser = 1.5**step
            merger.merge_all(looser, note=lambda n: bar.advance(1, note=f"{n} parts"))
            merger.pair_nearby(looser * tolerance)
            merger.merge_all(looser, note=lambda n: bar.advance(1, note=f"{n} parts"))
            if len(merger.parts) <= max_parts:
                break
    parts = sorted(merger.parts.values(), key=lambda part: -part.extent)
    return [TriangleMesh(part.vertices, part.triangles.astype(np.int32)) for part in parts], looser * tolerance


def _prisms(mesh: TriangleMesh, surface: Surface, limits: _Limits) -> tuple[dict[int, _Part], set[tuple[int, int]]]:
    """A prism for each triangle, and which of them share an edge."""
    normals, depths = face_normals(mesh), _depths(mesh, surface, limits)
    corners = mesh.vertices[mesh.faces]
    behind = corners - depths[..., None] * normals[:, None]
    prisms = {}
    for face in range(len(mesh.faces)):
        part = _hull(np.concatenate([corners[face], behind[face]]))
        if part is not None:
            prisms[face] = part
    return prisms, {pair for pair in _shared_edges(mesh.faces) if pair[0] in prisms and pair[1] in prisms}


def _depths(mesh: TriangleMesh, surface: Surface, limits: _Limits) -> Array:
    """How far each corner [f, 3] may be extruded: to the far side of a thin board, at most `thickness`.

    The least depth, half a tolerance, keeps sheets from being too thin to stop a moving body.
    """
    corners = mesh.vertices[mesh.faces]
    inset = 0.9 * corners + 0.1 * corners.mean(1, keepdims=True)  # off the edge, where a ray would graze the next face
    inwards = np.broadcast_to(-face_normals(mesh)[:, None], inset.shape).reshape(-1, 3)
    start = 0.02 * limits.tolerance
    hits = surface.cast(inset.reshape(-1, 3) + start * inwards, inwards)
    leaves_solid = (hits.normals * inwards).sum(1) > 0
    # A face met from its front means free space lies between (a one-sided table top above a floor): keep to half of it.
    room = np.where(leaves_solid, 1.0, 0.5) * (hits.distance + start)
    return np.clip(room, limits.tolerance / 2, limits.thickness).reshape(-1, 3)


def _shared_edges(faces: np.ndarray) -> set[tuple[int, int]]:
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order[1:]] == edges[order[:-1]]).all(1)
    pairs = np.sort(np.stack([order[1:][same], order[:-1][same]], 1) // 3, axis=1)
    return {(int(a), int(b)) for a, b in pairs if a != b}


def _hull(points: Array) -> _Part | None:
    """The convex hull with outward triangles, or None for a set too flat to have one."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return None
    vertices = points[hull.vertices]
    index = np.empty(len(points), np.int64)
    index[hull.vertices] = np.arange(len(hull.vertices))
    triangles = index[hull.simplices]
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    inward = (np.cross(b - a, c - a) * hull.equations[:, :3]).sum(1) < 0
    triangles[inward] = triangles[inward][:, ::-1]
    return _Part(vertices, triangles)


class _Merger:
    """Parts by number, the pairs worth merging, and merging in rounds: a round tests its pairs in one batch.

    How good a merge is, its `excess`, is the largest share of its limit that a point of the merged hull uses up: at most 1
    is a merge within the limits, at most 1.5 one within limits half as loose again.
    """

    def __init__(
        self,
        surface: Surface,
        limits: _Limits,
        parts: dict[int, _Part],
        pairs: set[tuple[int, int]],
        random: np.random.Generator,
    ) -> None:
        self.parts, self._surface, self._limits, self._random = parts, surface, limits, random
        self._neighbours: dict[int, set[int]] = {number: set() for number in parts}
        for a, b in pairs:
            self._pair(a, b)
        self._excess: dict[tuple[int, int], float] = {}  # of pairs that failed: at least this
        self._next = max(parts, default=-1) + 1

    def pair_nearby(self, gap: float) -> None:
        """Also pair parts whose boxes come within `gap`: scans have cracks that no shared edge bridges."""
        numbers = list(self.parts)
        low = np.array([self.parts[n].vertices.min(0) for n in numbers]) - gap / 2
        high = np.array([self.parts[n].vertices.max(0) for n in numbers]) + gap / 2
        for i, number in enumerate(numbers):
            touch = ((low[i + 1 :] <= high[i]) & (high[i + 1 :] >= low[i])).all(1)
            for other in np.flatnonzero(touch):
                self._pair(number, numbers[i + 1 + other])

    def merge_all(self, looser: float, *, note: Callable[[int], None]) -> None:
        """Merge until no pair may be merged within limits `looser` times the first ones."""
        while pairs := self._matching(looser):
            for pair, hull in self._test(pairs, looser).items():
                self._merge(pair, hull)
            note(len(self.parts))

    def _matching(self, looser: float) -> list[tuple[int, int]]:
        """Pairs still worth a test, no part in two of them, small results first.

        So parts grow evenly instead of one swallowing its neighbours in strips, and no test is wasted on a pair that a
        merge beside it makes obsolete.
        """
        pairs = [
            (a, b)
            for a, others in self._neighbours.items()
            for b in others
            if a < b and self._excess.get((a, b), 0.0) <= looser
        ]
        if not pairs:
            return []
        boxes = {number: (part.vertices.min(0), part.vertices.max(0)) for number, part in self.parts.items()}
        low, high = (np.array([[boxes[number][end] for number in pair] for pair in pairs]) for end in (0, 1))
        size = np.linalg.norm(high.max(1) - low.min(1), axis=1)
        taken: set[int] = set()
        matching = []
        for i in np.lexsort((*np.array(pairs).T, size)):
            a, b = pairs[i]
            if a not in taken and b not in taken:
                taken.update((a, b))
                matching.append((a, b))
        return matching

    def _pair(self, a: int, b: int) -> None:
        self._neighbours[a].add(b)
        self._neighbours[b].add(a)

    def _merge(self, pair: tuple[int, int], hull: _Part) -> None:
        new, self._next = self._next, self._next + 1
        self.parts[new] = hull
        around = (self._neighbours.pop(pair[0]) | self._neighbours.pop(pair[1])) - set(pair)
        self._neighbours[new] = set()
        for old in pair:
            del self.parts[old]
            for other in around:
                self._excess.pop((min(old, other), max(old, other)), None)
                self._neighbours[other].discard(old)
        for other in around:
            self._pair(new, other)

    def _test(self, pairs: list[tuple[int, int]], looser: float) -> dict[tuple[int, int], _Part]:
        """The merged hulls that keep the limits. Chords first, then a few points of the hull, then many."""
        chords = [self._chords(pair) for pair in pairs]
        pairs = self._keep_good(pairs, chords, looser)
        hulls: dict[tuple[int, int], _Part] = {}
        for pair in pairs:
            hull = self._merged_hull(pair)
            if hull is None:
                self._excess[pair] = np.inf
            else:
                hulls[pair] = hull
        for most in (32, 2048):
            points = [self._spread(hull, at_most=most) for hull in hulls.values()]
            hulls = {pair: hulls[pair] for pair in self._keep_good(list(hulls), points, looser)}
        return hulls

    def _merged_hull(self, pair: tuple[int, int]) -> _Part | None:
        return _hull(np.concatenate([self.parts[number].vertices for number in pair]))

    def _keep_good(self, pairs: list[tuple[int, int]], groups: list[Array], looser: float) -> list[tuple[int, int]]:
        """Pairs whose points keep the limits; the excess of the others is noted."""
        excesses = self._rate(groups)
        self._excess.update((pair, e) for pair, e in zip(pairs, excesses, strict=True) if e > looser)
        return [pair for pair, e in zip(pairs, excesses, strict=True) if e <= looser]

    def _chords(self, pair: tuple[int, int], *, n: int = 16) -> Array:
        """Points [n, 3] on chords between two parts: the hull of both holds them, and no hull need be computed."""
        a, b = (self.parts[number].vertices for number in pair)
        along = self._random.uniform(0.2, 0.8, (n, 1))
        return (1 - along) * a[self._random.integers(len(a), size=n)] + along * b[self._random.integers(len(b), size=n)]

    def _spread(self, part: _Part, *, at_most: int) -> Array:
        """Points spread over a hull's triangles by area, two tolerances apart (up to a budget)."""
        a, b, c = (part.vertices[part.triangles[:, i]] for i in range(3))
        ab, ac = b - a, c - a
        areas = np.sqrt((np.cross(ab, ac) ** 2).sum(1)) / 2
        total = float(areas.sum())
        n = int(np.clip(total / (2 * self._limits.tolerance) ** 2, 16, at_most))
        which = np.minimum(np.searchsorted(np.cumsum(areas), (np.arange(n) + 0.5) / n * total), len(areas) - 1)
        u, v = self._random.random((2, n, 1))
        u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)
        return a[which] + u * ab[which] + v * ac[which]

    def _rate(self, groups: list[Array]) -> list[float]:
        """The excess of each group of points."""
        if not groups:
            return []
        points = np.concatenate(groups)
        nearest = self._surface.nearest(points)
        # Behind means within 60 degrees of straight behind: beside a border is free space, not solid.
        towards = ((nearest.positions - points) * nearest.normals).sum(1)
        is_behind = towards > 0.5 * nearest.distance
        limit = np.where(is_behind, 1.1 * self._limits.thickness + self._limits.tolerance, self._limits.tolerance)
        starts = np.cumsum([0] + [len(group) for group in groups[:-1]])
        return np.maximum.reduceat(nearest.distance / limit, starts).tolist()
