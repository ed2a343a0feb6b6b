"""What is noted of frames without dropping them: exposure that jumps, and blur with no crisp frame nearby."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from recon.capture.keyframes import FrameScore

EXPOSURE_JUMP, BLUR_RUN = "exposure jump", "blur run"
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
    jumps, blurred = exposure_jumps([score.exposure for score in scores]), blur_runs(scores)
    return [
        (*([EXPOSURE_JUMP] if jump else []), *([BLUR_RUN] if blur else []))
        for jump, blur in zip(jumps, blurred, strict=True)
    ]


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
