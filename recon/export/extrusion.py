"""A slab as boxes behind its flat surface, as few as cover it."""

import numpy as np

from recon.export.place import Box, Part
from recon.export.plan_view import PlanView
from recon.export.rectangles import rectangles_over

_LEAST_BOX = 100.0  # squared tolerances that a box of a slab adds to those before it
_LEAST_SHARE = 0.001  # of the slab, the same


def extruded(
    view: PlanView, solid: np.ndarray, allowed: np.ndarray, depth: float, name: str, *, tolerance: float
) -> tuple[tuple[Part, ...], np.ndarray]:
    """A slab as boxes behind its surface, and the cells that they cover.

    view: the slab's plane and its grid of cells. solid: cells that should be covered; allowed: those that may be. depth: of the
    boxes; name: before their numbers; tolerance: sets the smallest box.
    """
    parts: list[Part] = []
    covered = np.zeros(view.shape, bool)
    rotation = np.stack([*view.axes, view.plane.normal], -1)
    least = max(_LEAST_BOX * view.in_cells(tolerance) ** 2, _LEAST_SHARE * float(solid.sum()))
    for rectangle in rectangles_over(solid, allowed, least=least):
        covered[rectangle.cells] = True
        low = view.low + view.cell * (np.array([rectangle.column, rectangle.row]) - 0.5)
        high = view.low + view.cell * (np.array([rectangle.end_column, rectangle.end_row]) - 0.5)
        box = Box(view.world((low + high) / 2, -depth / 2), rotation, np.array([*(high - low), depth]) / 2)
        parts.append(Part(f"{name}_{len(parts):02d}", box.mesh(), box))
    return tuple(parts), covered
