"""A slab as boxes behind its flat surface, as few as cover it; behind one that bends as prisms that share their edges."""

import itertools
from collections.abc import Iterator

import numpy as np

from recon.export.hulls import hull_of
from recon.export.place import Box, Part
from recon.export.plan_view import PlanView
from recon.export.rectangles import Rectangle, rectangles_over
from recon.export.relief import Relief
from recon.geometry.transforms import Array

_LEAST_BOX = 100.0  # squared tolerances that a box of a slab adds to those before it
_LEAST_SHARE = 0.001  # of the slab, the same
# Of its longer side that a prism is deep at least: engines that find a contact's direction along a ray from the middle of a part
# (`footing`) find it sideways near the part's sides, the farther from them the thinner it is.
_DEEP = 0.25


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
    least = max(_LEAST_BOX * view.in_cells(tolerance) ** 2, _LEAST_SHARE * float(solid.sum()))
    for rectangle in _rectangles(view, solid, allowed, least):
        covered[rectangle.cells] = True
        low = view.low + view.cell * (np.array([rectangle.column, rectangle.row]) - 0.5)
        high = view.low + view.cell * (np.array([rectangle.end_column, rectangle.end_row]) - 0.5)
        named = f"{name}_{len(parts):02d}"
        if view.relief is None:
            parts.append(_box(view, low, high, depth, named))
        else:
            deeper = min(max(depth, _DEEP * float((high - low).max())), deepest)
            parts.append(_prism(view, low, high, deeper, named))
    return tuple(parts), covered


def _rectangles(view: PlanView, solid: np.ndarray, allowed: np.ndarray, least: float) -> Iterator[Rectangle]:
    """Rectangles of cells over a slab, none across a fold of its relief."""
    if view.relief is None:
        yield from rectangles_over(solid, allowed, least=least)
        return
    columns, rows = (_ends(view, axis, view.relief) for axis in (0, 1))
    for row, end_row in itertools.pairwise(rows):
        for column, end_column in itertools.pairwise(columns):
            place = np.s_[row:end_row, column:end_column]
            for part in rectangles_over(solid[place], allowed[place], least=least):
                yield Rectangle(row + part.row, column + part.column, row + part.end_row, column + part.end_column)


def _ends(view: PlanView, axis: int, relief: Relief) -> list[int]:
    """The first columns (rows for `axis` 1) between the knots of a relief, and the end of the last; each of one at least."""
    inner = (relief.us, relief.vs)[axis][1:-1]
    n_cells = view.shape[1 - axis]
    at = np.clip(np.round((inner - view.low[axis]) / view.cell + 0.5).astype(int), 0, n_cells)
    return np.unique([0, *at.tolist(), n_cells]).tolist()


def _box(view: PlanView, low: Array, high: Array, depth: float, name: str) -> Part:
    rotation = np.stack([*view.axes, view.plane.normal], -1)
    box = Box(view.world((low + high) / 2, -depth / 2), rotation, np.array([*(high - low), depth]) / 2)
    return Part(name, box.mesh(), box)


def _prism(view: PlanView, low: Array, high: Array, depth: float, name: str) -> Part:
    """What lies straight below a rectangle of a surface that bends."""
    assert view.relief is not None
    flat = view.relief.corners(low, high)
    hull = hull_of(np.concatenate([view.world(flat), view.world(flat, -depth)]))
    assert hull is not None, "a rectangle of cells has an area"
    return Part(name, hull, is_ground=True)
