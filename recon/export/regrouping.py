"""Fewer parts: two become one where a hull of what only those two cover keeps the limits.

A part holds the whole of its cluster of faces, much of which others hold too, and the hull of two such parts strays where neither
is needed. The hull of what they alone cover is smaller.
"""

import numpy as np

from recon.export.cover import Cover
from recon.export.hulls import hulls_of, is_flat
from recon.export.strays import Strays
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array

_SUNK = 0.2  # of its reach behind a point of the skin that a hull begins: deeper saves no parts and lets things sink in
_FRONT = 0.5  # of its depth, at most, the same


class Regrouper:
    """Joins pairs of parts of a `cover`, none getting looser by it; what they alone cover stays covered.

    `looser` [n]: by number, how many times looser than the limits each part is; a pair has the worse of both.
    """

    def __init__(self, cover: Cover, strays: Strays, looser: Array) -> None:
        self._cover, self._strays, self._looser = cover, strays, looser
        skin = cover.skin
        depth = strays.room_behind(skin.points, skin.normals)
        heights = np.stack([np.minimum(_SUNK * skin.reach, _FRONT * depth), depth], 1)
        # Of each point of the skin: where a part must begin to cover it, and where it should end behind that [n, 2, 3].
        self._sheet = skin.points[:, None] - heights[..., None] * skin.normals[:, None]
        self._failed: dict[tuple[int, int], tuple[int, int]] = {}  # by pair: as which versions of both

    def all_pairs(self) -> None:
        """Join until no two parts that touch can be one."""
        while self._join_once():
            pass

    def _join_once(self) -> bool:
        """Join pairs, no part twice; whether any were."""
        cover = self._cover
        touching = cover.touching(2 * self._strays.limits.tolerances.coarse)
        pairs = [pair for pair in touching if self._failed.get(pair) != self._versions(pair)]
        sheets = [self._sheet[cover.own(*pair)].reshape(-1, 3) for pair in pairs]
        tried = dict(zip(pairs, hulls_of(sheets), strict=True))
        hulls = {pair: hull for pair, hull in tried.items() if hull is not None and not is_flat(hull)}
        loosest = float(self._looser.max(initial=1.0))  # of what is looser still only that it is so is told
        excess = dict(zip(hulls, self._strays.excess(list(hulls.values()), looser=loosest).tolist(), strict=True))
        joined = set[int]()
        for pair in pairs:
            if joined & set(pair):
                continue
            hull, looser = hulls.get(pair), float(self._looser[list(pair)].max())
            if hull is not None and excess[pair] <= looser and self._holds(hull, pair):
                cover.without(pair[1])
                cover.put(pair[0], hull)
                self._looser[pair[0]] = looser
                joined.update(pair)
            else:
                self._failed[pair] = self._versions(pair)
        return bool(joined)

    def _versions(self, pair: tuple[int, int]) -> tuple[int, int]:
        return self._cover.versions[pair[0]], self._cover.versions[pair[1]]

    def _holds(self, hull: TriangleMesh, pair: tuple[int, int]) -> bool:
        """Whether a hull covers all that only a pair covers by now."""
        return bool(np.isin(self._cover.own(*pair), self._cover.covered_by(hull)).all())
