"""Where a floor ends: at the walls about it, or a little beyond what was seen of it.

Nobody sees all of a floor. Under furniture, and in corners that the camera never looked into, it goes on; beyond a wall it does
not. Come from outside, what lies before the first wall is no floor of this place, unless a floor was seen there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from recon.export.plan_view import PlanView
from recon.export.planes import FlatRegion, Plane
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array

BORDER_M = 1.0  # beyond what was seen, where no wall stands
_DIAGONAL = 1.5  # borders from a corner of a room, over a gap, to what was seen of its floor on both sides
_STEEPEST = 0.3  # z of a wall's normal
_LEAST_HEIGHT_M = 1.5  # over the floor that a wall reaches: lower ones are fronts of furniture
_FACING = 0.7  # cosine between a wall's normal and the way that it ends
_STRAY_M = 0.25  # of floor beyond a wall: noise, not another room


@dataclass(frozen=True)
class Wall:
    """A steep flat region: its unit `normal` [3] to free space, and the `corners` [k, 3] of its faces."""

    normal: Array
    corners: Array


def walls_about(
    floor: Plane, mesh: TriangleMesh, regions: Sequence[FlatRegion], *, least: float, metre: float
) -> list[Wall]:
    """The flat regions of a mesh that are walls over a floor: steep, `least` in area, and of a person's height. In its units."""
    walls = [
        Wall(region.plane.normal, mesh.vertices[mesh.faces[region.faces]].reshape(-1, 3))
        for region in regions
        if abs(region.plane.normal[2]) < _STEEPEST and region.area >= least
    ]
    return [wall for wall in walls if floor.height(wall.corners).max() > _LEAST_HEIGHT_M * metre]


def floor_about(
    view: PlanView, seen: np.ndarray, walls: Sequence[Wall], *, metre: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cells [rows, columns] where a floor is, and those where it may be.

    It is where it was `seen`, and where what was seen and walls leave no way out, but for gaps that it may go on over: a little
    beyond where they do it may.
    view: of the floor, with room for that. metre: in its units.
    """
    behind = _outside(view, seen, walls, metre=metre)
    # Walls are seen to within a little of their corners: drawn on, they meet.
    shut_out = behind | _outside(view, seen, walls, metre=metre, further=BORDER_M * metre)
    floor = seen | (_enclosed(seen, shut_out) & ~behind)
    border = BORDER_M * metre
    allowed = floor | (_near(view, floor, border) & ~shut_out)
    corners = _enclosed(allowed, shut_out) & ~behind
    if not corners.any():
        return floor, allowed
    floor |= corners | (allowed & ~behind & _near(view, corners, _DIAGONAL * border))
    return floor, floor | (_near(view, floor, border) & ~shut_out)


def _near(view: PlanView, cells: np.ndarray, reach: float) -> np.ndarray:
    """What lies within `reach` of some cells [rows, columns]."""
    return np.asarray(ndimage.distance_transform_edt(~cells) * view.cell <= reach)


def _outside(
    view: PlanView, seen: np.ndarray, walls: Sequence[Wall], *, metre: float, further: float = 0.0
) -> np.ndarray:
    """Cells [rows, columns] that lie behind the outermost wall about a floor.

    A wall stands without a gap from its first corner to its last, and `further` beyond.

    view: of the floor. seen: its cells. metre: in the view's units.
    """
    result = np.zeros(view.shape, bool)
    stray = max(1, round(_STRAY_M * metre / view.cell))
    floor = ndimage.binary_opening(seen, np.ones((3, 3), bool))
    for axis, way in ((0, 1), (0, -1), (1, 1), (1, -1)):  # the way inwards: along rows (v) or columns (u)
        inwards = way * view.axes[1 - axis]
        standing = np.zeros(view.shape, np.uint8)
        for wall in walls:
            if wall.normal @ inwards > _FACING:
                _draw(standing, view, wall, further=further)
        lines = [np.moveaxis(image, axis, 0)[::way] for image in (standing.astype(bool), floor)]
        first_wall, first_floor = (np.where(image.any(0), image.argmax(0), len(image)) for image in lines)
        ends = np.where(lines[0].any(0) & (first_wall < first_floor + stray), first_wall, 0)
        behind = np.arange(len(lines[0]))[:, None] < ends
        result |= np.moveaxis(behind[::way], 0, axis)
    return result & ~seen


def _draw(image: np.ndarray, view: PlanView, wall: Wall, *, further: float) -> None:
    """Draw a wall from its one end to the other, and a little `further`."""
    flat = (view.flat(wall.corners) - view.low) / view.cell
    across = view.axes @ wall.normal / max(float(np.linalg.norm(view.axes @ wall.normal)), 1e-12)
    sideways = np.array([-across[1], across[0]])
    along, more = flat @ sideways, further / view.cell
    middle = float(np.median(flat @ across)) * across
    ends = [middle + end * sideways for end in (along.min() - more, along.max() + more)]
    first, last = (tuple(int(i) for i in np.round(end)) for end in ends)
    cv2.line(image, first, last, 1, thickness=2)


def _enclosed(floor: np.ndarray, beyond: np.ndarray) -> np.ndarray:
    """Cells [rows, columns] from which no way leads out of the grid but over a `floor` or what lies `beyond` walls."""
    gaps, n = ndimage.label(~(floor | beyond))
    rim = np.unique(np.concatenate([gaps[0], gaps[-1], gaps[:, 0], gaps[:, -1]]))
    is_shut = np.ones(n + 1, bool)
    is_shut[rim] = is_shut[0] = False
    return np.asarray(is_shut[gaps])
