"""A flat shape as few rectangles: the largest that fits, then the next, until only shreds of it are left."""

from dataclasses import dataclass

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
    open_cells = wanted & allowed
    every = _maximal(allowed)
    found: list[Rectangle] = []
    while len(every):
        total = np.pad(open_cells.cumsum(0, dtype=np.int32).cumsum(1), ((1, 0), (1, 0)))
        row, column, end_row, end_column = every.T
        gain = total[end_row, end_column] - total[row, end_column] - total[end_row, column] + total[row, column]
        every, gain = every[gain >= least], gain[gain >= least]  # a rectangle's gain never grows
        order = np.argsort(-gain, kind="stable")
        parts = (_drawn_in(Rectangle(*every[i].tolist()), wanted, open_cells, least=least) for i in order)
        n_failed, drawn_in = next(((n, part) for n, part in enumerate(parts) if part is not None), (len(every), None))
        every = np.delete(every, order[:n_failed], axis=0)
        if drawn_in is not None:
            open_cells[drawn_in.cells] = False
            found.append(drawn_in)
    return found


def _drawn_in(whole: Rectangle, wanted: np.ndarray, open_cells: np.ndarray, *, least: float) -> Rectangle | None:
    """The part of a rectangle about its open cells whose rows and columns are mostly wanted, or about a piece of them.

    The first that still adds the `least`, of all open cells and of their pieces, the largest first; else None.
    """
    pieces, n = ndimage.label(open_cells[whole.cells])
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
    places = ndimage.find_objects(pieces)
    large = np.argsort(-sizes, kind="stable")[: int((sizes >= least).sum())]
    parts = [
        Rectangle(whole.row + r.start, whole.column + c.start, whole.row + r.stop, whole.column + c.stop)
        for r, c in (places[number] for number in large)
    ]
    for around in [whole, *parts]:
        tight = _about(around, open_cells, share=_ANY)
        mostly = tight and _about(tight, wanted, share=_MOST)
        drawn_in = mostly and _about(mostly, open_cells, share=_ANY)
        if drawn_in and open_cells[drawn_in.cells].sum() >= least:
            return drawn_in
    return None


def _about(whole: Rectangle, cells: np.ndarray, *, share: float) -> Rectangle | None:
    """A rectangle from the first to the last of its rows of which a `share` is set, then likewise its columns; None without."""
    inside = cells[whole.cells]
    rows = np.flatnonzero(inside.mean(1) >= share)
    if not len(rows):
        return None
    columns = np.flatnonzero(inside[rows[0] : rows[-1] + 1].mean(0) >= share)
    if not len(columns):
        return None
    row, column = whole.row + int(rows[0]), whole.column + int(columns[0])
    return Rectangle(row, column, whole.row + int(rows[-1]) + 1, whole.column + int(columns[-1]) + 1)


def _maximal(allowed: np.ndarray) -> np.ndarray:
    """All rectangles [n, 4] (row, column, end row, end column) of set cells that are as wide as their height lets them be.

    Row by row over the heights of columns of set cells above, with a stack of those still open to the right.
    """
    heights = np.zeros(allowed.shape[1], np.int64)
    found: set[tuple[int, int, int, int]] = set()
    for row, line in enumerate(allowed):
        heights = np.where(line, heights + 1, 0)
        starts = np.flatnonzero(np.diff(heights, prepend=-1))  # of runs of one height
        stack: list[tuple[int, int]] = []  # (first column, height), heights rising
        for at, height in zip([*starts.tolist(), len(heights)], [*heights[starts].tolist(), 0], strict=True):
            first = at
            while stack and stack[-1][1] >= height:
                first, lower = stack.pop()
                if lower > height:
                    found.add((row + 1 - lower, first, row + 1, at))
            stack.append((first, height))
    # Of those that end one above another only the tallest counts.
    tallest: dict[tuple[int, int, int], int] = {}
    for top, left, bottom, right in found:
        tallest[top, left, right] = max(tallest.get((top, left, right), 0), bottom)
    return np.array(
        [(top, left, bottom, right) for (top, left, right), bottom in sorted(tallest.items())], np.int64
    ).reshape(-1, 4)
