"""A piece as a body: convex parts that engines collide with, and mass and inertia of what those enclose."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from recon.export.collision_mesh import faired, welded
from recon.export.convex_parts import decompose
from recon.export.covering import Skin
from recon.export.fewest import fewest
from recon.export.hulls import Limits, cut_before
from recon.export.labels import FURNITURE_SIZE
from recon.export.place import Part, Thing
from recon.export.plan_view import PlanView
from recon.export.planes import Plane
from recon.export.slab import Slab
from recon.export.strays import Strays
from recon.export.things.mass import solid_of
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.transforms import Array
from recon.kernels.surfaces import AskedSurface

_MOST_PARTS = 1500  # before those that others replace are dropped
_BARE = 0.02  # of a thing's surface that may lie outside all of its parts by more than the tolerance, in small spots
_FOOT = 1e-2  # tolerances over a floor that touch it
_STEADY = 0.5  # tolerances within its foot that the middle of a thing's mass lies


def body_of(
    piece: TriangleMesh,
    planes: Sequence[Slab],
    around: TriangleMesh,
    *,
    tops: Sequence[Slab] = (),
    tolerances: Tolerances,
    thickness: float,
    length_scale: float,
    density: float,
) -> Thing:
    """The body of a piece in package units, closed by the `planes` it touches, amid all that is `around`.

    It stands on the first plane, and its parts end there; they end a tolerance before the others, which are walls, whose own
    parts may stand before them by that. Its own level `tops` are boxes, as exact as the floor. Otherwise its parts keep out of
    free space as those of the building do. `density` is in kg per cubic metre, of which `length_scale` units make one. The
    body's frame stands in the middle of its foot with the world's axes.

    tolerances, thickness: how far a part may reach before and behind a surface.
    """
    low, high = piece.vertices.min(0), piece.vertices.max(0)
    origin = np.array([*(low + high)[:2] / 2, low[2]])
    boxes = [replace(part.box, centre=part.box.centre - origin) for slab in tops for part in slab.parts if part.box]
    found, looser = _hulls(piece, planes, AskedSurface(joined([around, piece])), tops, tolerances, thickness)
    hulls = [replace(hull, vertices=hull.vertices - origin) for hull in found]
    meshes = [box.mesh() for box in boxes] + hulls
    parts = tuple(
        Part(f"part_{i:02d}", mesh, box)
        for i, (mesh, box) in enumerate(zip(meshes, [*boxes, *[None] * len(hulls)], strict=True))
    )
    volume, centre, spread = solid_of(meshes)
    mass = density * volume / length_scale**3
    label = "furniture" if np.linalg.norm(high - low) >= FURNITURE_SIZE * tolerances.fine else "object"
    local = replace(piece, vertices=piece.vertices - origin)
    return Thing(label, label, origin, local, parts, mass, centre, mass * spread, looser)


def stands_by_itself(thing: Thing, floor: PlanView, *, tolerance: float) -> bool:
    """Whether its mass lies over its foot, by a little: what does not would fall over once it is free."""
    under = _plane_under(floor, thing.in_world(thing.visual), tolerance)
    parts = [thing.in_world(part.mesh) for part in thing.parts]
    return _is_steady((thing.origin + thing.centre)[:2], parts, under, tolerance=tolerance)


def _plane_under(floor: PlanView, piece: TriangleMesh, tolerance: float) -> Plane:
    """The plane that a closed piece stands on, which may stand where the floor bends."""
    foot = piece.vertices[floor.height(piece.vertices) < _FOOT * tolerance]
    return floor.plane_under(foot if len(foot) else piece.vertices)


def _is_steady(middle: Array, parts: Sequence[TriangleMesh], floor: Plane, *, tolerance: float) -> bool:
    """Whether a place (x, y) lies inside the outline of where parts touch the floor, by a little."""
    vertices = np.concatenate([np.zeros((0, 3)), *(part.vertices for part in parts)])
    foot = vertices[floor.height(vertices) < _FOOT * tolerance]
    try:
        outline = ConvexHull(foot[:, :2]).equations
    except (QhullError, ValueError):
        return False
    return bool((outline[:, :2] @ middle + outline[:, 2]).max() < -_STEADY * tolerance)


def _hulls(
    piece: TriangleMesh,
    planes: Sequence[Slab],
    surface: AskedSurface,
    tops: Sequence[Slab],
    tolerances: Tolerances,
    thickness: float,
) -> tuple[list[TriangleMesh], float]:
    """Convex parts of a closed piece that are needed beside its tops, cut off at its planes, so that it stands flat.

    And how many times looser than the tolerances they are where they are loosest.

    They keep to `surface`, which is the piece and all around it, within `tolerances`, and reach behind it by `thickness` at most.
    Small ones that may be spared are kept where it would not stand without them.
    """
    tolerance = tolerances.fine
    seamless = welded(piece, tolerance)
    fair = TriangleMesh(faired(seamless, bound=tolerance / 2).vertices, seamless.faces)
    strays = Strays(surface, Limits(tolerances, thickness))
    found = decompose(fair, surface, tolerances=tolerances, thickness=thickness, max_parts=_MOST_PARTS, strays=strays)
    skin = Skin.of(seamless, bare=_BARE * float(seamless.face_areas.sum()), tolerances=tolerances, at_most=50_000)
    built = [part.mesh for slab in tops for part in slab.parts]
    ends = [_plane_under(slab.view, piece, tolerance) for slab in planes[:1]]
    ends += [Plane(slab.view.normal, slab.view.plane.offset + tolerance) for slab in planes[1:]]
    hulls, looser, first = list[TriangleMesh](), 1.0, [0] if found.parts else []
    for skin_now in (skin, replace(skin, bare=0.0)):
        fewer = fewest(found, built, skin_now, strays)
        fewer = fewer if fewer.parts else found.only(first)
        hulls, looser = _ended(fewer.parts, ends, tops, tolerance), fewer.loosest
        if planes and hulls:
            middle = solid_of([*built, *hulls])[1][:2]
            if _is_steady(middle, [*built, *hulls], ends[0], tolerance=tolerance):
                break
    return hulls, looser


def _ended(
    hulls: list[TriangleMesh], ends: Sequence[Plane], tops: Sequence[Slab], tolerance: float
) -> list[TriangleMesh]:
    """Hulls cut off at planes, and at those tops that they reach above by no more than a tolerance's bump."""
    for plane in ends:
        hulls = [cut for hull in hulls if (cut := cut_before(hull, plane, reach=tolerance)) is not None]
    for slab in tops:
        plane, outline = slab.view.plane, slab.outline()
        for number, hull in enumerate(hulls):
            rows, columns, is_on = slab.view.cells(hull.vertices)
            height = plane.height(hull.vertices)
            is_bump = (height > 0) & is_on & outline[rows, columns]
            if is_bump.any() and height.max() < 2 * tolerance:
                hulls[number] = cut_before(hull, Plane(-plane.normal, -plane.offset)) or hull
    return hulls
