"""Fewer parts: those that the others do not replace. And how well parts keep to a surface, measured both ways."""

import heapq
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array

_LEAST_GAIN = 12.0  # squared tolerances of surface that a part must add to those before it
_LEVEL = 0.5  # z of a normal: steeper than 60 degrees nothing comes to rest
_SPECK = 2.0  # the same of level surface: nothing falls through less
_SMALL_GAIN = 50.0  # squared tolerances: parts that add less may go as long as enough of the surface stays covered


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
        planes = ConvexHull(part.vertices).equations
        depth = -(slab[index] @ planes[:, :3].T + planes[:, 3]).max(1)
        is_near = depth >= -reach
        return self._order[first:last][index[is_near]], depth[is_near]


@dataclass(frozen=True)
class Skin:
    """A surface that parts shall cover, as `points` [n, 3] about a tolerance apart, and its area that may stay `bare`.

    `is_level` [n]: where something may stand or come to rest, and where only specks may stay bare.
    """

    points: Array
    is_level: np.ndarray
    area: float
    bare: float
    tolerance: float

    @staticmethod
    def of(mesh: TriangleMesh, *, bare: float, tolerance: float, at_most: int = 200_000) -> "Skin":
        """The skin of a mesh."""
        area = float(mesh.face_areas.sum())
        points, faces = sample_surface(mesh, int(np.clip(area / tolerance**2, 1, at_most)), seed=0)
        return Skin(points, mesh.face_normals[faces][:, 2] > _LEVEL, area, bare, tolerance)

    def count(self, area: float) -> float:
        """How many points stand for an area."""
        return area * len(self.points) / max(self.area, 1e-300)


def needed(parts: list[TriangleMesh], built: list[TriangleMesh], skin: Skin) -> list[TriangleMesh]:
    """The parts that cover a skin (within its tolerance) beside those `built` already, each adding a little or more.

    Greedy set cover: no choice of as few parts covers more than a logarithm's factor better (Chvatal, 1979). Of the last ones,
    those go whose share may stay bare.
    """
    least, speck = (max(skin.count(gain * skin.tolerance**2), 1) for gain in (_LEAST_GAIN, _SPECK))
    worth = np.where(skin.is_level, least / speck, 1.0)
    cloud = Cloud(skin.points)
    covers = [cloud.depth_in(part, reach=skin.tolerance)[0] for part in parts]
    is_open = np.ones(len(skin.points), bool)
    for part in built:
        is_open[cloud.depth_in(part, reach=skin.tolerance)[0]] = False
    queue = [(-float(worth[cover].sum()), number) for number, cover in enumerate(covers)]
    heapq.heapify(queue)
    chosen: list[tuple[int, int, int]] = []  # gain, of that level, number
    while queue:
        promised, number = heapq.heappop(queue)
        added = covers[number][is_open[covers[number]]]
        gain = float(worth[added].sum())
        if gain < least:
            continue
        if gain < -promised:
            heapq.heappush(queue, (-gain, number))
            continue
        is_open[added] = False
        chosen.append((len(added), int(skin.is_level[added].sum()), number))
    return [parts[number] for number in sorted(_not_spared(chosen, skin.count(skin.bare) - is_open.sum(), skin))]


def _not_spared(chosen: list[tuple[int, int, int]], spare: float, skin: Skin) -> list[int]:
    """Numbers of the parts that stay when those that add least go, steep ones, until the `spare` points are used up."""
    small, level = (skin.count(gain * skin.tolerance**2) for gain in (_SMALL_GAIN, _SPECK))
    kept = []
    for gain, level_gain, number in reversed(chosen):
        if gain <= min(spare, small) and level_gain < level:
            spare -= gain
        else:
            kept.append(number)
    return kept


@dataclass(frozen=True)
class Fidelity:
    """Parts against a surface, in its units.

    `proud`: how far the parts' skin stands in free space before the surface; `bare`: how far the surface lies outside all
    parts. Quantiles over area.
    """

    proud_p95: float
    proud_p99: float
    bare_p95: float
    bare_p99: float


def fidelity(parts: list[TriangleMesh], mesh: TriangleMesh, surface: Surface, *, tolerance: float) -> Fidelity:
    """Measure parts against `surface`, which is `mesh`. Skin that is shut in by matter or other parts is nobody's business."""
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
    nearest = surface.nearest(skin)
    is_before = ((skin - nearest.positions) * nearest.normals).sum(1) > 0
    is_before[is_before] = ~surface.encloses(skin[is_before])
    proud = nearest.distance[is_before]
    quantiles = [np.quantile(values, q) if len(values) else 0.0 for values in (proud, bare) for q in (0.95, 0.99)]
    return Fidelity(*(float(value) for value in quantiles))
