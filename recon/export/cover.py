"""Which points of a skin each convex part covers, while parts come and go."""

from collections import Counter

import numpy as np

from recon.export.covering import Cloud, Skin
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.kernels.hulls import heights_over, planes_of


class Cover:
    """Parts by number, the planes that each ends at, and which points of a skin it covers beside those that are `built`."""

    def __init__(self, parts: list[TriangleMesh], built: list[TriangleMesh], skin: Skin) -> None:
        self.parts: dict[int, TriangleMesh] = {}
        self.planes: dict[int, Array] = {}
        self.versions: Counter[int] = Counter()  # how often a part was put under a number
        self.skin = skin
        self._cloud = Cloud(skin.points)
        self._boxes: dict[int, Array] = {}
        self._covers: dict[int, np.ndarray] = {}
        self._count = np.zeros(len(skin.points), int)
        for part in built:
            self._count[self.covered_by(part)] += 1
        for number, part in enumerate(parts):
            self.put(number, part)

    def put(self, number: int, part: TriangleMesh) -> None:
        """A part under a number, in the place of what was there."""
        if number in self.parts:
            self.without(number)
        self.parts[number], self._boxes[number] = part, _box(part)
        self.planes[number] = planes_of(part.vertices, part.faces)
        self.versions[number] += 1
        self._covers[number] = self.covered_by(part)
        self._count[self._covers[number]] += 1

    def without(self, number: int) -> None:
        """Take a part away."""
        self._count[self._covers.pop(number)] -= 1
        del self.parts[number], self.planes[number], self._boxes[number]

    def covered_by(self, part: TriangleMesh) -> np.ndarray:
        """Indices of the points that any part covers."""
        return self.skin.covered_by(self._cloud, part)

    def own(self, *numbers: int) -> np.ndarray:
        """Indices, rising, of the points that only these parts cover."""
        points, times = np.unique(np.concatenate([self._covers[number] for number in numbers]), return_counts=True)
        return points[self._count[points] == times]

    def beside(self, number: int, points: Array, reach: float) -> list[int]:
        """The parts whose boxes come within `reach` of points [n, 3], but for one; those that lack least first."""
        numbers, low, high = self._numbered_boxes()
        is_near = (low <= points.max(0) + reach).all(1) & (high >= points.min(0) - reach).all(1) & (numbers != number)
        return sorted(
            numbers[is_near].tolist(), key=lambda other: float(distance_outside(self.planes[other], points).mean())
        )

    def touching(self, gap: float) -> list[tuple[int, int]]:
        """Pairs of parts whose boxes come within a `gap`, those that are smallest together first."""
        numbers, low, high = self._numbered_boxes()
        touch = ((low[:, None] <= high + gap) & (high[:, None] >= low - gap)).all(2)
        first, second = np.nonzero(np.triu(touch, 1))
        size = np.linalg.norm(np.maximum(high[first], high[second]) - np.minimum(low[first], low[second]), axis=1)
        order = np.argsort(size, kind="stable")
        return list(zip(numbers[first[order]].tolist(), numbers[second[order]].tolist(), strict=True))

    def _numbered_boxes(self) -> tuple[np.ndarray, Array, Array]:
        """Numbers [n] of the parts, rising, and the lower and upper corners [n, 3] of what is around each."""
        numbers = np.array(sorted(self._boxes), int)
        boxes = np.array([self._boxes[number] for number in numbers.tolist()]).reshape(-1, 2, 3)
        return numbers, boxes[:, 0], boxes[:, 1]


def distance_outside(planes: Array, points: Array) -> Array:
    """How far outside the planes [k, 4] of a convex part points [n, 3] lie, at most; 0 inside."""
    return np.asarray(np.maximum(heights_over(planes, points), 0.0))


def _box(part: TriangleMesh) -> Array:
    """The lower and upper corner [2, 3] of what is around a part."""
    return np.stack([part.vertices.min(0), part.vertices.max(0)])
