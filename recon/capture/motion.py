"""How the view has changed since the first frame: corners followed through the video, summed over anchor frames.

Words: *parallax* is how far near things have run across the picture beyond what turning explains, as a fraction of its
longest side: what depth is measured from. *Turnover* is the share of the picture that left or came into view. Both are
lengths of paths: standing still adds nothing (hand shake is measured against an anchor frame, not summed), turning on the
spot adds turnover only, walking past a shelf adds both.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.capture.flow import parallax, turnover, typical_length

_MAX_CORNERS = 300
_ANCHOR_STEP = 0.04  # displacement after which tracking starts afresh from a new anchor
_MIN_SURVIVORS = 0.5  # part of the anchor's corners that must still be tracked, else a new anchor
_MIN_CORNERS = 12  # fewer say nothing about the whole picture
_MAX_BACKWARD_ERROR = 1.0  # pixels; corners that do not track back to where they began are not the same corner
_SAME = 1.0  # mean grey levels below which an untracked frame counts as unchanged


@dataclass(frozen=True)
class Motion:
    """Change of view along the video; differences of two frames' motions are what lies between them."""

    parallax: float  # fraction of the longest side
    turnover: float  # share of the picture

    def __add__(self, other: "Motion") -> "Motion":
        return Motion(self.parallax + other.parallax, self.turnover + other.turnover)

    def __sub__(self, other: "Motion") -> "Motion":
        return Motion(self.parallax - other.parallax, self.turnover - other.turnover)

    def at_least(self, other: "Motion") -> "Motion":
        return Motion(max(self.parallax, other.parallax), max(self.turnover, other.turnover))

    @property
    def overlap(self) -> float:
        """Share of what the first frame shows that the second still shows.

        >>> round(Motion(0.0, 0.25).overlap, 2)
        0.78
        """
        return math.exp(-self.turnover)


# Counted for a frame that cannot be tracked although it looks different (cut, whip pan, noise).
LOST = Motion(parallax=0.05, turnover=0.2)


class MotionMeter:
    """Feed it the frames of a video in order; it returns the motion so far."""

    def __init__(self) -> None:
        self._previous: NDArray[np.uint8] | None = None
        self._motion = self._motion_at_anchor = Motion(0.0, 0.0)
        self._start = self._now = np.zeros((0, 2), np.float32)  # surviving corners [k, 2] in the anchor and last frame
        self._survivors = np.zeros(0, np.int64)  # [k] which of the anchor's corners they are
        self._positions = np.zeros((0, 2))  # [n, 2] of the anchor's corners, see `recon.capture.flow`
        self._displacements = np.zeros((0, 2))  # [n, 2] how far each of them has moved while it was seen

    def advance(self, gray: NDArray[np.uint8]) -> Motion:
        """Motion from the first frame up to this one, uint8 [h, w] of the size of all others. Never decreases."""
        if self._previous is None:
            self._set_anchor(gray)
            return self._motion
        is_tracked, is_far = self._track(self._previous, gray), False
        if is_tracked:
            is_far = typical_length(self._displacements) > _ANCHOR_STEP
            size_wh = np.array(gray.shape[::-1]) / max(gray.shape)
            since_anchor = Motion(
                parallax(self._positions, self._displacements),
                turnover(self._positions, self._displacements, size_wh),
            )
            self._motion = self._motion.at_least(self._motion_at_anchor + since_anchor)
        elif np.abs(gray.astype(np.int16) - self._previous).mean() > _SAME:
            self._motion += LOST
        self._previous = gray
        few_left = len(self._survivors) < _MIN_SURVIVORS * len(self._displacements)
        if not is_tracked or few_left or is_far:
            self._set_anchor(gray)
        return self._motion

    def _set_anchor(self, gray: NDArray[np.uint8]) -> None:
        corners = cv2.goodFeaturesToTrack(gray, _MAX_CORNERS, qualityLevel=0.01, minDistance=max(gray.shape) / 40)
        self._start = self._now = (
            np.zeros((0, 2), np.float32) if corners is None else np.float32(corners).reshape(-1, 2)
        )
        self._survivors = np.arange(len(self._start))
        self._positions = (self._start.astype(np.float64) - np.array(gray.shape[::-1]) / 2) / max(gray.shape)
        self._displacements = np.zeros_like(self._positions)
        self._motion_at_anchor = self._motion
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
        self._displacements[self._survivors] = (self._now - self._start).astype(np.float64) / max(after.shape)
        return bool(enough)


def _follow(
    before: NDArray[np.uint8], after: NDArray[np.uint8], corners: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Pyramidal Lucas-Kanade: where the corners [k, 2] of `before` are in `after`, and which were found."""
    start = np.zeros_like(corners)
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, start, winSize=(17, 17), maxLevel=3)
    return np.asarray(moved, np.float32), np.asarray(found).ravel() == 1
