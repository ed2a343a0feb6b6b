"""Fewer parts: those that the others do not replace. And how well parts keep to a surface, measured both ways."""

import heapq
from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array

LEAST_GAIN = 12  # squared tolerances of surface that a part must add to those before it, on points a tolerance apart


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


def needed(
    parts: list[TriangleMesh], built: list[TriangleMesh], points: Array, *, gap: float, least: int
) -> list[TriangleMesh]:
    """The parts that cover `points` (within `gap`) beside those `built` already, each adding `least` points or more.

    Greedy set cover: no choice of as few parts covers more than a logarithm's factor better (Chvatal, 1979).
    """
    cloud = Cloud(points)
    covers = [cloud.depth_in(part, reach=gap)[0] for part in parts]
    is_open = np.ones(len(points), bool)
    for part in built:
        is_open[cloud.depth_in(part, reach=gap)[0]] = False
    queue = [(-len(cover), number) for number, cover in enumerate(covers)]
    heapq.heapify(queue)
    chosen = []
    while queue:
        promised, number = heapq.heappop(queue)
        gain = int(is_open[covers[number]].sum())
        if gain < least:
            continue
        if gain < -promised:
            heapq.heappush(queue, (-gain, number))
            continue
        is_open[covers[number]] = False
        chosen.append(number)
    return [parts[number] for number in sorted(chosen)]


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
