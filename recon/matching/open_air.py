"""Is this the open air or a room? By how high matter rises above the cameras, against how high they stand above the ground.

A ceiling hangs about as far above a camera as the floor lies below it; houses, trees and facades rise several times as far.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.geometry.pinhole import rays_at
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture
from recon.matching.sky_evidence import PROBE

RISES = 3.0  # times as high above the cameras as they stand above the ground does matter rise
LOW, HIGH = 5, 95  # percentiles of the matter's heights: the ground, and what rises


def is_in_the_open(pictures: Sequence[Picture], confirmed: Sequence[Confirmed]) -> bool:
    """Whether matter rises RISES times as far above the cameras as the ground lies below them; up must be known."""
    heights = np.concatenate([_heights(p, known) for p, known in zip(pictures, confirmed, strict=True)])
    if not len(heights):
        return False
    ground, top = np.percentile(heights, [LOW, HIGH])
    return bool(ground < 0 and top > -RISES * ground)


def _heights(picture: Picture, known: Confirmed) -> NDArray[np.float64]:
    """[n] of confirmed points over the camera."""
    depth = known.depth[PROBE // 2 :: PROBE, PROBE // 2 :: PROBE]
    rows, columns = np.nonzero(depth)
    rays = rays_at(picture.camera, PROBE * columns + PROBE // 2 + 0.5, PROBE * rows + PROBE // 2 + 0.5)
    return (rays @ picture.world_from_camera[2, :3]) * depth[rows, columns]
