"""Fewer parts again: what only a small part covers is taken over by the parts beside it, grown by as much as the limits allow.

Set cover chooses among parts as they were found; each ends where its cluster of faces ended, and scraps between two large parts
keep small ones alive. A grown part need not hold a scrap, only come within the tolerance of it.
"""

import numpy as np
from scipy.spatial import ConvexHull

from recon.export.convex_parts import Decomposition
from recon.export.covering import Cloud, Skin
from recon.export.hulls import Strays, hull_of, is_flat
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array

_SUNK = 0.8  # of its reach behind a point of the skin that a grown part reaches: it covers the point from there
_HOSTS = 6  # parts beside a scrap that are asked to take it over
_BESIDE = 25.0  # tolerances from a scrap to the box of a part that is asked


def absorbed(found: Decomposition, built: list[TriangleMesh], skin: Skin, strays: Strays) -> Decomposition:
    """Parts without those whose share of a skin others can take over, none getting looser by it; small shares first.

    built: parts that stay as they are. strays: the limits, and what parts are held against.
    """
    cover = _Cover(found.parts, built, skin)
    for number in np.argsort([len(cover.own(number)) for number in range(len(found.parts))], kind="stable"):
        grown = _grown_hosts(cover, int(number), strays, found.looser)
        if grown is not None:
            cover.without(int(number))
            for host, hull in grown.items():
                cover.replace(host, hull)
    left = sorted(cover.parts)
    return Decomposition([cover.parts[number] for number in left], found.looser[np.array(left, int)])


class _Cover:
    """Parts by number, which points of a skin each covers, and the planes that it ends at: normal and offset [k, 4]."""

    def __init__(self, parts: list[TriangleMesh], built: list[TriangleMesh], skin: Skin) -> None:
        self.parts, self.skin = dict(enumerate(parts)), skin
        self.planes = {number: _planes(part) for number, part in self.parts.items()}
        self._boxes = np.array([_box(part) for part in parts]).reshape(-1, 2, 3)
        self._cloud = Cloud(skin.points)
        self._covers = {number: skin.covered_by(self._cloud, part) for number, part in self.parts.items()}
        self._count = np.zeros(len(skin.points), int)
        for points in [*self._covers.values(), *(skin.covered_by(self._cloud, part) for part in built)]:
            self._count[points] += 1

    def own(self, number: int) -> np.ndarray:
        """Indices of the points that this part alone covers."""
        points = self._covers[number]
        return points[self._count[points] == 1]

    def without(self, number: int) -> None:
        """Take a part away."""
        self._count[self._covers.pop(number)] -= 1
        self._boxes[number] = np.nan
        del self.parts[number], self.planes[number]

    def replace(self, number: int, part: TriangleMesh) -> None:
        """Put another part in the place of one."""
        self.without(number)
        self.parts[number], self.planes[number], self._boxes[number] = part, _planes(part), _box(part)
        self._covers[number] = self.skin.covered_by(self._cloud, part)
        self._count[self._covers[number]] += 1

    def beside(self, number: int, points: Array, reach: float) -> list[int]:
        """The parts whose boxes come within `reach` of points [n, 3], but for one; those that lack least first."""
        low, high = points.min(0) - reach, points.max(0) + reach
        is_near = (self._boxes[:, 0] <= high).all(1) & (self._boxes[:, 1] >= low).all(1)
        is_near[number] = False
        near = np.flatnonzero(is_near).tolist()
        return sorted(near, key=lambda other: float(_outside(self.planes[other], points).mean()))


def _grown_hosts(cover: _Cover, number: int, strays: Strays, looser: Array) -> dict[int, TriangleMesh] | None:
    """Parts beside one, grown over all that it alone covers, each within `looser` [n] times the limits; None where they may not."""
    own = cover.own(number)
    skin = cover.skin
    feet = skin.points[own] - _SUNK * skin.reach[own, None] * skin.normals[own]
    grown: dict[int, TriangleMesh] = {}
    if not len(own):
        return grown
    reach = _BESIDE * float(skin.tolerance[own].max())
    for host in cover.beside(number, feet, reach)[:_HOSTS]:
        part = cover.parts[host]
        outside = _outside(cover.planes[host], feet)
        for share in (feet, feet[outside <= np.median(outside)]):
            hull = hull_of(np.concatenate([part.vertices, share]))
            if hull is None or is_flat(hull):
                continue
            if strays.excess([hull], looser=looser[host])[0] <= looser[host]:
                grown[host] = hull
                feet = feet[_outside(_planes(hull), feet) > 1e-9]
                break
        if not len(feet):
            return grown
    return None


def _planes(part: TriangleMesh) -> Array:
    """The planes of a convex part: outward normal and offset [k, 4]."""
    return np.asarray(ConvexHull(part.vertices).equations)


def _box(part: TriangleMesh) -> Array:
    """The lower and upper corner [2, 3] of what is around a part."""
    return np.stack([part.vertices.min(0), part.vertices.max(0)])


def _outside(planes: Array, points: Array) -> Array:
    """How far outside the planes [k, 4] of a convex part points [n, 3] lie, at most; 0 inside."""
    return np.asarray(np.maximum((points @ planes[:, :3].T + planes[:, 3]).max(1), 0.0))
