"""A thing that a person marked with a box: what of the mesh lies in it, cut along its sides and shut there."""

from collections.abc import Sequence

import numpy as np

from recon.export.planes import Plane
from recon.export.slab import Slab
from recon.export.things.clipping import CutMesh, cut_along
from recon.export.things.closing import closed_by
from recon.export.things.pieces import Apart, Candidates, Piece, closed_at, cut_at
from recon.geometry.mesh import TriangleMesh, chosen
from recon.geometry.transforms import Array

_SLIVER = 1e-3  # tolerances across
_LOWEST = 0.25  # of a box's height: a plane above its lowest quarter belongs to the thing


def support_of(level: Sequence[Slab], low: Array, high: Array) -> Slab:
    """The plane under a box: of the level ones that reach below it the highest, or the lowest of all (the floor)."""
    middle = (low + high) / 2
    heights = [-float(slab.view.height(np.array([*middle[:2], 0.0]))) for slab in level]
    limit = low[2] + _LOWEST * (high[2] - low[2])
    below = [
        (height, number)
        for number, height in enumerate(heights)
        if height <= limit and _is_under(level[number], middle)
    ]
    return level[max(below)[1]] if below else level[int(np.argmin(heights))]


def find_boxed(mesh: TriangleMesh, planes: Sequence[Slab], low: Array, high: Array, *, tolerance: float) -> Candidates:
    """The one piece of a z-up mesh between two corners of a box [3], before the `planes`; no piece where nothing is in it."""
    cut = CutMesh.whole(mesh)
    for side in _sides(low, high):
        corners = cut.mesh.vertices[cut.mesh.faces]
        is_near = ((corners.min(1) <= high) & (corners.max(1) >= low)).all(1)
        cut = cut_along(cut, side.height(cut.mesh.vertices), is_near)
    cut, is_free = cut_at(cut, planes, tolerance)
    middles = cut.mesh.vertices[cut.mesh.faces].mean(1)
    is_whole = (
        cut.mesh.face_areas > (_SLIVER * tolerance) ** 2
    )  # where a side runs through vertices, it cuts off nothing
    faces = np.flatnonzero(is_free & is_whole & ((middles >= low) & (middles <= high)).all(1))
    if not len(faces):
        return Candidates(mesh, cut, is_free, (), {})
    # The sides first: their lower rims are part of the loop that the support shuts.
    piece = shut(chosen(cut.mesh, faces), _sides(low, high), tolerance=tolerance)
    closed, touches = closed_at(piece, planes, tolerance)
    return Candidates(mesh, cut, is_free, (Piece(closed, faces, touches),), {})


def closed_around(apart: Apart, low: Array, high: Array, *, tolerance: float) -> Apart:
    """The building shut along the sides of a box that a piece was cut out of."""
    sides = [Plane(-side.normal, -side.offset) for side in _sides(low, high)]
    building = shut(apart.building, sides, tolerance=tolerance)
    added = np.zeros(len(building.faces) - len(apart.building.faces), bool)
    return Apart(building, np.concatenate([apart.is_seen, added]), apart.pieces)


def shut(mesh: TriangleMesh, sides: Sequence[Plane], *, tolerance: float) -> TriangleMesh:
    """The mesh with a lid, seen from behind a side, on every loop of open edges that lies in one."""
    for side in sides:
        mesh = closed_by(mesh, side, cut=0.0, tolerance=tolerance)
    return mesh


def _sides(low: Array, high: Array) -> list[Plane]:
    """The six sides of a box, free space inside."""
    axes = np.eye(3)
    return [Plane(axes[i], float(low[i])) for i in range(3)] + [Plane(-axes[i], -float(high[i])) for i in range(3)]


def _is_under(slab: Slab, middle: Array) -> bool:
    row, column, is_on = slab.view.cells(middle - slab.view.height(middle) * slab.view.normal)
    return bool(is_on and slab.outline()[row, column])
