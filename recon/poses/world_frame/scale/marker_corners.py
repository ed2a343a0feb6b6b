"""Corners of a printed square to a twentieth of a pixel: lines fitted to its four edges, and where they meet.

The usual corner refinement (`cv2.cornerSubPix`) is made for the crossings of a chessboard. The corner of a black square
is round in a blurred picture and it settles inside: a quarter of a pixel, 1.5 % of a marker 40 pixels wide.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array

_SAMPLES = 24  # along an edge
_ENDS = 0.12  # of an edge next to each corner that is left out: round there
_STEP = 0.25  # pixels along a profile
_MAX_REACH_PX = 4.0
_ROUNDS = 3


def refine_corners(gray: NDArray[np.uint8], corners: Array, *, n_modules: int) -> Array:
    """Corners [4, 2] of a square seen in `gray` [h, w], refined; both in OpenCV's pixels (first centre at 0, 0).

    n_modules: cells of the marker along a side, its black frame included: a profile across the edge stays within half a
    cell, where it crosses from white to black once. An edge that cannot be seen leaves the corners as they were.
    """
    for _ in range(_ROUNDS):
        lines = [_edge(gray, corners[i], corners[(i + 1) % 4], corners.mean(0), n_modules) for i in range(4)]
        if any(line is None for line in lines):
            return corners
        refined = np.stack([np.cross(lines[i - 1], lines[i]) for i in range(4)])  # type: ignore[arg-type]
        if np.abs(refined[:, 2]).min() < 1e-9:
            return corners
        refined = refined[:, :2] / refined[:, 2:]
        if np.linalg.norm(refined - corners, axis=1).max() > 2 * _MAX_REACH_PX:
            return corners
        corners = refined
    return corners


def _edge(gray: NDArray[np.uint8], start: Array, end: Array, center: Array, n_modules: int) -> Array | None:
    """The line [3] (a x + b y + c = 0, unit normal) through an edge's points of steepest change."""
    along = end - start
    length = float(np.linalg.norm(along))
    reach = min(_MAX_REACH_PX, 0.5 * length / n_modules)
    if reach < 1.0:
        return None  # cells under two pixels
    outward = np.array([along[1], -along[0]]) / length
    outward = outward * (1.0 if outward @ (start - center) >= 0 else -1.0)
    places = start + np.linspace(_ENDS, 1 - _ENDS, _SAMPLES)[:, None] * along
    offsets = np.arange(-reach, reach + _STEP / 2, _STEP)
    at = (places[:, None] + offsets[:, None] * outward).astype(np.float32)
    profiles = cv2.remap(gray, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rise = np.maximum(np.diff(profiles.astype(np.float64), axis=1), 0.0)
    weight = rise.sum(1)
    if np.count_nonzero(weight > 0) < _SAMPLES // 2:
        return None
    middle = (rise @ (0.5 * (offsets[1:] + offsets[:-1]))) / np.maximum(weight, 1e-9)
    points = places + middle[:, None] * outward
    kept = weight > 0.3 * np.median(weight)
    for _ in range(3):
        anchor = points[kept].mean(0)
        direction = np.linalg.svd(points[kept] - anchor, full_matrices=False)[2][0]
        normal = np.array([-direction[1], direction[0]])
        off = np.abs((points - anchor) @ normal)
        kept = (weight > 0.3 * np.median(weight)) & (off <= 3 * max(float(np.median(off)), 0.05))
    return np.array([*normal, -normal @ anchor])
