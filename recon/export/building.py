"""Floors, walls, ceilings and tops as boxes: the building before the clutter.

Each flat region becomes a slab: the outline of its surface with small holes closed and large ones (doors, windows) kept,
extruded away from free space. Floors are continued under furniture and to the walls about them, but not where a lower level
is seen through an opening: what nobody saw of a floor is there, and is marked as filled. All pieces of a slab share
one plane, or one relief where the ground bends (`bent`), so there are no steps between them.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from scipy import ndimage

from recon.export.bent import bent_regions
from recon.export.extrusion import extruded
from recon.export.floors import UP, along_walls, lowest_floor, openings
from recon.export.outline import BORDER_M, Wall, floor_about, walls_about
from recon.export.plan_view import PlanView
from recon.export.planes import FlatRegion, find_planes
from recon.export.slab import Slab
from recon.export.tolerances import Tolerances
from recon.export.tops import tops_of
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

FLOOR_THICKNESS = 5.0  # in wall thicknesses: nothing is beneath that it could hide, and fast bodies stop
_HOLE = 15.0  # tolerances: smaller holes of a wall or a top are gaps of the scan, larger ones are openings
_CLOSE = 2.5  # tolerances: bays of an outline narrower than twice this are ragged, not shape
_LEAST_AREA = 200.0  # squared tolerances: level tops that are worth a slab
_LEAST_WALL = 1500.0  # squared tolerances: other flat regions that are; smaller ones are the sides of things
_DEEPEST = 250.0  # tolerances that ground which bends and is no floor may reach down
_ASKED = 30_000  # cells of a plane, at most, that are asked whether something hides them


def find_building(
    mesh: TriangleMesh,
    surface: Surface,
    *,
    tolerances: Tolerances,
    thickness: float,
    is_up_known: bool,
    has_floor: bool = True,
    cameras: Array | None = None,
) -> list[Slab]:
    """Slabs of a mesh, lengths in its units; `thickness` is how far walls and tops may reach behind their surface.

    `tolerances` are told what floor they are over here. `has_floor`: whether the lowest level goes on where nobody saw it.
    surface: of all that may hide a slab, this mesh or more. is_up_known: whether +z is up; all slabs are just flat where not.
    cameras: [n, 3], which tell a floor from what lies beneath it; None where nobody knows them.
    """
    tolerance = tolerances.fine
    regions = _regions(mesh, tolerance, may_bend=is_up_known and has_floor)
    floors = lowest_floor(mesh, regions, cameras=cameras) if is_up_known and has_floor else set()
    along = along_walls(regions, least=_LEAST_WALL * tolerance**2) if is_up_known else None
    if has_floor:
        tolerances = tolerances.over(next((regions[number] for number in floors), None))
    kinds = ["floor" if number in floors else _kind(region, is_up_known) for number, region in enumerate(regions)]
    apart = [
        (kind, each)
        for kind, region in zip(kinds, regions, strict=True)
        for each in (tops_of(region, mesh, surface, tolerance=tolerance) if kind == "top" else [region])
    ]
    slabs: list[Slab] = []
    for number, (kind, region) in enumerate(apart):
        if region.area < _LEAST_WALL * tolerance**2 and not (kind == "top" and region.plane.normal[2] > UP):
            continue
        if kind == "floor":
            walls = walls_about(region.plane, mesh, regions, least=_LEAST_WALL * tolerance**2, metre=tolerances.scale)
            slab = _floor(mesh, surface, region, f"{kind}_{number:02d}", along, walls, tolerances, thickness)
        else:
            slab = _slab(mesh, surface, region, f"{kind}_{number:02d}", kind, tolerances, thickness)
        if slab.parts:
            slabs.append(slab)
    return slabs


def _regions(mesh: TriangleMesh, tolerance: float, *, may_bend: bool) -> list[FlatRegion]:
    """The flat regions of a mesh, largest first, and those that bend, as one each where it is known what is level."""
    least = _LEAST_AREA * tolerance**2
    flat = find_planes(mesh, tolerance=tolerance, min_area=least)
    bent = bent_regions(mesh, flat, tolerance=tolerance) if may_bend else []
    if not bent:
        return flat
    is_bent = np.isin(np.arange(len(mesh.faces)), np.concatenate([region.faces for region in bent]))
    flat = find_planes(mesh, tolerance=tolerance, min_area=least, without=is_bent)
    return sorted([*bent, *flat], key=lambda region: -region.area)


def _kind(region: FlatRegion, is_up_known: bool) -> str:
    if not is_up_known:
        return "flat"
    upwards = region.plane.normal[2]
    return "top" if upwards > 0.7 else "ceiling" if upwards < -0.7 else "wall"


def _floor(
    mesh: TriangleMesh,
    surface: Surface,
    region: FlatRegion,
    name: str,
    along: Array | None,
    walls: Sequence[Wall],
    tolerances: Tolerances,
    thickness: float,
) -> Slab:
    """The slab under a floor, continued to its `walls` and a little beyond what was seen, but for its openings.

    mesh, surface, region, name, tolerances, thickness: as in `_slab`. along: how walls run, and the floor's boxes with them.
    """
    tolerance = tolerances.fine
    triangles = mesh.vertices[mesh.faces[region.faces]]
    view = PlanView.around(
        region.plane,
        triangles.reshape(-1, 3),
        cell=tolerance / 2,
        margin=2 * _CLOSE * tolerance + BORDER_M * tolerances.scale,
        along=along,
        relief=region.relief,
    )
    seen = view.drawn(triangles)
    solid, allowed = floor_about(view, seen, walls, metre=tolerances.scale)
    open_below = openings(view, allowed & ~seen, surface, tolerance=tolerance)
    solid, allowed = solid & ~open_below, allowed & ~open_below
    allowed |= _allowed(view, solid, surface, _margin(view, tolerances), tolerance=tolerance)
    depth = FLOOR_THICKNESS * thickness
    parts, covered = extruded(view, solid, allowed, depth, name, tolerance=tolerance)
    return Slab("floor", view, seen, covered, depth, parts, tolerance)


def _slab(
    mesh: TriangleMesh,
    surface: Surface,
    region: FlatRegion,
    name: str,
    kind: str,
    tolerances: Tolerances,
    thickness: float,
) -> Slab:
    """The slab behind a flat region of the mesh that is no floor.

    surface: the mesh, to be asked. name, kind: of the slab ("wall", ...). tolerances: lengths that do not matter. thickness: at
    most so deep.
    """
    tolerance = tolerances.fine
    triangles = mesh.vertices[mesh.faces[region.faces]]
    points, margin = triangles.reshape(-1, 3), 2 * _CLOSE * tolerance
    view = PlanView.around(region.plane, points, cell=tolerance / 2, margin=margin, relief=region.relief)
    seen = view.drawn(triangles)
    solid = _mended(view, seen, tolerance=tolerance)
    deepest = thickness if region.relief is None else _DEEPEST * tolerance
    room = _depth(surface, triangles, region.plane.normal, tolerance=tolerance, thickness=deepest)
    depth = min(room, thickness if region.relief is None else FLOOR_THICKNESS * thickness)
    aside = _margin(view, tolerances)
    allowed = _allowed(view, solid, surface, aside, tolerance=tolerance)
    parts, covered = extruded(view, solid, allowed, depth, name, tolerance=float(aside.max()), deepest=room)
    return Slab(kind, view, seen, covered, depth, parts, tolerance)


def _mended(view: PlanView, seen: np.ndarray, *, tolerance: float) -> np.ndarray:
    """Cracks and small holes closed, specks gone."""
    reach = max(1, round(_CLOSE * tolerance / view.cell))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    closed = cv2.morphologyEx(seen.astype(np.uint8), cv2.MORPH_CLOSE, ball).astype(bool)
    holes, n = ndimage.label(~closed)
    sizes = np.bincount(holes.ravel(), minlength=n + 1)
    border = np.unique(np.concatenate([holes[0], holes[-1], holes[:, 0], holes[:, -1]]))
    small = sizes < (_HOLE * view.in_cells(tolerance)) ** 2
    small[border] = small[0] = False
    closed |= small[holes]
    pieces, n = ndimage.label(closed)
    large = np.bincount(pieces.ravel(), minlength=n + 1) >= _LEAST_AREA / 4 * view.in_cells(tolerance) ** 2
    large[0] = False
    return large[pieces]


def _depth(surface: Surface, triangles: Array, normal: Array, *, tolerance: float, thickness: float) -> float:
    """How far a slab may reach behind its surface: to the far side of a board, half way to whatever faces it.

    At least half a tolerance, for sheets too thin to stop a moving body.
    """
    centres = triangles.mean(1)
    starts = centres[:: max(1, len(centres) // 2000)] - 0.05 * tolerance * normal
    hits = surface.cast(starts, np.broadcast_to(-normal, starts.shape))
    leaves_solid = hits.normals @ normal < 0
    room = np.where(leaves_solid, 1.0, 0.5) * np.minimum(hits.distance, 2 * thickness)
    return float(np.clip(np.quantile(room, 0.1), tolerance / 2, thickness))


def _margin(view: PlanView, tolerances: Tolerances) -> Array:
    """The tolerance [rows, columns] of a plane's cells."""
    points = view.world(view.centres(np.ones(view.shape, bool)))
    return tolerances.at(points, np.broadcast_to(view.plane.normal, points.shape)).reshape(view.shape)


def _allowed(view: PlanView, solid: np.ndarray, surface: Surface, margin: Array, *, tolerance: float) -> np.ndarray:
    """Where a slab may be: no further than the `margin` beside its surface, and where something before it hides it."""
    allowed = np.asarray(ndimage.distance_transform_edt(~solid) * view.cell <= margin)
    step = max(1, int(np.ceil(np.sqrt((~allowed).sum() / _ASKED))))
    # Of a large plane one cell in so many is asked; between them all four about must agree.
    asked = allowed[::step, ::step].copy()
    unknown = np.zeros_like(allowed)
    unknown[::step, ::step] = ~asked
    asked[~asked] = surface.encloses(view.world(view.centres(unknown), tolerance))
    hidden = asked if step == 1 else ndimage.minimum_filter(asked, size=2, origin=-1, mode="nearest")
    rows, columns = np.ogrid[: allowed.shape[0], : allowed.shape[1]]
    return np.asarray(allowed | hidden[rows // step, columns // step])
