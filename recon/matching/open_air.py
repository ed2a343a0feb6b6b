"""Is this the open air or a room? By how high matter rises above the cameras, against how high they stand above the ground.

A ceiling hangs about as far above a camera as the floor lies below it; houses, trees and facades rise several times as far.
"""

from collections.abc import Sequence

import numpy as np

from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.sky_evidence import points_of

RISES = 3.0  # times as high above the cameras as they stand above the ground does matter rise
LOW, HIGH = 5, 95  # percentiles of the matter's heights: the ground, and what rises


def is_in_the_open(pictures: Sequence[Picture], confirmed: Sequence[Confirmed]) -> bool:
    """Whether matter rises RISES times as far above the cameras as the ground lies below them; up must be known."""
    every = zip(pictures, confirmed, strict=True)
    heights = np.concatenate([points_of(p, known)[:, 2] - p.world_from_camera[2, 3] for p, known in every])
    if not len(heights):
        return False
    ground, top = np.percentile(heights, [LOW, HIGH])
    return bool(ground < 0 and top > -RISES * ground)
