"""Room for things: convex parts of the building, or of other things, that reach a little into one are cut back to its skin.

And things are cut back to the boxes of the building, which stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import ConvexHull

from recon.export.hulls import cut_before
from recon.export.place import Part, Thing
from recon.export.planes import Plane
from recon.export.things.mass import with_parts
from recon.geometry.mesh import TriangleMesh

_GAP = 0.02  # tolerances between a part and a thing
_INTO = 0.05  # tolerances that a thing may reach into a box: feet stand on floors


def cleared(parts: Sequence[Part], things: Sequence[Thing], *, tolerance: float) -> tuple[Part, ...]:
    """The parts of a building without what reaches into things, which would be thrown off once they are free.

    A part is cut along that face of a thing's part behind which it reaches least. Boxes and ground that bends stay.
    """
    bodies = [thing.in_world(part.mesh).vertices for thing in things for part in thing.parts]
    faces = [np.unique(ConvexHull(vertices).equations.round(9), axis=0) for vertices in bodies]
    kept = []
    for part in parts:
        mesh = None if part.stays else part.mesh
        for vertices, planes in zip(bodies, faces, strict=True):
            if mesh is None or _apart(mesh.vertices, vertices):
                continue
            reach = (mesh.vertices @ planes[:, :3].T + planes[:, 3]).min(0)
            normal, offset = planes[reach.argmax(), :3], -planes[reach.argmax(), 3]
            if reach.max() < _GAP * tolerance:
                mesh = cut_before(mesh, Plane(normal, float(offset) + _GAP * tolerance))
                if mesh is None:
                    break
        if part.stays:
            kept.append(part)
        elif mesh is not None:
            kept.append(replace(part, mesh=mesh))
    return tuple(kept)


def cleared_of_each_other(things: Sequence[Thing], *, tolerance: float) -> tuple[Thing, ...]:
    """Things of which each keeps out of what stands on it and out of those before it at its height.

    A table keeps out of the boxes on its top, a box beside a barrel out of the barrel, which it would throw over.
    """
    result: list[Thing] = []
    for thing in things:
        there = [replace(part, mesh=thing.in_world(part.mesh)) for part in thing.parts]
        others = [other for other in result if other.origin[2] > thing.origin[2] - tolerance]
        kept = cleared(there, others, tolerance=tolerance) or there  # never without any part
        result.append(_made_of(thing, kept, there))
    return tuple(result)


def cleared_of_boxes(things: Sequence[Thing], parts: Sequence[Part], *, tolerance: float) -> tuple[Thing, ...]:
    """Things whose parts are cut back to the boxes of a building, its walls, that they reach into: by what lies behind a sheet.

    A part is cut along that face of a box behind which it reaches least; one of which nothing would be left stays whole.
    """
    boxes = [part.mesh for part in parts if part.stays]
    result = []
    for thing in things:
        there = [replace(part, mesh=thing.in_world(part.mesh)) for part in thing.parts]
        kept = [_out_of(part, boxes, tolerance) for part in there]
        result.append(_made_of(thing, kept, there))
    return tuple(result)


def _made_of(thing: Thing, kept: Sequence[Part], there: Sequence[Part]) -> Thing:
    """A thing of the parts that it `kept`, in the world's frame, and of their mass; the thing itself if all `there` are kept."""
    if len(kept) == len(there) and all(now.mesh is part.mesh for now, part in zip(kept, there, strict=True)):
        return thing
    local = [replace(part, mesh=replace(part.mesh, vertices=part.mesh.vertices - thing.origin)) for part in kept]
    return with_parts(thing, local)


def _out_of(part: Part, boxes: Sequence[TriangleMesh], tolerance: float) -> Part:
    """A convex part without what reaches into boxes; the same part where nothing does."""
    for box in boxes:
        if _apart(part.mesh.vertices, box.vertices):
            continue
        normals = box.face_normals
        offsets = (normals * box.vertices[box.faces[:, 0]]).sum(1)
        reach = (part.mesh.vertices @ normals.T - offsets).min(0)
        face = reach.argmax()
        if reach[face] < -_INTO * tolerance:
            cut = cut_before(part.mesh, Plane(normals[face], float(offsets[face]) + _GAP * tolerance))
            part = part if cut is None else replace(part, box=None, mesh=cut)
    return part


def _apart(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the boxes around two sets of points do not touch."""
    return bool((first.min(0) > second.max(0)).any() or (second.min(0) > first.max(0)).any())
