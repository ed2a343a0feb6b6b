"""Poses that leap away from their neighbours in the capture and back: suspect even if held out, or where no match can tell."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recon.geometry import View
from recon.geometry.transforms import Array
from recon.poses.given.contradicted import Flags, find_contradicted
from recon.poses.given.matches import match_given
from recon.poses.given.placeholders import listed
from recon.poses.sfm.settings import MatchSettings
from recon.workspace.console import warn

_WINDOW = 3  # pictures before and after one, in order of capture
_NEARBY = 12  # steps before and after, which tell how the camera usually moves there
_LEAP = 5.0  # times how far those stand from one another, or how far the camera usually steps
# A turn away from neighbours that look one way, where the camera usually turns slowly.
_TURN_DEG, _STEADY_DEG = 60.0, 20.0
_RARE = 0.2  # of all poses: rigs whose cameras take turns leap all the time


def leaps(poses: Array) -> Flags:
    """Which poses [n, 4, 4], in order of capture, are far from those before and after, or look elsewhere, while those agree: [n].

    >>> walk = np.tile(np.eye(4), (9, 1, 1)); walk[:, 0, 3] = range(9); walk[4, 1, 3] = 40
    >>> np.flatnonzero(leaps(walk))
    array([4])
    """
    n = len(poses)
    if n < 2 * _WINDOW:
        return np.zeros(n, bool)
    centers, forward = poses[:, :3, 3], poses[:, :3, 2]
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    turns_deg = np.degrees(np.arccos(np.clip(np.einsum("ij,ij->i", forward[1:], forward[:-1]), -1, 1)))
    found = np.zeros(n, bool)
    for i in range(n):
        nearby = slice(max(0, i - _NEARBY), i + _NEARBY)
        step, turn_deg = float(np.median(steps[nearby])), float(np.median(turns_deg[nearby]))
        beside = [j for j in range(max(0, i - _WINDOW), min(n, i + _WINDOW + 1)) if j != i]
        middle = np.median(centers[beside], axis=0)
        spread = float(np.median(np.linalg.norm(centers[beside] - middle, axis=1)))
        found[i] = float(np.linalg.norm(centers[i] - middle)) > _LEAP * max(spread, step) > 0
        # At the ends of a capture a camera may well turn away.
        if turn_deg < _STEADY_DEG and _WINDOW <= i < n - _WINDOW:
            angles = _angles_deg(forward[[i, *beside]], np.median(forward[beside], axis=0))
            found[i] |= angles[0] > _TURN_DEG and float(np.median(angles[1:])) < _STEADY_DEG
    return found & (found.sum() <= max(1, _RARE * n))


def tell_leaps(views: Sequence[View], which: Flags) -> None:
    """Warn of the views whose pose leaps and that nothing could be asked about."""
    if which.any():
        names = [view.name for view, is_one in zip(views, which, strict=True) if is_one]
        warn(
            f"{len(names)} of {len(views)} poses leap away from their neighbours and back, and no match with other pictures tells "
            f"whether they are right: look at them ({listed(names)})."
        )


def ask_neighbours(
    views: Sequence[View],
    asked: Flags,
    doubted: Flags,
    *,
    scratch: Path,
    features: MatchSettings,
    seed: int,
    threads: int | None,
) -> tuple[Flags, Flags]:
    """Of the views that are `asked` [n], those whose pose is contradicted, and confirmed, by neighbours that nobody doubted [n].

    doubted: views [n] whose poses are no evidence. scratch: a folder for files. features, threads: of matching; seed: of chance.
    """
    sure = np.flatnonzero(~doubted)
    beside = {int(i): sure[np.argsort(np.abs(sure - i), kind="stable")[: 2 * _WINDOW]] for i in np.flatnonzero(asked)}
    used = np.unique(np.concatenate([[i, *others] for i, others in beside.items()])).astype(int)
    pairs = {(min(i, int(j)), max(i, int(j))) for i, others in beside.items() for j in others}
    places = sorted((int(np.searchsorted(used, i)), int(np.searchsorted(used, j))) for i, j in pairs)
    matches = match_given([views[i] for i in used], places, scratch=scratch, features=features, threads=threads)
    contradicted, confirmed = np.zeros((2, len(views)), bool)
    contradicted[used], confirmed[used] = find_contradicted(matches, seed=seed, believed=~asked[used])
    return contradicted & asked, confirmed & asked


def _angles_deg(directions: Array, ahead: Array) -> Array:
    """Between directions [n, 3] and one [3], which need not be unit."""
    cosines = directions @ ahead / max(float(np.linalg.norm(ahead)), 1e-12)
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))
