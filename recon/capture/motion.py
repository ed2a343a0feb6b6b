"""How far the picture has moved since the first frame: sparse optical flow, summed over the video.

Words: *travel* is the length of the path that a near point of the scene has run across the image, as a fraction of the
image's longest side. Standing still adds nothing (hand shake is measured against an anchor frame, not summed), walking
past a shelf adds a lot, so equal steps of travel are views that differ by equal amounts.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# The upper quartile of the corners' displacements: on a drive half of them sit on a skyline that hardly moves, and the
# near quarter decides how well views overlap. A few moving cars or people stay below it.
_PERCENTILE = 75
_MAX_CORNERS = 300
_ANCHOR_STEP = 0.04  # travel after which tracking starts afresh from a new anchor
_MIN_SURVIVORS = 0.5  # part of the anchor's corners that must still be tracked, else a new anchor
_MIN_CORNERS = 12  # fewer say nothing about the whole picture
_MAX_BACKWARD_ERROR = 1.0  # pixels; corners that do not track back to where they began are not the same corner
_LOST = 0.05  # travel counted for a frame that cannot be tracked although it looks different (cut, whip pan, noise)
_SAME = 1.0  # mean grey levels below which an untracked frame counts as unchanged


class MotionMeter:
    """Feed it the frames of a video in order; it returns the travel so far."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None
        self._travel = self._travel_at_anchor = 0.0
        self._start = self._now = np.zeros((0, 2), np.float32)  # surviving corners [k, 2] in the anchor and last frame
        self._survivors = np.zeros(0, np.int64)  # [k] which of the anchor's corners they are
        self._displacements = np.zeros(0)  # [n] pixels each of the anchor's corners has moved while it was seen

    def advance(self, gray: NDArray[np.uint8]) -> float:
        """Travel from the first frame up to this one, uint8 [h, w] of the size of all others. Never decreases."""
        if self._previous is None:
            self._set_anchor(gray)
            return 0.0
        is_tracked = self._track(self._previous, gray)
        if is_tracked:
            moved = float(np.percentile(self._displacements, _PERCENTILE)) / max(gray.shape)
            self._travel = max(self._travel, self._travel_at_anchor + moved)
        elif np.abs(gray.astype(np.int16) - self._previous).mean() > _SAME:
            self._travel += _LOST
        self._previous = gray
        few_left = len(self._survivors) < _MIN_SURVIVORS * len(self._displacements)
        if not is_tracked or few_left or self._travel - self._travel_at_anchor > _ANCHOR_STEP:
            self._set_anchor(gray)
        return self._travel

    def _set_anchor(self, gray: NDArray[np.uint8]) -> None:
        corners = cv2.goodFeaturesToTrack(gray, _MAX_CORNERS, qualityLevel=0.01, minDistance=max(gray.shape) / 40)
        self._start = self._now = (
            np.zeros((0, 2), np.float32) if corners is None else np.float32(corners).reshape(-1, 2)
        )
        self._survivors = np.arange(len(self._start))
        self._displacements = np.zeros(len(self._start))
        self._travel_at_anchor = self._travel
        self._previous = gray

    def _track(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> bool:
        """Follow the corners; whether enough of them were followed there and back to say how the picture moved."""
        if len(self._now) < _MIN_CORNERS:
            return False
        moved, found = _follow(before, after, self._now)
        back, found_back = _follow(after, before, moved)
        error = np.linalg.norm(back - self._now, axis=1)
        good = found & found_back & (error < _MAX_BACKWARD_ERROR)
        enough = good.sum() >= max(_MIN_CORNERS, 0.25 * len(good))
        self._start, self._now, self._survivors = self._start[good], moved[good], self._survivors[good]
        # Corners that leave the picture keep their last displacement: they are the fast ones, and forgetting them would
        # make a drive look slower with every frame.
        self._displacements[self._survivors] = np.linalg.norm(self._now - self._start, axis=1)
        return bool(enough)


def _follow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], corners: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Pyramidal Lucas-Kanade: where the corners [k, 2] of `before` are in `after`, and which were found."""
    start = np.zeros_like(corners)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, start, winSize=(17, 17), maxLevel=3)
    return np.asarray(moved, np.float32), np.asarray(found).ravel() == 1
