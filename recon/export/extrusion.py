"""A slab as boxes behind its flat surface, as few as cover it; behind one that bends as prisms that share their edges."""

import itertools
from collections.abc import Iterator

import cv2
import numpy as np

from recon.export.hulls import hull_of
from recon.export.place import Box, Part
from recon.export.plan_view import PlanView
from recon.export.rectangles import Rectangle, rectangles_over
from recon.export.relief import Relief
from recon.geometry.transforms import Array

_LEAST_BOX = 100.0  # squared tolerances that a box of a slab adds to those before it
_LEAST_SHARE = 0.001  # of the slab, the same
# Which of two opposite corners each corner of a rectangle has its (column, row) from.
_RING = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
_BEYOND = (
    0.002  # of what is wanted between knots: so far its outline may reach where it must not, at corners of ragged cells
)
# Of its longer side that ground which bends is deep at least: engines that find a contact's direction along a ray from the middle
# of a part (`footing`) find it sideways near the part's sides, the farther from them the thinner it is.
DEEP = 0.25


def extruded(
    view: PlanView,
    solid: np.ndarray,
    allowed: np.ndarray,
    depth: float,
    name: str,
    *,
    tolerance: float,
    deepest: float = np.inf,
) -> tuple[tuple[Part, ...], np.ndarray]:
    """A slab as boxes behind its surface, and the cells that they cover.

    view: the slab's plane and its grid of cells. solid: cells that should be covered; allowed: those that may be. depth: of the
    boxes; name: before their numbers; tolerance: sets the smallest box. deepest: that prisms may be.
    """
    parts: list[Part] = []
    covered = np.zeros(view.shape, bool)
    least = _LEAST_BOX * view.in_cells(tolerance) ** 2
    if view.relief is None:
        least = max(least, _LEAST_SHARE * float(solid.sum()))
        for rectangle in rectangles_over(solid, allowed, least=least):
            covered[rectangle.cells] = True
            parts.append(_box(view, *_ends(view, rectangle), depth, f"{name}_{len(parts):02d}"))
        return tuple(parts), covered
    for corners, cells in _outlines(view, solid, allowed, least=least):
        covered |= cells
        outline = view.low + view.cell * (corners - 0.5)
        deeper = min(max(depth, DEEP * float(np.ptp(outline, axis=0).max())), deepest)
        parts.append(_prism(view, outline, deeper, f"{name}_{len(parts):02d}"))
    return tuple(parts), covered


def _ends(view: PlanView, rectangle: Rectangle) -> tuple[Array, Array]:
    """The lowest and the highest (u, v) of a rectangle."""
    low, high = (rectangle.column, rectangle.row), (rectangle.end_column, rectangle.end_row)
    return view.low + view.cell * (np.array(low) - 0.5), view.low + view.cell * (np.array(high) - 0.5)


def _outlines(
    view: PlanView, solid: np.ndarray, allowed: np.ndarray, *, least: float
) -> Iterator[tuple[Array, np.ndarray]]:
    """Convex outlines that cover a slab, none across a fold of its relief: corners [k, 2] (column, row), and the cells inside.

    Between knots it is one about all that is wanted there, where that may be; and else rectangles.
    """
    assert view.relief is not None
    columns, rows = (_firsts(view, axis, view.relief) for axis in (0, 1))
    for row, end_row in itertools.pairwise(rows):
        for column, end_column in itertools.pairwise(columns):
            place = np.s_[row:end_row, column:end_column]
            wanted, start = solid[place], np.array([column, row])
            if wanted.sum() < least:
                continue
            around = _around(wanted)
            if (_drawn(around, wanted.shape) & ~allowed[place]).sum() <= _BEYOND * wanted.sum():
                outlines = [around]
            else:
                found = rectangles_over(wanted, allowed[place], least=least)
                outlines = [np.array([[r.column, r.row], [r.end_column, r.end_row]])[_RING, [0, 1]] for r in found]
            for corners in outlines:
                cells = np.zeros(view.shape, bool)
                cells[place] = _drawn(corners, wanted.shape)
                yield start + corners.astype(float), cells


def _around(wanted: np.ndarray) -> np.ndarray:
    """The corners [k, 2] (column, row) of the smallest convex outline about cells [rows, columns]."""
    rows = np.flatnonzero(wanted.any(1))
    first, last = wanted[rows].argmax(1), wanted.shape[1] - wanted[rows][:, ::-1].argmax(1)
    ends = [np.stack([column, rows + below], 1) for column in (first, last) for below in (0, 1)]
    return np.asarray(cv2.convexHull(np.concatenate(ends).astype(np.int32))[:, 0])


def _drawn(corners: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The cells [rows, columns] whose middle lies inside a convex outline [k, 2] (column, row)."""
    picture = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(picture, (2 * corners - 1).astype(np.int32), 1, shift=1)
    return picture.astype(bool)


def _firsts(view: PlanView, axis: int, relief: Relief) -> list[int]:
    """The first columns (rows for `axis` 1) between the knots of a relief, and the end of the last; each of one at least."""
    inner = (relief.us, relief.vs)[axis][1:-1]
    n_cells = view.shape[1 - axis]
    at = np.clip(np.round((inner - view.low[axis]) / view.cell + 0.5).astype(int), 0, n_cells)
    return np.unique([0, *at.tolist(), n_cells]).tolist()


def _box(view: PlanView, low: Array, high: Array, depth: float, name: str) -> Part:
    rotation = np.stack([*view.axes, view.plane.normal], -1)
    box = Box(view.world((low + high) / 2, -depth / 2), rotation, np.array([*(high - low), depth]) / 2)
    return Part(name, box.mesh(), box)


def _prism(view: PlanView, outline: Array, depth: float, name: str) -> Part:
    """What lies straight below a convex outline (u, v) [k, 2] on a surface that bends."""
    assert view.relief is not None
    flat = view.relief.corners(outline)
    hull = hull_of(np.concatenate([view.world(flat), view.world(flat, -depth)]))
    assert hull is not None, "an outline about cells has an area"
    return Part(name, hull, is_ground=True)
