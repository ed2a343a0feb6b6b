"""A flat shape as few rectangles: the largest that fits, then the next, until only shreds of it are left."""

from dataclasses import dataclass

import numpy as np


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
    in to where half of their cells are wanted, so that `allowed` is used to bridge bays and not to stand over the edge.
    """
    open_cells = wanted & allowed
    every = _maximal(allowed)
    found: list[Rectangle] = []
    while len(every):
        total = np.pad(open_cells.cumsum(0, dtype=np.int32).cumsum(1), ((1, 0), (1, 0)))
        row, column, end_row, end_column = every.T
        gain = total[end_row, end_column] - total[row, end_column] - total[end_row, column] + total[row, column]
        every = every[gain >= least]  # a rectangle's gain never grows
        if not len(every):
            break
        best = Rectangle(*(int(i) for i in every[gain[gain >= least].argmax()]))
        open_cells[best.cells] = False
        found.append(_drawn_in(best, wanted))
    return found


def _drawn_in(whole: Rectangle, wanted: np.ndarray) -> Rectangle:
    inside = wanted[whole.cells]
    rows = np.flatnonzero(inside.mean(1) >= 0.5)
    if not len(rows):
        return whole
    columns = np.flatnonzero(inside[rows[0] : rows[-1] + 1].mean(0) >= 0.5)
    if not len(columns):
        return whole
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
