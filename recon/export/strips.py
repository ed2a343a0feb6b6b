"""Cells of a plane as a surface: a strip for each run of a row, in few triangles; neighbouring rows share their corners.

Where the surface bends, the triangles are short enough to follow it.
"""

import itertools

import numpy as np

from recon.export.plan_view import PlanView
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array

Corner = tuple[int, int]  # row line and column line between cells
_LONGEST = 25  # cells of a triangle along a row, where the surface bends


def strips(view: PlanView, mask: np.ndarray, *, height: float | Array = 0.0) -> TriangleMesh:
    """The set cells of a mask [rows, columns] as a surface at a height over the plane, without a gap between rows."""
    runs = _runs(mask)
    if view.relief is not None:
        runs = [piece for run in runs for piece in _cut(run)]
    columns_at: dict[int, set[int]] = {}
    for row, start, end in runs:
        for line in (row, row + 1):
            columns_at.setdefault(line, set()).update((start, end))
    ordered = {line: np.array(sorted(columns)) for line, columns in columns_at.items()}
    corners: dict[Corner, int] = {}
    faces = [face for run in runs for face in _strip(run, ordered, corners)]
    if not faces:
        return TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    lines = np.array(list(corners), float)
    return TriangleMesh(view.world(view.low + view.cell * (lines[:, ::-1] - 0.5), height), np.array(faces, np.int32))


def _strip(
    run: tuple[int, int, int], columns_at: dict[int, np.ndarray], corners: dict[Corner, int]
) -> list[tuple[int, int, int]]:
    """Triangles of one run: its lower and its upper side hold every corner that the rows beside it have there."""
    row, start, end = run
    low, high = (
        [(line, int(column)) for column in columns_at[line] if start <= column <= end] for line in (row, row + 1)
    )
    below, above = ([corners.setdefault(corner, len(corners)) for corner in side] for side in (low, high))
    faces, i, j = [], 0, 0
    while i < len(low) - 1 or j < len(high) - 1:
        if j == len(high) - 1 or (i < len(low) - 1 and low[i + 1][1] <= high[j + 1][1]):
            faces.append((below[i], below[i + 1], above[j]))
            i += 1
        else:
            faces.append((below[i], above[j + 1], above[j]))
            j += 1
    return faces


def _cut(run: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """A run in pieces of so many columns, at the same ones in every row."""
    row, start, end = run
    ends = [start, *range(start - start % _LONGEST + _LONGEST, end, _LONGEST), end]
    return [(row, first, last) for first, last in itertools.pairwise(ends)]


def _runs(mask: np.ndarray) -> list[tuple[int, int, int]]:
    """Row, first column and end column of every run of set cells."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    return [(int(row), int(start), int(end)) for (row, start), (_, end) in zip(starts, ends, strict=True)]
