"""Pictures that stand on their heads for their poses: found by the matches, picture by picture, and read turned from then on.

An EXIF orientation says how to show a picture, not which way round it was when its pose was found; sizes tell only quarter turns
of pictures that are not square. Matches that were verified without the poses lie on their epipolar lines only when both pictures
are read the right way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recon.formats.image_files import read_header
from recon.geometry import Reconstruction, View
from recon.geometry.transforms import Array
from recon.poses.given.agreement import FITS, MatchedRays, draw_rays, errors_px
from recon.poses.given.matches import GivenMatches
from recon.poses.given.placeholders import listed
from recon.workspace.console import warn

_LEAST = 20  # matches of a picture, below which nothing is said of it
_WRONG, _RIGHT = 0.35, 0.6  # shares of them that fit as it is read, and turned
_EACH = 20  # matches of a pair that are looked at
_SWEEPS = 5
_QUARTERS_OF, _CODES = {1: 0, 6: 1, 3: 2, 8: 3}, (1, 6, 3, 8)  # EXIF codes and clockwise quarters


def may_be_turned(view: View) -> bool:
    """Whether a file says a turn that its picture's shape cannot confirm: half a turn, or any of a square."""
    header = read_header(view.image)
    h, w = header.stored_hw
    return header.orientation in (2, 3, 4) or (h == w and header.orientation != 1)


def find_turned(matches: GivenMatches, poses: Array, *, seed: int) -> dict[int, int]:
    """Clockwise quarters by which views (places in `matches.views`) must be turned to fit their poses [n, 4, 4]; only those.

    Starts from all as they are read and from each turn of all, turns one picture at a time while more matches fit, and takes the
    best end.
    """
    verified = matches.verified()
    if not verified:
        return {}
    n, rng = len(matches.views), np.random.default_rng(seed)
    pairs = draw_rays(matches, verified, rng, most_pairs=len(verified), most_matches=_EACH)
    steps = (0, 1, 2, 3) if all(h == w for h, w in (view.camera.size_hw for view in matches.views)) else (0, 2)
    fits = {(a, b): _fits(pairs, poses, a, b) for a in steps for b in steps}
    ends = [_descend(pairs, fits, np.full(n, step), steps) for step in steps]
    best = max(ends, key=lambda turns: (_chosen(pairs, fits, turns).sum(), -np.count_nonzero(turns)))
    now, then = (_shares(pairs, _chosen(pairs, fits, turns), n) for turns in (np.zeros(n, int), best))
    enough = np.bincount(np.r_[pairs.first, pairs.second], minlength=n) >= _LEAST
    is_clear = enough & (now < _WRONG) & (then > _RIGHT)
    return {int(i): int(best[i]) for i in np.flatnonzero((best != 0) & is_clear)}


def read_turned(given: Reconstruction, turns: Mapping[int, int]) -> Reconstruction:
    """The data set with the views at these places read so many quarters further clockwise; said in one line."""
    views = list(given.views)
    for i, quarters in turns.items():
        reading = views[i].reading
        code = read_header(views[i].image).orientation if reading.orientation is None else reading.orientation
        views[i] = replace(views[i], reading=replace(reading, orientation=_further(code, quarters)))
    names = [views[i].name for i in turns]
    warn(
        f"{len(turns)} of {len(views)} pictures fit their poses only when they are turned "
        f"{'by half a turn' if set(turns.values()) == {2} else 'about'}, whatever their EXIF orientation says: they are read so, "
        f"other programs need the files turned ({listed(names)})."
    )
    return replace(given, views=tuple(views))


def _further(code: int, quarters: int) -> int:
    return _CODES[(_QUARTERS_OF.get(code, 0) + quarters) % 4]


def _fits(pairs: MatchedRays, poses: Array, first: int, second: int) -> NDArray[np.bool_]:
    """Which matches [m] fit when both pictures are turned by so many quarters."""
    turned = replace(pairs, rays=_turned(pairs.rays, first), others=_turned(pairs.others, second))
    errors, in_front = errors_px(turned, poses, 1.0)
    return (errors < FITS * pairs.diagonal_px) & in_front


def _turned(rays: Array, quarters: int) -> Array:
    """Rays [m, 3] of a picture that is turned clockwise: what was right is down."""
    for _ in range(quarters):
        rays = np.stack([-rays[:, 1], rays[:, 0], rays[:, 2]], -1)
    return rays


def _chosen(
    pairs: MatchedRays, fits: Mapping[tuple[int, int], NDArray[np.bool_]], turns: NDArray[np.int_]
) -> NDArray[np.bool_]:
    """Which matches [m] fit under `turns` [n] of the pictures."""
    first, second = turns[pairs.first], turns[pairs.second]
    found = np.zeros(len(first), bool)
    for (a, b), values in fits.items():
        chosen = (first == a) & (second == b)
        found[chosen] = values[chosen]
    return found


def _descend(
    pairs: MatchedRays,
    fits: Mapping[tuple[int, int], NDArray[np.bool_]],
    turns: NDArray[np.int_],
    steps: Sequence[int],
) -> NDArray[np.int_]:
    """`turns` [n] after pictures were turned one by one to what most of their matches fit."""
    turns = turns.copy()
    places = [np.flatnonzero((pairs.first == i) | (pairs.second == i)) for i in range(len(turns))]
    for _ in range(_SWEEPS):
        before = turns.copy()
        for i, own in enumerate(places):
            counts = [_fitting_with(pairs, fits, turns, own, i, step) for step in steps]
            if max(counts) > counts[steps.index(turns[i])]:
                turns[i] = steps[int(np.argmax(counts))]
        if (turns == before).all():
            break
    return turns


def _fitting_with(
    pairs: MatchedRays,
    fits: Mapping[tuple[int, int], NDArray[np.bool_]],
    turns: NDArray[np.int_],
    own: NDArray[np.int_],
    place: int,
    step: int,
) -> int:
    """How many of the matches `own` of the picture at `place` fit when it is turned by `step`.

    pairs: rays of all matches. fits: by turns of the first and the second picture, which matches fit. turns: of every picture now.
    """
    first, second = turns[pairs.first[own]], turns[pairs.second[own]]
    first, second = np.where(pairs.first[own] == place, step, first), np.where(pairs.second[own] == place, step, second)
    return sum(int(values[own][(first == a) & (second == b)].sum()) for (a, b), values in fits.items())


def _shares(pairs: MatchedRays, fitting: NDArray[np.bool_], n: int) -> Array:
    """The share of each picture's matches that fits [n]."""
    places, values = np.r_[pairs.first, pairs.second], np.r_[fitting, fitting].astype(float)
    return np.bincount(places, values, n) / np.maximum(np.bincount(places, minlength=n), 1)
