"""A flat shape as few rectangles: the largest that fits, then the next, until only shreds of it are left."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

_ANY, _MOST = 1e-9, 0.5  # shares of a row or column


@dataclass(frozen=True)
class Rectangle:
    """Cells [row, end_row) x [column, end_column)."""

    row: int
    column: int
    end_row: int
    end_column: int

    @property
    def cells(self) -> tuple[slice, slice]:
        return slice(self.row, self.end_row), slice(self.column, self.end_column)


def rectangles_over(wanted: np.ndarray, allowed: np.ndarray, *, least: float) -> list[Rectangle]:
    """Rectangles inside `allowed` that cover `wanted` (both bool [rows, columns]), each adding at least `least` cells.

    They may overlap. Of all that cannot be widened, the one that adds most of `wanted` comes first; then its sides are drawn
    in to where half of their cells are wanted, so that `allowed` is used to bridge bays and not to stand over the edge. What
    that leaves out is still to be covered.
    """
    open_cells, sums_of_wanted = wanted & allowed, _sums(wanted)
    every = _maximal(allowed)
    found: list[Rectangle] = []
    while len(every):
        shape = _Shape(sums_of_wanted, open_cells, _sums(open_cells), least)
        gain = shape.n_open(every)
        every, gain = every[gain >= least], gain[gain >= least]  # a rectangle's gain never grows
        order = np.argsort(-gain, kind="stable")
        parts = (shape.drawn_in(Rectangle(*every[i].tolist())) for i in order)
        n_failed, drawn_in = next(((n, part) for n, part in enumerate(parts) if part is not None), (len(every), None))
        every = np.delete(every, order[:n_failed], axis=0)
        if drawn_in is not None:
            open_cells[drawn_in.cells] = False
            found.append(drawn_in)
    return found


@dataclass(frozen=True)
class _Shape:
    """What is wanted, and what of it is still `open_cells` [rows, columns]; of both the sums over all cells before a corner."""

    sums_of_wanted: np.ndarray
    open_cells: np.ndarray
    sums_of_open: np.ndarray
    least: float
    failed: set[Rectangle] = field(default_factory=set)  # drawn in to open cells: many rectangles hold the same ones

    def n_open(self, rectangles: np.ndarray) -> np.ndarray:
        """Open cells [n] in rectangles [n, 4]."""
        row, column, end_row, end_column = rectangles.T
        sums = self.sums_of_open
        return np.asarray(sums[end_row, end_column] - sums[row, end_column] - sums[end_row, column] + sums[row, column])

    def drawn_in(self, whole: Rectangle) -> Rectangle | None:
        """The part of a rectangle about its open cells whose rows and columns are mostly wanted, or about a piece of them.

        The first that still adds the least, of all open cells and of their pieces, the largest first; else None.
        """
        open_part = _about(whole, self.sums_of_open, share=_ANY)
        if open_part is None or open_part in self.failed:
            return None
        parts = (self._tight(around) for around in self._whole_and_pieces(open_part))
        found = next((part for part in parts if part is not None), None)
        if found is None:
            self.failed.add(open_part)
        return found

    def _whole_and_pieces(self, whole: Rectangle) -> Iterator[Rectangle]:
        yield whole
        pieces, n = ndimage.label(self.open_cells[whole.cells])
        sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
        places = ndimage.find_objects(pieces)
        for number in np.argsort(-sizes, kind="stable")[: int((sizes >= self.least).sum())]:
            r, c = places[number]
            yield Rectangle(whole.row + r.start, whole.column + c.start, whole.row + r.stop, whole.column + c.stop)

    def _tight(self, around: Rectangle) -> Rectangle | None:
        tight = _about(around, self.sums_of_open, share=_ANY)
        mostly = tight and _about(tight, self.sums_of_wanted, share=_MOST)
        result = mostly and _about(mostly, self.sums_of_open, share=_ANY)
        if result is None:
            return None
        n_open = self.n_open(np.array([[result.row, result.column, result.end_row, result.end_column]]))[0]
        return result if n_open >= self.least else None


def _sums(cells: np.ndarray) -> np.ndarray:
    """Of a mask [rows, columns], how many cells are set above and left of every corner [rows + 1, columns + 1]."""
    return np.pad(cells.cumsum(0, dtype=np.int32).cumsum(1), ((1, 0), (1, 0)))


def _about(whole: Rectangle, sums: np.ndarray, *, share: float) -> Rectangle | None:
    """A rectangle from the first to the last of its rows of which a `share` is set, then likewise its columns; None without."""
    lines = sums[whole.row : whole.end_row + 1]
    rows = _filled(lines[:, whole.end_column] - lines[:, whole.column], whole.end_column - whole.column, share)
    if not len(rows):
        return None
    row, end_row = whole.row + int(rows[0]), whole.row + int(rows[-1]) + 1
    columns = _filled((sums[end_row] - sums[row])[whole.column : whole.end_column + 1], end_row - row, share)
    if not len(columns):
        return None
    return Rectangle(row, whole.column + int(columns[0]), end_row, whole.column + int(columns[-1]) + 1)


def _filled(sums: np.ndarray, length: int, share: float) -> np.ndarray:
    """Numbers of the lines, of a `length`, of which a share is set, from how many cells are set before each and after the last."""
    return np.flatnonzero(np.diff(sums) / length >= share)


def _maximal(allowed: np.ndarray) -> np.ndarray:
    """All rectangles [n, 4] (row, column, end row, end column) of set cells that can grow to no side, by row, column, end column.

    Row by row over the heights of columns of set cells above, with a stack of those still open to the right; what can grow
    downwards is found in a later row.
    """
    heights = np.zeros(allowed.shape[1], np.int64)
    below = np.pad(allowed[1:].cumsum(1), ((0, 1), (1, 0)))
    found: list[tuple[int, int, int, int]] = []
    for row, line in enumerate(allowed):
        heights, set_below = np.where(line, heights + 1, 0), below[row].tolist()
        starts = np.flatnonzero(np.diff(heights, prepend=-1))  # of runs of one height
        stack: list[tuple[int, int]] = []  # (first column, height), heights rising
        for at, height in zip([*starts.tolist(), len(heights)], [*heights[starts].tolist(), 0], strict=True):
            first = at
            while stack and stack[-1][1] >= height:
                first, lower = stack.pop()
                if lower > height and set_below[at] - set_below[first] < at - first:
                    found.append((row + 1 - lower, first, row + 1, at))
            stack.append((first, height))
    every = np.array(found, np.int64).reshape(-1, 4)
    return every[np.lexsort(every[:, [3, 1, 0]].T)]
