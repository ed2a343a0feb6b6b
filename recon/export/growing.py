"""Convex parts that grow over the surface beside them, so that fewer of them cover it.

Joining (`merging`) shares the surface out: where the hull of two parts strays, neither may have any of the other. A part grown
piece by piece overlaps its neighbours instead, and a cover by parts that overlap needs fewer.
"""

from collections.abc import Sequence

import numpy as np

from recon.export.convex_parts import Decomposition
from recon.export.covering import Skin, needed
from recon.export.hulls import Strays, hull_of
from recon.geometry.mesh import TriangleMesh

_TRIES = 40  # pieces that a part tries, nearest first


def fewest(found: Decomposition, built: list[TriangleMesh], skin: Skin) -> list[TriangleMesh]:
    """Few convex parts that cover a skin beside those that are `built`: of those needed, grown, the ones still needed."""
    kept = needed(found.parts, built, skin)
    return needed(grown(kept, found.pieces, found.strays, looser=found.looser, gap=skin.tolerance), built, skin)


def grown(
    parts: Sequence[TriangleMesh], pieces: Sequence[TriangleMesh], strays: Strays, *, looser: float, gap: float
) -> list[TriangleMesh]:
    """The parts, each joined with those `pieces` within `gap` of its box that leave it within `looser` limits."""
    lows, highs = (np.array([end(piece.vertices, axis=0) for piece in pieces]) for end in (np.min, np.max))
    result = list(parts)
    is_untried = np.ones((len(parts), len(pieces)), bool)
    for _ in range(_TRIES):
        pairs = []
        for number, part in enumerate(result):
            low, high = part.vertices.min(0), part.vertices.max(0)
            near = np.flatnonzero(((lows <= high + gap) & (highs >= low - gap)).all(1) & is_untried[number])
            if len(near):
                away = np.abs((lows + highs)[near] - low - high).sum(1)
                pairs.append((number, int(near[away.argmin()])))
        if not pairs:
            break
        is_untried[tuple(np.array(pairs).T)] = False
        chords = strays.excess_of_chords([(result[a].vertices, pieces[b].vertices) for a, b in pairs])
        hulls = {
            a: hull
            for (a, b), excess in zip(pairs, chords, strict=True)
            if excess <= looser
            and (hull := hull_of(np.concatenate([result[a].vertices, pieces[b].vertices]))) is not None
        }
        excesses = strays.excess(list(hulls.values()), looser=looser)
        for (number, hull), excess in zip(hulls.items(), excesses, strict=True):
            if excess <= looser:
                result[number] = hull
    return result
