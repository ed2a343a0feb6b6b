"""How bright each frame is, and how its exposure differs from the frame before: of the same matched things only.

A pan from a window to a wall changes the mean of the picture but no exposure; the pixels of features matched in both
frames do not change by it.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.formats.frame_set import FrameSet
from recon.poses.doctor.matching import Floats, Matching
from recon.workspace.reading import is_file

_ENOUGH = 15  # matched features, fewer give no honest median
_DARK, _BURNT = 8, 247  # grey levels beyond which a pixel is clipped and says nothing about exposure


@dataclass(frozen=True)
class Brightness:
    """n frames in the order of capture."""

    levels: Floats  # [n] mean grey level, 0 to 255; NaN where the file is no picture
    steps: Floats  # [n] exposure against the frame before, in stops (log2 of grey levels); NaN where not known


def measure_brightness(folder: Path, frames: FrameSet, matching: Matching) -> Brightness:
    """Read every frame once."""
    levels, steps = np.full((2, len(frames.frames)), np.nan)
    before: NDArray | None = None
    for i, frame in enumerate(frames.frames):
        gray = _read_small(folder / frame.image)
        if gray is not None:
            levels[i] = gray.mean()
        if before is not None and gray is not None:
            earlier, later = matching.neighbours[i - 1]
            size_hw = frames.frames[i - 1].size_hw, frame.size_hw
            steps[i] = exposure_step(_sample(before, earlier, size_hw[0]), _sample(gray, later, size_hw[1]))
        before = gray
    return Brightness(levels, steps)


def exposure_step(before: Floats, after: Floats) -> float:
    """Median change in stops between grey levels [k] of the same things; NaN where too few are usable."""
    low, high = np.minimum(before, after), np.maximum(before, after)
    usable = (low > _DARK) & (high < _BURNT)
    if usable.sum() < _ENOUGH:
        return float("nan")
    return float(np.median(np.log2(after[usable] / before[usable])))


def _read_small(file: Path) -> NDArray | None:
    """Grey levels at a quarter of the size, which decodes faster and averages noise; None: not a picture."""
    if not is_file(file) or file.stat().st_size == 0:
        return None
    flags = cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.fromfile(file, np.uint8), flags)  # unlike imread, it prints nothing about bad files


def _sample(gray: NDArray, pixels: Floats, size_hw: tuple[int, int]) -> Floats:
    """Grey levels [k] of the reduced picture at pixels [k, 2] of the full one."""
    h, w = gray.shape
    column, row = np.clip((pixels / [size_hw[1], size_hw[0]] * [w, h]).astype(int), 0, [w - 1, h - 1]).T
    return gray[row, column].astype(np.float64)
