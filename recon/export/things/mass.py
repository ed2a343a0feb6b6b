"""Mass and inertia of a thing: those of what its convex parts enclose, all of one material."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recon.export.place import Part, Thing
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.kernels.hulls import heights_over, planes_of

_CELLS = 40  # along the longest side, of the grid that volumes are measured on


def solid_of(hulls: Sequence[TriangleMesh]) -> tuple[float, Array, Array]:
    """Volume of the union of convex parts, its centre [3], and its inertia about that for a mass of one [3, 3].

    Counted on a grid of cells: parts overlap.
    """
    points = np.concatenate([hull.vertices for hull in hulls])
    low, size = points.min(0), np.ptp(points, axis=0)
    cell = float(size.max()) / _CELLS
    axes = [np.arange(low[i] + cell / 2, low[i] + size[i] + cell / 2, cell) for i in range(3)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    is_inside = np.zeros(cells.shape[:3], bool)
    for hull in hulls:
        ends = zip(hull.vertices.min(0), hull.vertices.max(0), strict=True)
        near = tuple(slice(*np.searchsorted(axis, pair)) for axis, pair in zip(axes, ends, strict=True))
        heights = heights_over(planes_of(hull.vertices, hull.faces), cells[near].reshape(-1, 3))
        is_inside[near] |= heights.reshape(is_inside[near].shape) <= 0
    inside = cells[is_inside] if is_inside.any() else points
    volume = max(int(is_inside.sum()), 1) * cell**3
    centre = inside.mean(0)
    offset = inside - centre
    square = np.eye(3) * (offset**2).sum(1).mean() - offset.T @ offset / len(offset)
    return volume, centre, square + np.eye(3) * cell**2 / 6  # of a cell itself


def with_parts(thing: Thing, parts: Sequence[Part]) -> Thing:
    """A thing of other parts in its frame, of the same material: its mass, the middle and the inertia of that are theirs."""
    before, _, _ = solid_of([part.mesh for part in thing.parts])
    volume, centre, spread = solid_of([part.mesh for part in parts])
    mass = thing.mass * volume / before
    return replace(thing, parts=tuple(parts), mass=mass, centre=centre, inertia=mass * spread)
