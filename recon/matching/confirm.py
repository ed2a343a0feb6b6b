"""Which matched depths to believe: those that other views, matched on their own, arrive at too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.stereo import Floats, Hypotheses, stereo_agreement
from recon.matching.passes import Matches
from recon.matching.pictures import Picture
from recon.matching.settings import MatchingSettings

BLANK_REACH = 2  # pixels round a pixel in which something must show
BLANK_RANGE = 10  # grey levels between the darkest and the brightest there, after a blur of one pixel, else it is blank
OWN_RANGE = 8  # the same among a pixel and its eight neighbours, without a blur


@dataclass(frozen=True)
class Confirmed:
    """Maps [h, w] of one picture; what is not confirmed is 0."""

    depth: Floats  # mean of this view's and of the views' that agree
    normal: NDArray[np.float16]  # [h, w, 3] world, unit, towards the camera
    confidence: Floats  # in [0, 1]

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        return self.depth > 0

    def without(self, mask: NDArray[np.bool_]) -> "Confirmed":
        """Nothing confirmed where the mask is True."""
        keep = ~mask
        return Confirmed(self.depth * keep, self.normal * keep[..., None], self.confidence * keep)


def confirm(
    matches: Matches, pictures: Sequence[Picture], neighbours: NDArray[np.int32], settings: MatchingSettings
) -> Iterator[Confirmed]:
    """Keep a depth that costs at most `max_cost`, on which `min_agreeing` neighbours agree, where there is something to see.

    A blank pixel beside an edge matches by the edge, which may stand far before it: views agree on the mistake.
    """
    for i, (picture, view, state) in enumerate(zip(pictures, matches.views, matches.hypotheses, strict=True)):
        near, depth = [int(j) for j in neighbours[i] if j >= 0], matches.depths[i]
        others, depths = [matches.views[j] for j in near], [matches.depths[j] for j in near]
        agreeing, _, mean = stereo_agreement(
            view, depth, others, depths, pixels=settings.agreement_px, relative=settings.agreement
        )
        keep = (agreeing >= settings.min_agreeing) & (state.costs <= settings.max_cost)
        keep &= (depth > 0) & picture.is_valid & ~is_blank(picture)
        # sharper pictures, more views: both make an accident less likely
        confidence = (1 - 0.5 ** (agreeing / settings.min_agreeing)) * (1 - 0.5 * state.costs / settings.max_cost)
        yield Confirmed(
            depth=np.where(keep, mean, 0).astype(np.float32),
            normal=_normals(state, picture.world_from_camera) * keep[..., None],
            confidence=np.where(keep, np.clip(confidence, 0, 1), 0).astype(np.float32),
        )


def _normals(state: Hypotheses, world_from_camera: Array) -> NDArray[np.float16]:
    """[h, w, 3] in the world, towards the camera."""
    towards = -state.planes / np.maximum(np.linalg.norm(state.planes, axis=-1, keepdims=True), 1e-12)
    return (towards @ world_from_camera[:3, :3].T.astype(np.float32)).astype(np.float16)


def is_blank(picture: Picture) -> NDArray[np.bool_]:
    """[h, w]: nothing to see within BLANK_REACH of the pixel, or nothing at the pixel itself.

    Beside an edge a pixel's own neighbours are alike while its window shows the edge.
    """
    smooth = np.asarray(cv2.GaussianBlur(picture.grey, (0, 0), 1.0), np.uint8)
    return (_range(smooth, BLANK_REACH) < BLANK_RANGE) | (_range(picture.grey, 1) < OWN_RANGE)


def _range(grey: NDArray[np.uint8], reach: int) -> NDArray[np.int16]:
    kernel = np.ones((2 * reach + 1,) * 2, np.uint8)
    return np.asarray(cv2.dilate(grey, kernel).astype(np.int16) - cv2.erode(grey, kernel), np.int16)
