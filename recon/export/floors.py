"""Which flat region is the floor, how walls turn it, and where a lower level is seen through it."""

import numpy as np
from scipy import ndimage

from recon.export.plan_view import PlanView
from recon.export.planes import FlatRegion
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface, sample_surface
from recon.geometry.transforms import Array

UP = 0.94  # cosine of 20 degrees: steeper floors are ramps, and nobody stands on them by default
_FLOOR_SHARE = 0.25  # a floor is the lowest level that has this share of the largest one's area
_OPENING_AREA = 600.0  # squared tolerances: a lower level seen through less is clutter below the floor
_OPENING_CELLS = 40
_BENEATH = 0.5  # of a level's area: more beneath another, which cameras went over, and it is no floor
_ASKED = 1000  # points of a level that are asked what is above them
_UPWARDS = np.array([0.0, 0.0, 1.0])
_AGREEING = 0.5  # of the walls' area, by how they are turned: less and the place has no direction


def lowest_floor(mesh: TriangleMesh, regions: list[FlatRegion], *, cameras: Array | None = None) -> set[int]:
    """The number of the region to stand on that has nothing below: the lowest of the large ones; none where nothing is level.

    Where `cameras` [n, 3] went over one, a lower one that lies beneath it, and that none went over, is no floor: a film sees
    through the gaps of a road, and a plane that is laid through what shows there goes on under the road.
    """
    level = [n for n, region in enumerate(regions) if region.plane.normal[2] > UP]
    if not level:
        return set()
    heights = {n: float(mesh.vertices[mesh.faces[regions[n].faces]].mean((0, 1))[2]) for n in level}
    largest = max(regions[n].area for n in level)
    large = [n for n in level if regions[n].area >= _FLOOR_SHARE * largest]
    if cameras is not None and len(large) > 1:
        large = _not_beneath(mesh, {n: regions[n] for n in large}, cameras)
    return {min(large, key=heights.__getitem__)}


def _not_beneath(mesh: TriangleMesh, regions: dict[int, FlatRegion], cameras: Array) -> list[int]:
    """Numbers of those level `regions` that cameras [n, 3] went over, or that lie mostly beside those, or over them."""
    faces = np.concatenate([region.faces for region in regions.values()])
    owner = np.repeat(list(regions), [len(region.faces) for region in regions.values()])
    under = Surface(TriangleMesh(mesh.vertices, mesh.faces[faces])).cast(
        cameras, np.broadcast_to(-_UPWARDS, cameras.shape)
    )
    crossed = np.unique(owner[under.faces[under.is_hit]])
    if not len(crossed):
        return list(regions)
    over = Surface(TriangleMesh(mesh.vertices, mesh.faces[faces[np.isin(owner, crossed)]]))
    found = []
    for number, region in regions.items():
        points = sample_surface(TriangleMesh(mesh.vertices, mesh.faces[region.faces]), _ASKED, seed=0)[0]
        is_beneath = over.is_blocked(points, np.broadcast_to(_UPWARDS, points.shape))
        if number in crossed or is_beneath.mean() <= _BENEATH:
            found.append(number)
    return found


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
