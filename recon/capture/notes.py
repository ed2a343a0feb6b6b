"""What is noted of frames without dropping them: cuts, exposure that jumps, and blur with no crisp frame nearby."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from recon.capture.keyframes import FrameScore
from recon.capture.motion import LOST
from recon.formats.frames_json import CUT

EXPOSURE_JUMP, BLUR_RUN = "exposure jump", "blur run"
# A cut: the picture changes by so many grey levels, so many times as much as in any of the frames around, and no corner is followed
# across it. Walks change by 8 to 40 a frame, by at most 1.4 times their neighbours; a cut to another place by 75 and 2.6.
_CUT_LEVELS, _CUT_TIMES, _CUT_AROUND = 20.0, 1.8, 3
# Stops between neighbouring frames: auto exposure glides by less than a twentieth, moving the camera by a tenth.
_JUMP_STOPS = 0.3
_BLURRED = 0.7  # part of the sharpness of what was crisp around it
_CRISP_PERCENTILE = 80
_AROUND_S = 3.0  # seconds before and after: the scene is still about the same
_RUN = 3  # blurred frames in a row: fewer have a crisp neighbour that shows the same


def exposure_of(gray: NDArray[np.uint8]) -> float:
    """Mean linear light of an sRGB picture [h, w], 0 (black) to 1 (white)."""
    return float(np.bincount(gray.ravel(), minlength=256) @ _linear_levels() / gray.size)


def note_frames(scores: Sequence[FrameScore]) -> list[tuple[str, ...]]:
    """For each frame of a video what a person, or a later stage, may want to know of it."""
    found = {
        CUT: cuts(scores),
        EXPOSURE_JUMP: exposure_jumps([score.exposure for score in scores]),
        BLUR_RUN: blur_runs(scores),
    }
    return [tuple(note for note, values in found.items() if values[i]) for i in range(len(scores))]


def cuts(scores: Sequence[FrameScore]) -> list[bool]:
    """Whether each frame begins another take: it has nothing to do with the one before, while both sides go on smoothly."""
    changes = [score.change for score in scores]
    result = [False] * len(scores)
    for i in range(2, len(scores) - 1):
        around = [*changes[max(1, i - _CUT_AROUND) : i], *changes[i + 1 : i + 1 + _CUT_AROUND]]
        is_sudden = changes[i] > max(_CUT_LEVELS, _CUT_TIMES * max(around))
        moved = scores[i].motion - scores[i - 1].motion
        result[i] = is_sudden and moved.turnover >= LOST.turnover - 1e-6
    return result


def exposure_jumps(exposures: Sequence[float]) -> list[bool]:
    """Whether each frame is brighter or darker than the one before by more than a third of a stop."""
    stops = [math.log2(max(exposure, 1e-4)) for exposure in exposures]
    return [False, *(abs(b - a) > _JUMP_STOPS for a, b in pairwise(stops))]


def blur_runs(scores: Sequence[FrameScore]) -> list[bool]:
    """Whether each frame is one of several blurred ones in a row, so that no crisp frame shows what it shows."""
    times = np.array([score.time_s for score in scores])
    sharpness = np.array([score.sharpness for score in scores])
    first, last = np.searchsorted(times, times - _AROUND_S), np.searchsorted(times, times + _AROUND_S, side="right")
    crisp = np.array([np.percentile(sharpness[a:b], _CRISP_PERCENTILE) for a, b in zip(first, last, strict=True)])
    result: list[bool] = []
    for is_blurred, run in groupby(sharpness < _BLURRED * crisp):
        length = len(list(run))
        result += [bool(is_blurred) and length >= _RUN] * length
    return result


@cache
def _linear_levels() -> NDArray[np.float64]:
    """Linear light of each sRGB code. [256]"""
    encoded = np.arange(256) / 255.0
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
