"""Which matched depths to believe: those that other views, matched on their own, arrive at too."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.kernels.stereo import Floats, stereo_agreement
from recon.matching.passes import Matches
from recon.matching.pictures import Picture

BLANK_REACH = 2  # pixels round a pixel in which something must show
BLANK_RANGE = 10  # grey levels between the darkest and the brightest there, after a blur of one pixel, else it is blank


@dataclass(frozen=True)
class Confirmed:
    """Maps [h, w] of one picture; what is not confirmed is 0."""

    depth: Floats  # mean of this view's and of the views' that agree
    planes: Floats  # [h, w, 3]: q of recon.kernels.stereo, through `depth`
    confidence: Floats  # in [0, 1]

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        return self.depth > 0

    def without(self, mask: NDArray[np.bool_]) -> "Confirmed":
        """Nothing confirmed where the mask is True."""
        keep = ~mask
        return Confirmed(self.depth * keep, self.planes * keep[..., None], self.confidence * keep)

    def normals(self, picture: Picture) -> Floats:
        """Unit normals [h, w, 3] in the world, towards the camera; 0 where nothing is confirmed."""
        length = np.linalg.norm(self.planes, axis=-1, keepdims=True)
        rotation = picture.world_from_camera[:3, :3].astype(np.float32)
        return (-(self.planes / np.maximum(length, 1e-12)) @ rotation.T).astype(np.float32)


def confirm(
    matches: Matches,
    pictures: Sequence[Picture],
    neighbours: NDArray[np.int32],
    *,
    min_agreeing: int,
    agreement_px: float,
    agreement: float,
    max_cost: float,
) -> list[Confirmed]:
    """Keep a depth that costs at most `max_cost`, on which `min_agreeing` neighbours agree, where there is something to see.

    A blank pixel beside an edge matches by the edge, which may stand far before it: views agree on the mistake.
    """
    depths = matches.depths()
    counted = stereo_agreement(matches.views, depths, neighbours, pixels=agreement_px, relative=agreement)
    found = []
    for picture, state, depth, (agreeing, _, mean) in zip(pictures, matches.hypotheses, depths, counted, strict=True):
        keep = (agreeing >= min_agreeing) & (state.costs <= max_cost) & picture.is_valid & ~is_blank(picture)
        keep &= depth > 0
        # sharper pictures, more views: both make an accident less likely
        confidence = (1 - 0.5 ** (agreeing / min_agreeing)) * (1 - 0.5 * state.costs / max_cost)
        scale = np.where(keep, depth / np.maximum(mean, 1e-9), 0)  # q . ray = 1 / depth
        found.append(
            Confirmed(
                depth=np.where(keep, mean, 0).astype(np.float32),
                planes=(state.planes * scale[..., None]).astype(np.float32),
                confidence=np.where(keep, np.clip(confidence, 0, 1), 0).astype(np.float32),
            )
        )
    return found


def is_blank(picture: Picture) -> NDArray[np.bool_]:
    """[h, w]: nothing to see within BLANK_REACH of the pixel."""
    grey = cv2.GaussianBlur(picture.grey, (0, 0), 1.0)
    kernel = np.ones((2 * BLANK_REACH + 1,) * 2, np.uint8)
    return cv2.dilate(grey, kernel).astype(np.int16) - cv2.erode(grey, kernel) < BLANK_RANGE
