"""Black bars round a film: the letterbox of another shape of picture, which is no part of what was filmed.

They are as black in the brightest moment of the film as in the darkest, and end in a straight, sharp edge.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLACK = 14  # grey levels: video black with the noise of its compression
_BRIGHT = 50  # beside the bar, in the brightest moment, in the median along the edge: a black sky fades, a bar ends
_EDGE = 2  # pixels that a scaled edge is blurred over
_LEAST, _MOST = 0.01, 0.45  # of a side: thinner is a seam of the encoder, wider is no picture


class Bars(NamedTuple):
    """Widths of the bars as shares of the picture's height and width."""

    top: float
    bottom: float
    left: float
    right: float

    def counts(self, size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """Where a picture of this size shows what was filmed [h, w]."""
        h, w = size_hw
        inside = np.zeros(size_hw, bool)
        rows = slice(int(np.ceil(self.top * h)), h - int(np.ceil(self.bottom * h)))
        inside[rows, int(np.ceil(self.left * w)) : w - int(np.ceil(self.right * w))] = True
        return inside


def black_bars(brightest: NDArray[np.uint8]) -> Bars | None:
    """The bars of a film whose pixels were never brighter than `brightest` [h, w] grey; None where it has none."""
    h, w = brightest.shape
    top, bottom = _bar(brightest), _bar(brightest[::-1])
    middle = brightest[top : h - bottom]
    left, right = _bar(middle.T), _bar(middle.T[::-1])
    bars = Bars(top / h, bottom / h, left / w, right / w)
    return bars if any(bars) else None


def _bar(lines: NDArray[np.uint8]) -> int:
    """How many of the first lines [n, m] are a bar, its blurred edge included; 0 where there is none."""
    is_black = (lines <= _BLACK).all(1)
    n_black = len(lines) if is_black.all() else int(np.argmin(is_black))
    end = n_black + _EDGE
    if not _LEAST * len(lines) <= n_black <= _MOST * len(lines) or np.median(lines[min(end, len(lines) - 1)]) < _BRIGHT:
        return 0
    return end
