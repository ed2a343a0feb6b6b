"""Fewer parts: those that the others do not replace. And how well parts keep to a surface, measured both ways."""

import heapq
from dataclasses import dataclass

import numpy as np

from recon.export.hulls import Limits, is_flat, is_straight_behind
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array
from recon.kernels.hulls import heights_over, planes_of
from recon.kernels.surfaces import AskedSurface

_LEAST_GAIN = 12.0  # squared tolerances of surface that a part must add to those before it
_SPECK = 2.0  # the same of level surface: nothing falls through less
_SMALL_GAIN = 50.0  # squared tolerances: parts that add less may go as long as enough of the surface stays covered
_NEAR = 0.5  # of the fine tolerance from a part to what it covers of level surface: a crack between two parts holds every sphere
_HELD = 0.75  # z of a normal: steeper than 41 degrees friction holds nothing, and things roll on
WHOLE = 1 - 1e-9


def points_over(mesh: TriangleMesh, *, apart: float, at_most: int) -> Array:
    """Points [n, 3] spread over a surface by area, about `apart` from each other."""
    return sample_surface(mesh, int(np.clip(mesh.face_areas.sum() / apart**2, 1, at_most)), seed=0)[0]


class Cloud:
    """Points [n, 3] that convex parts are asked about, in order of x so that each part looks at few."""

    def __init__(self, points: Array) -> None:
        self._order = np.argsort(points[:, 0], kind="stable")
        self._sorted = points[self._order]

    def depth_in(self, part: TriangleMesh, *, reach: float) -> tuple[np.ndarray, Array]:
        """Which points lie in a part, or outside it by `reach` at most: their indices, and how deep (outside: negative)."""
        low, high = part.vertices.min(0) - reach, part.vertices.max(0) + reach
        first, last = np.searchsorted(self._sorted[:, 0], [low[0], high[0]])
        slab = self._sorted[first:last]
        index = np.flatnonzero(((slab[:, 1:] >= low[1:]) & (slab[:, 1:] <= high[1:])).all(1))
        depth = -heights_over(planes_of(part.vertices, part.faces), slab[index])
        is_near = depth >= -reach
        return self._order[first:last][index[is_near]], depth[is_near]


@dataclass(frozen=True)
class Skin:
    """A surface that parts shall cover, as `points` [n, 3] evenly spread with their `normals`, and its area that may stay `bare`.

    `tolerance` [n]: of the surface there; `reach` [n]: how near a part must come to cover a point. `is_level` [n]: where something
    may come to rest, also above a person's reach, where only specks and hairline cracks may stay bare.
    """

    points: Array
    normals: Array
    tolerance: Array
    reach: Array
    is_level: np.ndarray
    area: float
    bare: float

    @staticmethod
    def of(
        mesh: TriangleMesh, *, bare: float, tolerances: Tolerances, at_most: int = 200_000, is_reached: bool = True
    ) -> "Skin":
        """The skin of a mesh; where it is not `is_reached` by anything, nothing comes to rest."""
        area = float(mesh.face_areas.sum())
        points, faces = sample_surface(mesh, int(np.clip(area / tolerances.fine**2, 1, at_most)), seed=0)
        normals = mesh.face_normals[faces]
        is_level = (normals[:, 2] > _HELD) & is_reached
        tolerance = np.where(is_level, tolerances.fine, tolerances.at(points, normals))
        reach = np.where(is_level, _NEAR * tolerances.fine, tolerance)
        return Skin(points, normals, tolerance, reach, is_level, area, bare)

    def count(self, area: float) -> float:
        """How many points stand for an area."""
        return area * len(self.points) / max(self.area, 1e-300)

    def shares(self, gain: float) -> Array:
        """What each point [n] adds to one whole of `gain` squared tolerances, or of a single point where that is more."""
        return 1 / np.maximum(gain * self.tolerance**2 * self.count(1.0), 1.0)

    def worth(self) -> Array:
        """What each point [n] adds to one whole of the least that a part is there for: a speck of level surface, more of other."""
        return np.where(self.is_level, self.shares(_SPECK), self.shares(_LEAST_GAIN))

    def covered_by(self, cloud: "Cloud", part: TriangleMesh) -> np.ndarray:
        """Indices of the points that a part covers; `cloud` holds them all."""
        index, depth = cloud.depth_in(part, reach=float(self.reach.max(initial=0.0)))
        return index[depth >= -self.reach[index]]


