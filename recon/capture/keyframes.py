"""Which frames of a video to keep: the sharpest of each window of equal change of view."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recon.capture.motion import Motion

# Frames closer than this part of a step are interchangeable: at most one of them is kept.
_FINEST = 0.25
# A slow film of few steps may keep closer ones, until there are enough for a field: near things still move by a pixel of 1280.
# A drone that circles ten degrees in 22 s makes one step; a hand that holds still makes a tenth in ten seconds.
FINEST_OF_FEW = 1 / 40
_FEW, _LEAST_STEPS = 40, 0.5
# Candidates for each frame that may be kept, so that windows of any width have a choice.
_CHOICE = 4
# Frames this close to the sharpest of their window are as good; the one nearest the window's middle keeps spacing even.
_AS_SHARP = 0.9
# Below this part of the sharpness of the frame kept near it, a frame is called blurred.
_BLURRED = 0.75
# Two frames differ by less than this (mean grey levels) and do not move: the camera stored one picture twice.
_DUPLICATE = 0.35


@dataclass(frozen=True)
class Spacing:
    """How many frames to keep and how far apart neighbours should be."""

    target_count: int | None  # None: from the motion
    min_count: int
    max_count: int
    max_parallax: float  # fraction of the longest side
    min_overlap: float  # share of the picture

    def steps(self, motion: Motion) -> float:
        """How many views this far apart a stretch of the video wants: the more of what parallax and overlap ask."""
        return max(motion.parallax / self.max_parallax, motion.turnover / -math.log(self.min_overlap))

    def n_candidates(self, cell_steps: float) -> int:
        """How many frames to hold ready while the length of the video is unknown, one for every `cell_steps`."""
        fewest = self.min_count if self.target_count is None else self.target_count
        if cell_steps < 2 * FINEST_OF_FEW:
            return 2 * _FEW
        return _CHOICE * (fewest if cell_steps < _FINEST else self.max_count)


@dataclass(frozen=True)
class FrameScore:
    """What the pass over a video measures of one frame."""

    source_index: int
    time_s: float
    sharpness: float
    exposure: float  # mean linear level, 0 to 1
    change: float  # mean absolute difference to the frame before, grey levels; infinite for the first
    motion: Motion  # since the first frame
    progress: float  # steps since the first frame, see `Spacing.steps`


def choose_keyframes(
    scores: Sequence[FrameScore], spacing: Spacing, *, candidates: frozenset[int] | None = None
) -> list[str | None]:
    """For each frame None (kept) or why it is dropped.

    The path of progress is cut into equal windows and each gives its sharpest frame, so a standing camera yields few
    frames, a turning one as many as overlap needs, and a fast one many. Only `candidates` (positions in `scores`; None:
    all) can be kept.
    """
    allowed = np.array(sorted(range(len(scores)) if candidates is None else candidates))
    progress = np.array([score.progress for score in scores])
    n_windows = count_windows(float(progress[-1]), spacing)
    width = float(progress[-1]) / n_windows
    windows = np.zeros(len(allowed), int)
    if width > 0:
        windows = np.minimum(progress[allowed] / width, n_windows - 1).astype(int)
    kept = []
    for window in np.unique(windows).tolist():
        members = allowed[windows == window].tolist()
        kept.append(members[_best_of([scores[i] for i in members], center=(window + 0.5) * width)])
    nearest = np.abs(progress[:, None] - progress[kept]).argmin(1)
    reasons = [_why_dropped(score, scores[kept[k]]) for score, k in zip(scores, nearest, strict=True)]
    return [None if i in set(kept) else reason for i, reason in enumerate(reasons)]


def count_windows(n_steps: float, spacing: Spacing) -> int:
    """How many windows the path is cut into: the number asked, or one per step within the limits.

    Never so many that frames would be closer than a quarter of a step, or a fortieth where fewer than 40 would be kept.

    >>> spacing = Spacing(target_count=None, min_count=60, max_count=300, max_parallax=0.03, min_overlap=0.85)
    >>> [count_windows(n_steps, spacing) for n_steps in (96.0, 30.0, 5.0, 1.0, 0.6, 0.3, 1000.0)]
    [96, 60, 40, 40, 24, 1, 300]
    """
    wanted = spacing.target_count
    if wanted is None:
        wanted = min(max(math.ceil(n_steps), spacing.min_count), spacing.max_count)
    distinct = int(n_steps / _FINEST + 1e-9)
    if n_steps >= _LEAST_STEPS:
        distinct = max(distinct, min(_FEW, int(n_steps / FINEST_OF_FEW + 1e-9)))
    return max(1, min(wanted, distinct))


def _best_of(members: Sequence[FrameScore], *, center: float) -> int:
    """Position of the frame to keep: among the sharpest, the one nearest `center`; the earliest of equals."""
    sharpest = max(score.sharpness for score in members)
    good = [i for i, score in enumerate(members) if score.sharpness >= _AS_SHARP * sharpest]
    return min(good, key=lambda i: (abs(members[i].progress - center), i))


OTHER_SIZE = "other size"


def _why_dropped(score: FrameScore, kept: FrameScore) -> str:
    if score.change < _DUPLICATE:
        return "duplicate"
    if score.sharpness < _BLURRED * kept.sharpness:
        return "blurred"
    if abs(score.progress - kept.progress) < _FINEST:
        return "too little motion"
    return "not needed"
