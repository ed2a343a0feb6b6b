"""Single poses that the pictures contradict, among poses that fit: frames where tracking slipped, or that were merged in wrong.

Two pictures agree when most of the matches that were verified without the poses lie on their epipolar lines. The largest group
that agrees is believed; a picture whose matches with it mostly miss is not where its pose says.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from recon.poses.given.agreement import FITS, draw_rays, errors_px
from recon.poses.given.matches import GivenMatches

_EACH = 20  # matches of a pair that are looked at
_LEAST = 20  # of a picture with those that are believed, below which nothing is said of it
_AGREE, _CONTRADICT = 0.5, 0.35  # shares of matches that fit: of a pair from here on, of a picture below this
_NOISE = 5.0  # times the median miss of all: poses that are all a little off do not contradict their pictures
_MOST = 0.25  # of the pictures: where more disagree, it is not single poses that are wrong

Flags = NDArray[np.bool_]


def find_contradicted(matches: GivenMatches, *, seed: int, believed: Flags | None = None) -> tuple[Flags, Flags]:
    """Which of the matched views [n] their matches contradict, and which they confirm; neither where they cannot tell.

    believed: the views [n] to go by; None: the largest group that agrees, and none is contradicted where more than a quarter
    would be. seed: of which matches are looked at.
    """
    n, verified = len(matches.views), matches.verified()
    nothing = np.zeros(n, bool)
    if not verified:
        return nothing, nothing
    rays = draw_rays(matches, verified, np.random.default_rng(seed), most_pairs=len(verified), most_matches=_EACH)
    errors, in_front = errors_px(rays, np.stack([view.world_from_camera for view in matches.views]), 1.0)
    ends = np.r_[rays.first, rays.second], np.r_[rays.second, rays.first]
    is_single, off = believed is None, errors / rays.diagonal_px
    fits = (off < (max(FITS, _NOISE * float(np.median(off))) if is_single else FITS)) & in_front
    drawn, fitting = (coo_matrix((np.r_[of, of], ends), (n, n)).toarray() for of in (np.ones(len(fits)), 1.0 * fits))
    believed = (
        _largest_group((fitting >= _AGREE * drawn) & (drawn >= _EACH // 2)) if believed is None else believed.copy()
    )
    while True:
        enough, shares = drawn @ believed >= _LEAST, fitting @ believed / np.maximum(drawn @ believed, 1)
        wrong = enough & (shares < _CONTRADICT)
        if not (wrong & believed).any():
            break
        believed[np.argmin(np.where(wrong & believed, shares, np.inf))] = False
    if is_single and wrong.sum() > _MOST * n:
        return nothing, nothing
    return wrong, enough & (shares >= _AGREE)


def _largest_group(agree: Flags) -> Flags:
    """The most views [n] that agreeing pairs [n, n] hold together."""
    _, group = connected_components(coo_matrix(agree), directed=False)
    return np.asarray(group == np.argmax(np.bincount(group)))
