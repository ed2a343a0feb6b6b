"""Planes that only the borders of blank regions tell: a white table top, the side of a cupboard, the end of a desk.

Among the directions of the scene those are looked for along which a good part of a region's border has one offset. Each
picture proposes; what several pictures propose is kept. Where such a plane ends, and which one a region takes, is settled later, by
free space and by all pictures together (`openings`, `blank`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Array
from recon.kernels.planes import ScenePlane
from recon.matching.frame import main_frame
from recon.matching.regions import MIN_BORDER, BlankRegions
from recon.matching.scene_planes import THICKNESS, thing_plane
from recon.matching.voxels import Voxels

MIN_SHARE = 0.2  # of a border that must lie at one offset
MIN_SPAN = 0.5  # of a region's longer side that those pixels must span
MIN_PICTURES = 6  # that propose a plane
MAX_PER_DIRECTION = 6
SAME_DIRECTION = 0.999  # cosine


@dataclass(frozen=True)
class Proposal:
    """A plane that one region's border proposes."""

    picture: int
    direction: int  # row of the directions
    offset: float
    points: Array  # [n, 3] of the border, on it


def region_planes(
    regions: Iterable[BlankRegions], known: Sequence[ScenePlane], *, typical_depth: float
) -> list[ScenePlane]:
    """Those that none of the `known` planes is, direction by direction; there are none where no plane is known."""
    if not known:
        return []
    thickness = THICKNESS * typical_depth
    frame = main_frame([plane.normal for plane in known])
    directions = np.concatenate([frame, -frame])
    taken = [np.array([plane.offset for plane in known if plane.normal @ d > SAME_DIRECTION]) for d in directions]
    proposals = [p for i, picture in enumerate(regions) for p in _proposals(i, picture, directions, taken, thickness)]
    found = []
    for k, direction in enumerate(directions):
        for points in _heaps([p for p in proposals if p.direction == k], thickness):
            offset = float(np.median(points @ direction))
            if not _is_near(np.array([offset]), taken[k], thickness):
                matter = Voxels(points, np.broadcast_to(direction, points.shape), np.ones(len(points)))
                found.append(thing_plane(direction, matter, typical_depth=typical_depth))
    return found


def _proposals(
    index: int, regions: BlankRegions, directions: Array, taken: Sequence[Array], thickness: float
) -> Iterator[Proposal]:
    """Of every region, at most one for each direction from which its camera sees it.

    What lies on a known plane (`taken`: their offsets along each direction) proposes nothing: round a table that is the floor.
    """
    for region, length in enumerate(regions.lengths):
        points, pixels = regions.points(region)
        if len(points) < MIN_BORDER:
            continue
        for k, direction in enumerate(directions):
            offsets = points @ direction
            free = np.flatnonzero(~_is_near(offsets, taken[k], thickness))
            if len(free) < MIN_BORDER:
                continue
            chosen = free[_at_one_offset(offsets[free], thickness)]
            offset = float(np.median(offsets[chosen]))
            is_seen = offset < regions.center @ direction
            spans = np.ptp(pixels[chosen], axis=0).max() >= MIN_SPAN * length
            if is_seen and spans and len(chosen) >= max(MIN_BORDER, MIN_SHARE * len(points)):
                yield Proposal(index, k, offset, points[chosen])


def _is_near(offsets: Array, others: Array, thickness: float) -> NDArray[np.bool_]:
    """Which of the offsets [n] lie within `thickness` of any other."""
    return np.asarray((np.abs(offsets[:, None] - others) < thickness).any(1), bool)


def _at_one_offset(offsets: Array, thickness: float) -> NDArray[np.int64]:
    """The most numbers that lie within `thickness` of each other."""
    order = np.argsort(offsets)
    ends = np.searchsorted(offsets[order], offsets[order] + thickness, side="right")
    first = int((ends - np.arange(len(order))).argmax())
    return order[first : ends[first]]


def _heaps(proposals: Sequence[Proposal], thickness: float) -> Iterator[Array]:
    """Points [n, 3] of proposals of one direction that lie at one offset, the largest number of pictures first."""
    left = sorted(proposals, key=lambda proposal: proposal.offset)
    for _ in range(MAX_PER_DIRECTION):
        offsets = np.array([proposal.offset for proposal in left])
        ends = np.searchsorted(offsets, offsets + thickness, side="right")
        n_pictures = [len({p.picture for p in left[first:end]}) for first, end in enumerate(ends)]
        if not n_pictures or max(n_pictures) < MIN_PICTURES:
            return
        first = int(np.argmax(n_pictures))
        together = left[first : ends[first]]
        yield np.concatenate([proposal.points for proposal in together])
        middle = float(np.median([proposal.offset for proposal in together]))
        left = [proposal for proposal in left if abs(proposal.offset - middle) > 1.5 * thickness]
