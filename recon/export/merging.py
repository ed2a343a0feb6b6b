"""Joining neighbouring convex parts for as long as the hull of both keeps the limits, in rounds that test many pairs at once.

Where there are still too many, looser limits are for the smallest of them, and no more of them than it takes.
"""

from collections.abc import Callable

import numpy as np

from recon.export.hulls import hulls_of
from recon.export.strays import Strays
from recon.geometry.mesh import TriangleMesh

Pair = tuple[int, int]


class Merger:
    """Convex `parts` by number, how many times `looser` than the limits each is, at least 1, and the pairs worth merging."""

    def __init__(
        self, strays: Strays, parts: dict[int, TriangleMesh], pairs: set[Pair], *, looser: float = 1.0
    ) -> None:
        self.parts, self.looser, self._strays = parts, dict.fromkeys(parts, looser), strays
        self._neighbours: dict[int, set[int]] = {number: set() for number in parts}
        for a, b in pairs:
            self._pair(a, b)
        self._excess: dict[Pair, float] = {}  # of pairs that failed: at least this
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

    def merge_all(self, looser: float, *, enough: int = 1, note: Callable[[int], None]) -> None:
        """Merge until no pair may be merged within limits `looser` times the first ones, or `enough` parts are left."""
        while len(self.parts) > enough and (pairs := self._matching(looser)):
            good = self._test(pairs, looser)
            for pair, (hull, excess) in list(good.items())[: len(self.parts) - enough]:
                self._merge(pair, hull, excess)
            note(len(self.parts))

    def _matching(self, looser: float) -> list[Pair]:
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

    def _merge(self, pair: Pair, hull: TriangleMesh, excess: float) -> None:
        new, self._next = self._next, self._next + 1
        self.parts[new] = hull
        self.looser[new] = max(excess, *(self.looser.pop(old) for old in pair))
        around = (self._neighbours.pop(pair[0]) | self._neighbours.pop(pair[1])) - set(pair)
        self._neighbours[new] = set()
        for old in pair:
            del self.parts[old]
            for other in around:
                self._excess.pop((min(old, other), max(old, other)), None)
                self._neighbours[other].discard(old)
        for other in around:
            self._pair(new, other)

    def _test(self, pairs: list[Pair], looser: float) -> dict[Pair, tuple[TriangleMesh, float]]:
        """The merged hulls that keep the limits, and their excess; of the other pairs the excess is noted."""
        corners = [(self.parts[a].vertices, self.parts[b].vertices) for a, b in pairs]
        pairs = self._good(pairs, self._strays.excess_of_chords(corners, looser=looser), looser)
        both = [np.concatenate([self.parts[a].vertices, self.parts[b].vertices]) for a, b in pairs]
        tried = dict(zip(pairs, hulls_of(both), strict=True))
        self._excess.update({pair: np.inf for pair, hull in tried.items() if hull is None})
        hulls = {pair: hull for pair, hull in tried.items() if hull is not None}
        excess = dict(zip(hulls, self._strays.excess(list(hulls.values()), looser=looser).tolist(), strict=True))
        good = self._good(list(hulls), np.array(list(excess.values())), looser)
        return {pair: (hulls[pair], excess[pair]) for pair in good}

    def _good(self, pairs: list[Pair], excess: np.ndarray, looser: float) -> list[Pair]:
        self._excess.update((pair, float(e)) for pair, e in zip(pairs, excess, strict=True) if e > looser)
        return [pair for pair, e in zip(pairs, excess, strict=True) if e <= looser]
