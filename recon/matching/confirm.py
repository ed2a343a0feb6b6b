"""Which matched depths to believe: those that other views arrive at too and that fit what is round them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.plane_fits import coherence, fit_planes
from recon.kernels.stereo import Floats, Hypotheses, stereo_agreement
from recon.matching.passes import Matches
from recon.matching.pictures import Picture
from recon.matching.settings import MatchingSettings

NEAR_STEP = 2  # pixels between those that a pixel's plane is fitted to, and that are asked whether they lie on it, two to each side
FAR_STEP = 1 / 80  # the same of those farther away, as a share of the picture's longer side
FIT = (0.02, 0.01)  # relative differences from the plane within which depths are fitted, first and then
COHERENT = 0.01  # relative difference of a depth from the plane of a pixel near it

# Log odds that a depth is more than 1.5 % wrong: logistic regression on the exact truth of four places (docs/surfaces.md).
AT_ONCE, OF_COST, OF_NEAR, OF_FAR = 1.08, 1.07, -1.36, -3.80  # coherence near and far

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

    def with_confidence(self, confidence: Floats) -> "Confirmed":
        """The same depths, sure by [h, w]."""
        return replace(self, confidence=confidence)

    def without(self, mask: NDArray[np.bool_]) -> "Confirmed":
        """Nothing confirmed where the mask is True."""
        keep = ~mask
        return Confirmed(self.depth * keep, self.normal * keep[..., None], self.confidence * keep)


def confirm(
    matches: Matches,
    pictures: Sequence[Picture],
    neighbours: NDArray[np.int32],
    settings: MatchingSettings,
    scratch: Path,
) -> Iterator[Confirmed]:
    """Keep a depth on which `min_agreeing` neighbours agree, and that is wrong with a chance of at most `max_doubt` or on an edge.

    Depths are those of planes fitted to what was matched round each pixel: a third nearer to the truth than each pixel's own, and
    on a road that is seen at a grazing angle half of the pixels would not be believed without.

    The chance comes from how alike the views look (the cost), and how many pixels round it lie on the pixel's plane: true
    surfaces are smooth, and what is blank or stands beside an edge matches by chance, each pixel elsewhere. How many more views
    agree says nothing beyond that, and how much there is to see little: fine grain of low contrast matches as well as print.

    Edges are kept however doubtful, since planes are found by them: a white ceiling shows nothing else.

    matches, pictures: of the same views; neighbours: [n, k] views that may agree, -1 none; settings: conf/matching; scratch: folder
    for what does not fit into memory.
    """
    fitted = fitted_to_surfaces(matches, scratch / "fitted")
    for i, (picture, view, state) in enumerate(zip(pictures, fitted.views, fitted.hypotheses, strict=True)):
        near, depth = [int(j) for j in neighbours[i] if j >= 0], fitted.depths[i]
        others, depths = [fitted.views[j] for j in near], [fitted.depths[j] for j in near]
        agreeing, _, mean = stereo_agreement(
            view, depth, others, depths, pixels=settings.agreement_px, relative=settings.agreement
        )
        matched = np.asarray(1 / np.maximum(matches.depths[i], 1e-9), np.float32)
        far_step = max(NEAR_STEP, round(FAR_STEP * max(depth.shape)))
        steps = (NEAR_STEP, far_step)
        coherences = (coherence(view, state.planes, matched, step=step, tolerance=COHERENT) for step in steps)
        doubt = chance_of_error(state.costs, *coherences)
        is_edge = ~is_blank(picture) & (state.costs <= EDGE_COST)
        keep = (agreeing >= settings.min_agreeing) & ((doubt <= settings.max_doubt) | is_edge)
        keep &= (depth > 0) & picture.is_valid
        yield Confirmed(
            depth=np.where(keep, mean, 0).astype(np.float32),
            normal=_normals(state, picture.world_from_camera) * keep[..., None],
            confidence=np.where(keep, 1 - doubt, 0).astype(np.float32),
        )
    fitted.clear()


def fitted_to_surfaces(matches: Matches, folder: Path) -> Matches:
    """The same with each pixel's plane fitted to the depths round it; `folder` takes them."""
    fitted = Matches.at(matches.views, folder)
    for view, state in zip(matches.views, matches.hypotheses, strict=True):
        fitted.put(replace(state, planes=fit_planes(view, state.planes, step=NEAR_STEP, tolerances=FIT)))
    return fitted


def chance_of_error(costs: Floats, near: Floats, far: Floats) -> Floats:
    """In [0, 1], of each pixel [h, w] that other views agree with; `near` and `far`: its coherence with what is round it."""
    return np.asarray(1 / (1 + np.exp(-(AT_ONCE + OF_COST * costs + OF_NEAR * near + OF_FAR * far))), np.float32)


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
