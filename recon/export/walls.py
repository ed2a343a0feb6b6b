"""Which flat regions of a place are its floors, its walls and its ceilings, and from where to where a wall goes."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from recon.export.slab import Slab
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array

RELIEF = 7.0  # tolerances: skirting, pictures, the rim of a wall
_TALL = 0.6  # of the place's height that a wall spans; lower planes are sides of furniture
_TOP = 0.8  # of the place's height that a wall reaches: the fronts of shelves along it end below
_OUTERMOST = 0.01  # of the place's surface that may lie behind a wall which furniture hides down to its upper part
_LARGE = 2500.0  # squared tolerances: smaller planes are no wall and no ceiling
_GAP = 25.0  # tolerances between two pieces of one wall, at most, where it does not end the place


def building_of(mesh: TriangleMesh, slabs: Sequence[Slab]) -> tuple[list[Slab], list[Slab], list[Slab]]:
    """Floors, walls and ceilings among slabs; walls within the place are cut down to where they stand as high as it."""
    low, height = float(mesh.vertices[:, 2].min()), float(np.ptp(mesh.vertices[:, 2]))
    large = [slab for slab in slabs if _is_large(slab)]
    walls = [_wall(slab, mesh, low, height) for slab in large if slab.kind == "wall"]
    ceilings = [s for s in large if s.kind == "ceiling" and _heights(s, s.seen).mean() > low + height / 2]
    return [slab for slab in slabs if slab.kind == "floor"], [wall for wall in walls if wall is not None], ceilings


def higher_than(height: float, slabs: Sequence[Slab], *, tolerance: float) -> list[Slab]:
    """The planes that stand and were seen over more than a `height`, and large in terms of the `tolerance` within reach."""
    return [
        slab
        for slab in slabs
        if slab.kind == "wall"
        and _seen_area(slab) >= _LARGE * tolerance**2
        and np.ptp(_heights(slab, slab.seen)) > height
    ]


def _is_large(slab: Slab) -> bool:
    return _seen_area(slab) >= _LARGE * slab.tolerance**2


def _seen_area(slab: Slab) -> float:
    return float(slab.seen.sum()) * slab.view.cell**2


def _heights(slab: Slab, cells: np.ndarray) -> np.ndarray:
    return np.asarray(slab.view.world(slab.view.centres(cells))[:, 2])


def _reaches_top(heights: np.ndarray, low: float, height: float) -> bool:
    return bool(np.quantile(heights, 0.98) >= low + _TOP * height)


def _wall(slab: Slab, mesh: TriangleMesh, low: float, height: float) -> Slab | None:
    """The wall that a plane is in a place that is so high, or None.

    The fronts of a sofa and of a counter may lie in the plane of a wall's end far from them, and are none of it.
    """
    heights = _heights(slab, slab.seen)
    if not _reaches_top(heights, low, height):
        return None
    if _share_behind(slab, mesh) < _OUTERMOST:
        return slab
    reach = max(1, round(_GAP / 2 * slab.view.in_cells(slab.tolerance)))
    closed = cv2.dilate(slab.seen.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    n, piece = cv2.connectedComponents(closed)
    is_along = np.zeros(slab.view.shape, bool)
    for number in range(1, n):
        cells = slab.seen & (piece == number)
        if cells.any() and _reaches_top(_heights(slab, cells), low, height):
            is_along |= _beside(slab, cells)
    return _cut_down(slab, is_along) if is_along.any() and np.ptp(heights) >= _TALL * height else None


def _beside(slab: Slab, cells: np.ndarray) -> np.ndarray:
    """Cells [rows, columns] of a plane above and below some of them."""
    sideways = _sideways(slab)
    along = slab.view.world(slab.view.centres(cells)) @ sideways
    every = slab.view.world(slab.view.centres(np.ones(slab.view.shape, bool))) @ sideways
    return np.asarray((every >= along.min()) & (every <= along.max())).reshape(slab.view.shape)


def _sideways(wall: Slab) -> Array:
    """The level direction [3] along a wall."""
    return np.array([-wall.view.plane.normal[1], wall.view.plane.normal[0], 0.0])


def _cut_down(slab: Slab, cells: np.ndarray) -> Slab:
    """A slab as far as it has seen surface among some cells [rows, columns]; what engines collide with stays as it is."""
    seen = slab.seen & cells
    rows, columns = (np.flatnonzero(seen.any(axis)) for axis in (1, 0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    view = replace(
        slab.view, low=slab.view.low + slab.view.cell * np.array([columns[0], rows[0]]), shape=seen[box].shape
    )
    return replace(slab, view=view, seen=seen[box], solid=(slab.solid & cells)[box])


def _share_behind(wall: Slab, mesh: TriangleMesh) -> float:
    """The share of a mesh's surface that lies behind a wall, from its one end to the other."""
    centres, areas = mesh.vertices[mesh.faces].mean(1), mesh.face_areas
    sideways = _sideways(wall)
    along = wall.view.world(wall.view.centres(wall.seen)) @ sideways
    is_beside = (centres @ sideways < along.min()) | (centres @ sideways > along.max())
    is_behind = wall.view.height(centres) < -RELIEF * wall.tolerance
    return float(areas[is_behind & ~is_beside].sum() / areas.sum())
