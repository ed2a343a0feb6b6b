"""Which matched depths to believe: those that other views, matched on their own, arrive at too."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.kernels.stereo import Floats, stereo_agreement
from recon.matching.passes import Matches
from recon.matching.pictures import Picture


@dataclass(frozen=True)
class Confirmed:
    """Maps [h, w] of one picture; what is not confirmed is 0."""

    depth: Floats  # mean of this view's and of the views' that agree
    planes: Floats  # [h, w, 3]: q of recon.kernels.stereo, through `depth`
    confidence: Floats  # in [0, 1]

    @property
    def is_confirmed(self) -> NDArray[np.bool_]:
        return self.depth > 0


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
    """Keep a depth that costs at most `max_cost` and on which `min_agreeing` of the neighbours agree."""
    depths = matches.depths()
    counted = stereo_agreement(matches.views, depths, neighbours, pixels=agreement_px, relative=agreement)
    found = []
    for picture, view, state, depth, (agreeing, _, mean) in zip(
        pictures, matches.views, matches.hypotheses, depths, counted, strict=True
    ):
        keep = (agreeing >= min_agreeing) & (state.costs <= max_cost) & picture.is_valid & (depth > 0)
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
        assert view.grey.shape == depth.shape
    return found
