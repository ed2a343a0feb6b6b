"""Which matched depths to believe: those that other views arrive at too and that fit what is round them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.stereo import Floats, Hypotheses, StereoView, stereo_agreement
from recon.matching.passes import Matches
from recon.matching.pictures import Picture
from recon.matching.settings import MatchingSettings

NEAR_STEP = 2  # pixels between those that are asked whether they lie on a pixel's plane, two to each side
FAR_STEP = 1 / 80  # the same of those farther away, as a share of the picture's longer side
COHERENT = 0.01  # relative difference of a depth from the plane of a pixel near it

# Log odds that a depth is more than 1.5 % wrong: logistic regression on the exact truth of three places (docs/surfaces.md).
AT_ONCE, OF_AGREEING, OF_COST, OF_NEAR, OF_FAR = (
    1.24,
    -0.26,
    1.68,
    -1.26,
    -3.13,
)  # log(1 + views), coherence near and far

BLANK_REACH = 2  # pixels round a pixel in which something must show
BLANK_RANGE = 10  # grey levels between the darkest and the brightest there, after a blur of one pixel, else it is blank
OWN_RANGE = 8  # the same among a pixel and its eight neighbours, without a blur
EDGE_COST = 0.6  # of a match that shows where an edge is


@dataclass(frozen=True)
class Confirmed:
    """Maps [h, w] of one picture; what other views do not confirm is 0."""

    depth: Floats  # mean of this view's and of the views' that agree
    normal: NDArray[np.float16]  # [h, w, 3] world, unit, towards the camera
    confidence: Floats  # in [0, 1]: the chance that the depth is right

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        return self.depth > 0

    def surer_than(self, confidence: float) -> "Confirmed":
        """Only what is at least so sure."""
        return self.without(self.confidence < confidence)

    def without(self, mask: NDArray[np.bool_]) -> "Confirmed":
        """Nothing confirmed where the mask is True."""
        keep = ~mask
        return Confirmed(self.depth * keep, self.normal * keep[..., None], self.confidence * keep)


def confirm(
    matches: Matches, pictures: Sequence[Picture], neighbours: NDArray[np.int32], settings: MatchingSettings
) -> Iterator[Confirmed]:
    """Keep a depth on which `min_agreeing` neighbours agree, and that is wrong with a chance of at most `max_doubt` or on an edge.

    The chance comes from how many views agree, how alike they look (the cost), and how many pixels round it lie on the pixel's
    own plane: true surfaces are smooth, and what is blank or stands beside an edge matches by chance, each pixel elsewhere.
    How much there is to see says less: fine grain of little contrast matches as well as print.

    Edges are kept however doubtful, since planes are found by them: a white ceiling shows nothing else.
    """
    for i, (picture, view, state) in enumerate(zip(pictures, matches.views, matches.hypotheses, strict=True)):
        near, depth = [int(j) for j in neighbours[i] if j >= 0], matches.depths[i]
        others, depths = [matches.views[j] for j in near], [matches.depths[j] for j in near]
        agreeing, _, mean = stereo_agreement(
            view, depth, others, depths, pixels=settings.agreement_px, relative=settings.agreement
        )
        far_step = max(NEAR_STEP, round(FAR_STEP * max(depth.shape)))
        coherences = (coherence(view, state.planes, step) for step in (NEAR_STEP, far_step))
        doubt = chance_of_error(agreeing, state.costs, *coherences)
        is_edge = ~is_blank(picture) & (state.costs <= EDGE_COST)
        keep = (agreeing >= settings.min_agreeing) & ((doubt <= settings.max_doubt) | is_edge)
        keep &= (depth > 0) & picture.is_valid
        yield Confirmed(
            depth=np.where(keep, mean, 0).astype(np.float32),
            normal=_normals(state, picture.world_from_camera) * keep[..., None],
            confidence=np.where(keep, 1 - doubt, 0).astype(np.float32),
        )


def chance_of_error(agreeing: NDArray[np.uint8], costs: Floats, near: Floats, far: Floats) -> Floats:
    """In [0, 1], of each pixel [h, w]; `near` and `far`: its coherence with what is round it."""
    log_odds = AT_ONCE + OF_AGREEING * np.log1p(agreeing.astype(np.float32))
    log_odds = log_odds + OF_COST * costs + OF_NEAR * near + OF_FAR * far
    return np.asarray(1 / (1 + np.exp(-log_odds)), np.float32)


def coherence(view: StereoView, planes: Floats, step: int) -> Floats:
    """Of each pixel [h, w]: the share of the pixels round it whose depth lies on its own plane [h, w, 3].

    Asked are those on a grid of `step` pixels, two to every side, inside the picture.
    """
    reach = 2 * step
    fx, fy = view.intrinsics[:2]
    inverse = np.maximum(np.einsum("hwc,hwc->hw", planes, view.rays()), 1e-9)
    h, w = inverse.shape
    padded = np.pad(inverse, reach)
    offsets = range(-reach, reach + 1, step)
    on_plane, asked = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    for dy in offsets:
        for dx in offsets:
            theirs = padded[reach + dy :, reach + dx :][:h, :w]
            expected = inverse + planes[..., 0] * np.float32(dx / fx) + planes[..., 1] * np.float32(dy / fy)
            on_plane += np.abs(expected - theirs) < COHERENT * theirs
            asked += theirs > 0
    return np.asarray((on_plane - 1) / np.maximum(asked - 1, 1), np.float32)  # all but the pixel itself


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