def needed(parts: list[TriangleMesh], built: list[TriangleMesh], skin: Skin) -> list[int]:
    """Numbers of the parts that cover a skin beside those `built` already, each adding a little or more; none that is flat.

    Greedy set cover: no choice of as few parts covers more than a logarithm's factor better (Chvatal, 1979). Of the last ones,
    those go whose share may stay bare.
    """
    worth = skin.worth()
    cloud = Cloud(skin.points)
    covers = [np.zeros(0, int) if is_flat(part) else skin.covered_by(cloud, part) for part in parts]
    is_open = np.ones(len(skin.points), bool)
    for part in built:
        is_open[skin.covered_by(cloud, part)] = False
    queue = [(-float(worth[cover].sum()), number) for number, cover in enumerate(covers)]
    heapq.heapify(queue)
    chosen: list[tuple[int, np.ndarray]] = []  # number, and the points that it added
    while queue:
        promised, number = heapq.heappop(queue)
        added = covers[number][is_open[covers[number]]]
        gain = float(worth[added].sum())
        if gain < WHOLE:
            continue
        if gain < -promised:
            heapq.heappush(queue, (-gain, number))
            continue
        is_open[added] = False
        chosen.append((number, added))
    return sorted(_not_spared(chosen, skin.count(skin.bare) - is_open.sum(), skin))


def loosened_area(parts: list[TriangleMesh], tight: np.ndarray, built: list[TriangleMesh], skin: Skin) -> float:
    """The area of a skin that no `tight` [n] part covers, and none `built`, but another does: it keeps to looser limits."""
    cloud = Cloud(skin.points)
    is_tight, is_loose = np.zeros((2, len(skin.points)), bool)
    for part, it_is in zip([*parts, *built], [*tight, *[True] * len(built)], strict=True):
        (is_tight if it_is else is_loose)[skin.covered_by(cloud, part)] = True
    return float((is_loose & ~is_tight).sum() * skin.area / max(len(skin.points), 1))


def _not_spared(chosen: list[tuple[int, np.ndarray]], spare: float, skin: Skin) -> list[int]:
    """Numbers of the parts that stay when those that add least go, steep ones, until the `spare` points are used up."""
    small, speck = skin.shares(_SMALL_GAIN), np.where(skin.is_level, skin.shares(_SPECK), 0.0)
    kept = []
    for number, added in reversed(chosen):
        if len(added) <= spare and small[added].sum() <= 1 and speck[added].sum() < WHOLE:
            spare -= len(added)
        else:
            kept.append(number)
    return kept


@dataclass(frozen=True)
class Fidelity:
    """Parts against a surface, in its units.

    `proud`: how far the parts' skin stands in free space before the surface where the fine tolerance holds, `relief_proud`: where
    the coarse one does; `bare`: how far the surface lies outside all parts. Quantiles over area.
    """

    proud_p95: float
    proud_p99: float
    relief_proud_p95: float
    relief_proud_p99: float
    bare_p95: float
    bare_p99: float


def fidelity(
    parts: list[TriangleMesh], mesh: TriangleMesh, surface: Surface, filled: TriangleMesh, *, limits: Limits
) -> Fidelity:
    """Measure parts against a `mesh`, the `surface` that it is of, and what is `filled`.

    Skin that is shut in by matter or other parts is nobody's business, nor is what lies straight behind what was seen, as deep
    as the `limits` let parts reach: filled floor ends a little inside walls, and the back of a wall's foot stands over its rim.
    """
    tolerance = limits.tolerances.fine
    seen = points_over(mesh, apart=tolerance, at_most=20_000)
    bare = np.full(len(seen), np.inf)
    skins = [points_over(part, apart=2 * tolerance, at_most=500) for part in parts]
    skin = np.concatenate([np.zeros((0, 3)), *skins])
    owner = np.repeat(np.arange(len(parts)), [len(points) for points in skins])
    is_covered = np.zeros(len(skin), bool)
    seen_cloud, skin_cloud = Cloud(seen), Cloud(skin)
    for number, part in enumerate(parts):
        index, depth = seen_cloud.depth_in(part, reach=10 * tolerance)
        bare[index] = np.minimum(bare[index], np.maximum(-depth, 0))
        index, _ = skin_cloud.depth_in(part, reach=0.0)
        is_covered[index[owner[index] != number]] = True
    bare[~np.isfinite(bare)] = 10 * tolerance
    skin = skin[~is_covered]
    nearest = AskedSurface(joined([surface.mesh, filled])).nearest(skin)
    is_before = ((skin - nearest.positions) * nearest.normals).sum(1) > 0
    seen_there = surface.nearest(skin)
    depth = limits.behind(limits.tolerances.at(skin, seen_there.normals))
    is_before &= ~(is_straight_behind(skin, seen_there) & (seen_there.distance <= depth))
    is_before[is_before] = ~surface.encloses(skin[is_before])
    is_fine = limits.tolerances.is_fine(skin, nearest.normals)
    proud = (nearest.distance[is_before & is_fine], nearest.distance[is_before & ~is_fine])
    quantiles = [np.quantile(v, q) if len(v) else 0.0 for v in (*proud, bare) for q in (0.95, 0.99)]
    return Fidelity(*(float(value) for value in quantiles))
