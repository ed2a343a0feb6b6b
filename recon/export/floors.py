"""Which flat region is the floor, how walls turn it, and where a lower level is seen through it."""

import numpy as np
from scipy import ndimage

from recon.export.plan_view import PlanView
from recon.export.planes import FlatRegion
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

UP = 0.94  # cosine of 20 degrees: steeper floors are ramps, and nobody stands on them by default
_FLOOR_SHARE = 0.25  # a floor is the lowest level that has this share of the largest one's area
_OPENING_AREA = 600.0  # squared tolerances: a lower level seen through less is clutter below the floor
_OPENING_CELLS = 40
_AGREEING = 0.5  # of the walls' area, by how they are turned: less and the place has no direction


def lowest_floor(mesh: TriangleMesh, regions: list[FlatRegion]) -> set[int]:
    """Numbers of the regions to stand on that have nothing below: the lowest of the large ones, and its likes.

    A likeness is a region at the same height within its own roughness: a floor that a carpet's edge or a crack divides.
    """
    level = [n for n, region in enumerate(regions) if region.plane.normal[2] > UP]
    if not level:
        return set()
    heights = {n: float(mesh.vertices[mesh.faces[regions[n].faces]].mean((0, 1))[2]) for n in level}
    largest = max(regions[n].area for n in level)
    return {min((n for n in level if regions[n].area >= _FLOOR_SHARE * largest), key=heights.__getitem__)}


def along_walls(regions: list[FlatRegion], *, least: float) -> Array | None:
    """The level direction [3] that walls run along or square to, weighted by their areas; None without a wall."""
    walls = [region for region in regions if abs(region.plane.normal[2]) < 1 - UP and region.area >= least]
    headings = [np.arctan2(region.plane.normal[1], region.plane.normal[0]) for region in walls]
    turns = sum(region.area * np.exp(4j * heading) for region, heading in zip(walls, headings, strict=True))
    if not walls or abs(turns) < _AGREEING * sum(region.area for region in walls):
        return None
    angle = float(np.angle(turns)) / 4
    return np.array([np.cos(angle), np.sin(angle), 0.0])


def openings(view: PlanView, unseen: np.ndarray, surface: Surface, *, tolerance: float) -> np.ndarray:
    """Those `unseen` cells [rows, columns] of a floor through which a lower level is seen."""
    starts = view.world(view.centres(unseen), -1.5 * tolerance)
    hits = surface.cast(starts, np.broadcast_to(-view.plane.normal, starts.shape))
    is_lower = np.zeros(view.shape, bool)
    is_lower[unseen] = (hits.normals @ view.plane.normal > 0.5) & np.isfinite(hits.distance)
    pieces, n = ndimage.label(is_lower)
    # In cells of a large floor, which are coarse, that is few; fewer than these are the rim of what was seen.
    least = max(_OPENING_AREA * (tolerance / view.cell) ** 2, _OPENING_CELLS)
    large = np.bincount(pieces.ravel(), minlength=n + 1) >= least
    large[0] = False
    return np.asarray(large[pieces])
