"""Which frames of a video to keep: the sharpest of each window of equal motion."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Frames this close to the sharpest of their window are as good; the one nearest the window's middle keeps spacing even.
_AS_SHARP = 0.9
# Below this part of the sharpness of the frame kept in its window, a frame is called blurred.
_BLURRED = 0.75
# Two frames differ by less than this (mean grey levels) and do not move: the camera stored one picture twice.
_DUPLICATE = 0.35


@dataclass(frozen=True)
class Spacing:
    """How many frames to keep and how far apart. Motions are fractions of the image's longest side."""

    target_count: int
    max_count: int
    min_motion: float
    max_motion: float


@dataclass(frozen=True)
class FrameScore:
    """What the first pass over a video measures of one frame."""

    source_index: int
    time_s: float
    sharpness: float
    travel: float  # motion since the first frame, see `recon.capture.motion`
    change: float  # mean absolute difference to the frame before, grey levels; infinite for the first


def choose_keyframes(scores: Sequence[FrameScore], spacing: Spacing) -> list[str | None]:
    """For each frame None (kept) or why it is dropped.

    The path of travel is cut into equal windows and each gives its sharpest frame, so a standing camera yields few
    frames and a fast one many.
    """
    travel = np.array([score.travel for score in scores])
    n_windows = count_windows(float(travel[-1]), spacing)
    width = float(travel[-1]) / n_windows
    windows = np.zeros(len(travel), np.int64) if width == 0 else np.minimum(travel / width, n_windows - 1).astype(int)
    reasons: list[str | None] = [None] * len(scores)
    for window in np.unique(windows).tolist():
        members = np.flatnonzero(windows == window).tolist()
        kept = members[_best_of([scores[i] for i in members], center=(window + 0.5) * width)]
        for i in members:
            if i != kept:
                reasons[i] = _why_dropped(scores[i], scores[kept], min_motion=spacing.min_motion)
    return reasons


def count_windows(total_travel: float, spacing: Spacing) -> int:
    """How many windows of equal motion the path is cut into.

    `target_count`; more where windows would be wider than `max_motion`, at most `max_count`; fewer where they would be
    narrower than `min_motion`.

    >>> spacing = Spacing(target_count=90, max_count=300, min_motion=0.005, max_motion=0.08)
    >>> count_windows(4.5, spacing), count_windows(0.1, spacing), count_windows(16.0, spacing)
    (90, 20, 200)
    """
    at_least = min(math.ceil(total_travel / spacing.max_motion), spacing.max_count)
    at_most = int(total_travel / spacing.min_motion + 1e-9)
    return max(1, min(max(spacing.target_count, at_least), at_most))


def _best_of(members: Sequence[FrameScore], *, center: float) -> int:
    """Position of the frame to keep: among the sharpest, the one nearest `center`; the earliest of equals."""
    sharpest = max(score.sharpness for score in members)
    good = [i for i, score in enumerate(members) if score.sharpness >= _AS_SHARP * sharpest]
    return min(good, key=lambda i: (abs(members[i].travel - center), i))


def _why_dropped(score: FrameScore, kept: FrameScore, *, min_motion: float) -> str:
    if score.change < _DUPLICATE:
        return "duplicate"
    if score.sharpness < _BLURRED * kept.sharpness:
        return "blurred"
    if abs(score.travel - kept.travel) < min_motion:
        return "too little motion"
    return "not needed"
