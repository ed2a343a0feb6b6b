"""The graph of frames that see the same things: whether it hangs together, where it is thin, whether it closes.

Words: the *weight* of two frames is the number of model points that both see, or of matches that one camera motion
explains where one of them has no pose. Frames are *linked* from `LINK` on. A *cut* parts the frames before a moment from
those after it.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse.csgraph

from recon.poses.doctor.matching import Floats, Ints, Matching
from recon.poses.doctor.model import Model

LINK = 15  # shared things under which COLMAP itself does not believe a pair
_NOTHING = 3  # a frame that shares at most this many with another has lost sight of what it saw
_RETURNS = 3  # pairs that must agree before a loop counts as closed: one may be a shelf that looks like another


@dataclass(frozen=True)
class Links:
    """n frames in the order of capture; cuts and returns mean something for a video only."""

    weights: Ints  # [n, n] symmetric, zero with itself
    parts: tuple[tuple[int, ...], ...]  # frames that hang together, most first; single frames are parts too
    cuts: Ints  # [n - 1] what frames before and after each moment share
    returns: tuple[tuple[int, int], ...]  # linked pairs that between them lost sight of each other: closed loops
    hops: int  # links from the first to the last frame of the largest part

    @property
    def is_closed(self) -> bool:
        return len(self.returns) >= _RETURNS


def links_of(model: Model, matching: Matching) -> Links:
    """By the model where there is one, else by the matches."""
    both_posed = model.is_registered[:, None] & model.is_registered[None, :]
    weights = np.where(both_posed, model.shared_points(), matching.weights())
    return find_links(weights, cuts_of_model(model) if both_posed.any() else cuts_of_weights(weights))


def find_links(weights: Ints, cuts: Ints) -> Links:
    """Everything that follows from the weights [n, n] and the cuts [n - 1]."""
    parts = _parts(weights)
    return Links(weights, parts, cuts, _returns(weights), _hops(weights, parts[0][0], parts[0][-1]))


def cuts_of_model(model: Model) -> Ints:
    """Points seen both by a frame before and by one after each moment [n - 1]."""
    n, p = model.sees.shape
    frames, points = model.sees.nonzero()
    first, last = np.full(p, n), np.full(p, -1)
    np.minimum.at(first, points, frames)
    np.maximum.at(last, points, frames)
    is_seen = last >= 0
    opened, closed = (np.bincount(ends[is_seen], minlength=n) for ends in (first, last))
    return np.cumsum(opened - closed)[: n - 1]


def cuts_of_weights(weights: Ints) -> Ints:
    """Sum of the weights across each moment [n - 1]."""
    upper = np.triu(weights)
    return np.array([upper[:t, t:].sum() for t in range(1, len(weights))], np.int64)


def turns_deg(world_from_camera: Floats) -> Floats:
    """Angle between the viewing axes of each frame and the next [n - 1]; NaN where one has no pose."""
    forward = world_from_camera[:, :3, 2]
    cosines = np.array([a @ b for a, b in pairwise(forward)])
    return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))


def _parts(weights: Ints) -> tuple[tuple[int, ...], ...]:
    count, labels = scipy.sparse.csgraph.connected_components(weights >= LINK, directed=False)
    parts = [tuple(np.flatnonzero(labels == label).tolist()) for label in range(count)]
    return tuple(sorted(parts, key=lambda part: (-len(part), part)))


def _returns(weights: Ints) -> tuple[tuple[int, int], ...]:
    """Linked pairs (i, j) such that some frame between them sees nothing of what i saw, and one nothing of what j saw."""
    blind = weights <= _NOTHING
    found = []
    for i, j in np.argwhere(np.triu(weights >= LINK, 3)).tolist():
        between = slice(i + 1, j)
        if blind[i, between].any() and blind[between, j].any():
            found.append((i, j))
    return tuple(found)


def _hops(weights: Ints, start: int, end: int) -> int:
    """Links on the shortest way between two frames of one part."""
    away = scipy.sparse.csgraph.shortest_path(weights >= LINK, directed=False, unweighted=True, indices=start)
    return int(away[end])
