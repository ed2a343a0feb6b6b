"""Level parts with nothing beneath them reach as deep as a floor's boxes do, and deeper the longer they are.

Ground that bends is hulls, metres long and as thin as a wall. Engines that find a contact's direction along a ray from the
middle of a part (libccd's portals, which Drake uses for hulls) find it sideways on parts so thin: what rests there creeps, and in
the end falls through, and what hits an edge that two of them share is pushed to and fro and not up. A part whose middle lies
deeper is right, and stops faster bodies.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recon.export.building import FLOOR_THICKNESS
from recon.export.covering import points_over
from recon.export.extrusion import DEEP
from recon.export.floors import UP
from recon.export.hulls import hull_of
from recon.export.place import Part
from recon.export.planes import Level
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface

_TOP_SHARE = 0.25  # of a part's skin that is level and faces up: a sheet's is half
_SPARED = 0.02  # of its top that may have something beneath: crumbs of a scan
_ASKED = 256  # points on a part's top
_DOWN = np.array([0.0, 0.0, -1.0])


def footed(
    parts: Sequence[Part],
    surface: Surface,
    floors: Sequence[TriangleMesh],
    *,
    tolerance: float,
    thickness: float,
    lowest: Level | None = None,
) -> list[Part]:
    """The parts, each hull of level ground drawn straight down to `FLOOR_THICKNESS` thicknesses or `DEEP` of its longer side.

    Its top stays as it is. It is ground where neither the `surface` is met below it nor, from above, one of the `floors` (their
    convex parts): a table's top stands over a floor. Nothing that lies beneath the `lowest` floor is met. Boxes and ground that
    bends stay; +z is up. tolerance: that parts keep to. thickness: of hulls, behind the surface.
    """
    floor = Surface(joined(list(floors))) if floors else None
    below = thickness + tolerance
    result = []
    for part in parts:
        hull, corners = None, part.mesh.vertices
        if not part.stays and _is_ground(part.mesh, surface, floor, lowest, below=below):
            depth = max(FLOOR_THICKNESS * thickness, DEEP * float(np.ptp(corners[:, :2], axis=0).max()))
            hull = hull_of(np.concatenate([corners, corners + (depth - thickness) * _DOWN]))
        result.append(part if hull is None else replace(part, mesh=hull))
    return result


def _is_ground(
    hull: TriangleMesh, surface: Surface, floor: Surface | None, lowest: Level | None, *, below: float
) -> bool:
    """Whether a hull is level and nothing is met further `below` its top, but for a floor that it is sunk in."""
    top = hull.faces[hull.face_normals[:, 2] > UP]
    upper = TriangleMesh(hull.vertices, top)
    area = float(upper.face_areas.sum()) if len(top) else 0.0
    if area < _TOP_SHARE * float(hull.face_areas.sum()):
        return False
    starts = points_over(upper, apart=np.sqrt(area / _ASKED), at_most=_ASKED) + below * _DOWN
    downwards = np.broadcast_to(_DOWN, starts.shape)
    met = surface.cast(starts, downwards)
    is_met = met.is_hit
    if lowest is not None:
        at = starts[is_met] + met.distance[is_met, None] * _DOWN
        is_met[is_met] = lowest.height(at) > -below
    if floor is not None:
        hits = floor.cast(starts, downwards)
        is_met |= hits.is_hit & (hits.normals[:, 2] > 0)
    return bool(is_met.mean() <= _SPARED)
