"""Where cameras look through the planes of a scene: a plane goes on as far as nobody sees what lies behind it.

Blank pixels say nothing themselves. But every line of sight to something confirmed, and every one into the sky, crosses planes on
its way, and is free there: so a table ends at its edges, a wall at its window, and a plane that scattered matter made up
shrinks to nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.geometry.pinhole import rays_at
from recon.geometry.transforms import Array, apply_rigid
from recon.kernels.planes import ScenePlane
from recon.matching.confirm import Confirmed
from recon.matching.pictures import Picture

LINES = 2500  # of a picture, to confirmed depths and into the sky
MIN_CONFIDENCE = 0.6  # of the depths that count
BEHIND = 3.0  # thicknesses that a line must end behind a plane to have gone through
MIN_THROUGH = 3  # pictures that look through a cell
OPEN = 10.0  # the distance to known matter in such a cell
MAX_OPEN = 0.5  # share of its own matter that a plane may be looked through


@dataclass(frozen=True)
class SightLines:
    """From one camera to what it is sure to see."""

    center: Array  # [3]
    ends: Array  # [n, 3]; those into the sky end far away
    is_sky: NDArray[np.bool_]  # [n]


def sight_lines(
    pictures: Sequence[Picture],
    confirmed: Sequence[Confirmed],
    skies: Sequence[NDArray[np.bool_]],
    *,
    far: float,
) -> Iterator[SightLines]:
    """Of each picture, on a grid of its pixels."""
    for picture, known, sky in zip(pictures, confirmed, skies, strict=True):
        step = max(1, round((sky.size / (4 * LINES)) ** 0.5))
        grid = (slice(step // 2, None, step),) * 2
        depth = np.where(sky[grid], far, np.where(known.confidence[grid] > MIN_CONFIDENCE, known.depth[grid], 0))
        y, x = np.nonzero(depth)
        rays = rays_at(picture.camera, step * x + step // 2 + 0.5, step * y + step // 2 + 0.5)
        ends = apply_rigid(picture.world_from_camera, rays * depth[y, x][:, None])
        yield SightLines(picture.world_from_camera[:3, 3], ends, sky[grid][y, x])


def opened(planes: Sequence[ScenePlane], lines: Sequence[SightLines]) -> list[ScenePlane]:
    """The planes with what is looked through marked; those that are looked through where they are known are left out.

    Nothing lies behind a shell: a line that goes through one is a false match, unless it leads into the sky. What only its
    edges show must hide more between them than it lets through: walls of one height are no ceiling while the sky shows over them.
    """
    kept = []
    for plane in planes:
        through, on = np.zeros(plane.distances.shape, np.int32), np.zeros(plane.distances.shape, np.int32)
        for line in lines:
            _count(plane, line, through, on)
        is_open = (through >= MIN_THROUGH) & (through > 2 * on)
        is_known = plane.distances <= 0
        is_false = is_open[is_known].sum() > MAX_OPEN * is_known.sum()
        if plane.shows_by_edges:
            is_false |= (is_open & _between(is_known)).sum() > is_known.sum()
        if not is_false:
            kept.append(replace(plane, distances=np.where(is_open, np.float32(OPEN), plane.distances)))
    return kept


def _between(is_known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The convex hull of the cells [rows, columns] that are True."""
    inside = np.zeros(is_known.shape, np.uint8)
    cv2.fillConvexPoly(inside, cv2.convexHull(np.argwhere(is_known)[:, ::-1].astype(np.int32)), 1)
    return inside > 0


def _count(plane: ScenePlane, lines: SightLines, through: NDArray[np.int32], on: NDArray[np.int32]) -> None:
    """Adds one to each cell that this picture looks through, or sees something on."""
    thickness = plane.thickness
    before = float(plane.normal @ lines.center) - plane.offset
    after = lines.ends @ plane.normal - plane.offset
    is_on = np.abs(after) < thickness
    goes_through = (after * before < 0) & (lines.is_sky | (not plane.is_shell))
    goes_through &= (np.abs(after) > BEHIND * thickness) & (abs(before) > thickness)
    share = np.where(goes_through, before / np.where(goes_through, before - after, 1), 1)
    points = lines.center + share[:, None] * (lines.ends - lines.center)
    cells = np.stack([points @ plane.along - plane.low[1], points @ plane.across - plane.low[0]], -1) / plane.cell
    inside = ((cells >= 0) & (cells < plane.distances.shape)).all(-1)
    for counts, chosen in ((through, goes_through), (on, is_on)):
        at = np.unique(cells[chosen & inside].astype(np.int64), axis=0)
        counts[at[:, 0], at[:, 1]] += 1
