"""The vertical from straight edges: door frames, shelves, facades and posts all run along gravity.

A segment in a picture and the camera's centre span a plane (the interpretation plane); the edge lies in it. So the
vertical is the direction that lies in the planes of most near-vertical segments of all pictures together: with unit
normals n_i in the frame of the cameras, the unit v with the least sum of rho(n_i . v). It is found by voting over the
cross products of random pairs and refined by robust least squares (Cauchy). See Barnard (1983); Collins and Weiss (1990).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from recon.formats.images import fit_within, resize_image
from recon.formats.photos import read_pixels
from recon.geometry.reconstruction import View
from recon.geometry.transforms import Array
from recon.workspace.reading import is_file

_MAX_SIZE = 1000  # longest side that segments are looked for in: enough, and quick
_MAX_VIEWS = 80
_MAX_PER_VIEW = 150  # the longest
_MIN_LENGTH = 0.04  # of the diagonal: shorter ones have directions off by degrees
_TRIALS = 3000
_TOLERANCE_DEG = 1.0  # a segment of 40 pixels is straight to 0.5 degrees
_CAUCHY_DEG = 0.4
_MIN_VOTES = 60  # segments; a wall of books gives thousands
# Of the segments within five degrees of a direction, those within one: 1/5 where nothing is vertical.
_MIN_SHARPNESS = 0.4
_CHANCE_SHARPNESS = 0.2
# One physical edge is seen in many pictures, with one error of its own (a leaning shelf, a cable): so many segments
# count as one.
_SEGMENTS_PER_EDGE = 12.0
_LEAST_ERROR_DEG = 0.7  # builders work to 0.3, but rows of books and shelves lean by 0.9 where we looked


@dataclass(frozen=True)
class Vertical:
    """The direction that near-vertical edges share."""

    direction: Array  # [3] unit, on the side of the prior
    error_deg: float  # one sigma
    n_segments: int  # that agree
    sharpness: float  # of the segments within 5 degrees, those within 1


def find_vertical(views: Sequence[View], prior: Array, *, max_tilt_deg: float, seed: int) -> Vertical | None:
    """The vertical near `prior` [3] (unit, same frame as the poses), from the pictures of `views`.

    None where too few segments agree (foliage, bare walls), or where the pictures do not exist.
    """
    existing = [view for view in views if is_file(view.image)]
    places = np.unique(np.linspace(0, len(existing) - 1, min(len(existing), _MAX_VIEWS)).round().astype(int))
    found = [segment_planes(existing[place]) for place in places]
    if not found:
        return None
    return vertical_of_planes(np.concatenate(found), prior, max_tilt_deg=max_tilt_deg, seed=seed)


def segment_planes(view: View) -> Array:
    """Unit normals [n, 3] (frame of the poses) of the interpretation planes of a picture's longest segments."""
    image = read_pixels(view)[..., :3]
    size_hw = fit_within(image.shape[:2], _MAX_SIZE)
    gray = cv2.cvtColor(np.ascontiguousarray(resize_image(image, size_hw)), cv2.COLOR_RGB2GRAY)
    segments = cv2.createLineSegmentDetector().detect(gray)[0]
    if segments is None:
        return np.zeros((0, 3))
    ends = segments.reshape(-1, 2, 2).astype(np.float64) + 0.5  # OpenCV counts from the centre of the first pixel
    lengths = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) / np.hypot(*size_hw)
    longest = np.argsort(-lengths)[:_MAX_PER_VIEW]
    longest = longest[lengths[longest] >= _MIN_LENGTH]
    rays = view.camera.resized(size_hw).unproject(torch.from_numpy(ends[longest])).numpy()
    normals = np.cross(rays[:, 0], rays[:, 1])
    sizes = np.linalg.norm(normals, axis=1)
    is_clear = sizes > 1e-6
    normals = normals[is_clear] / sizes[is_clear, None]
    return normals @ view.world_from_camera[:3, :3].T


def vertical_of_planes(normals: Array, prior: Array, *, max_tilt_deg: float, seed: int) -> Vertical | None:
    """The direction near `prior` [3] that lies in most of the planes with unit `normals` [n, 3].

    One segment, one vote: weighting them by length made two of two measured captures worse, as long edges are few and
    may all belong to one leaning thing.
    """
    normals = normals[np.abs(normals @ prior) < np.sin(np.radians(max_tilt_deg))]
    if len(normals) < _MIN_VOTES:
        return None
    direction = _vote(normals, prior, max_tilt_deg, np.random.default_rng(seed))
    if direction is None:
        return None
    scale = np.sin(np.radians(_CAUCHY_DEG))
    for _ in range(20):
        robust = 1 / (1 + (normals @ direction / scale) ** 2)
        scatter = (normals * robust[:, None]).T @ normals
        refined = np.linalg.eigh(scatter)[1][:, 0]
        refined = refined * (1.0 if refined @ prior >= 0 else -1.0)
        is_settled = refined @ direction > 1 - 1e-14
        direction = refined
        if is_settled:
            break
    off = np.degrees(np.arcsin(np.clip(np.abs(normals @ direction), 0, 1)))
    agree = off < _TOLERANCE_DEG
    n_agree, n_near = (int(np.count_nonzero(off < k * _TOLERANCE_DEG)) for k in (1, 5))
    sharpness = n_agree / max(n_near, 1)
    tilted = direction @ prior < np.cos(np.radians(max_tilt_deg))
    if tilted or n_agree < _MIN_VOTES or sharpness < _MIN_SHARPNESS:
        return None
    # Where clutter is as dense, the cluster itself may be of chance: trust falls with its share of what is there.
    purity = (sharpness - _CHANCE_SHARPNESS) / (1 - _CHANCE_SHARPNESS)
    return Vertical(direction, _error_deg(normals[agree], off[agree], direction) / purity, n_agree, sharpness)


def _vote(normals: Array, prior: Array, max_tilt_deg: float, rng: np.random.Generator) -> Array | None:
    """The best of the directions in which two random planes meet."""
    a, b = (normals[rng.integers(len(normals), size=_TRIALS)] for _ in range(2))
    meets = np.cross(a, b)
    sizes = np.linalg.norm(meets, axis=1)
    meets = meets[sizes > 0.05] / sizes[sizes > 0.05, None]  # planes within 3 degrees of each other meet anywhere
    meets *= np.where(meets @ prior >= 0, 1.0, -1.0)[:, None]
    meets = meets[meets @ prior > np.cos(np.radians(max_tilt_deg))]
    if len(meets) == 0:
        return None
    sample = rng.choice(len(normals), min(len(normals), 3000), replace=False)
    votes = (np.abs(meets @ normals[sample].T) < np.sin(np.radians(_TOLERANCE_DEG))).sum(1)
    return meets[int(np.argmax(votes))]


def _error_deg(normals: Array, off_deg: Array, direction: Array) -> float:
    """One sigma of the direction in its worse sense: the agreeing planes as independent edges, and builders' care."""
    scatter = normals.T @ normals
    spread = np.linalg.eigvalsh(scatter - (direction @ scatter @ direction) * np.outer(direction, direction))[1]
    sigma = np.sqrt((off_deg**2).sum() / max(len(off_deg) - 2, 1))
    return float(np.hypot(_LEAST_ERROR_DEG, sigma * np.sqrt(_SEGMENTS_PER_EDGE / max(spread, 1e-12))))
