"""The holes that things leave in the planes they stood on: closed with the plane, and its texture continued over them.

Of a plane behind a thing nothing was seen, whatever the mesh has there: faces that no view shows make way for the patch, and
where the thing touched it, with a little about, it lies over the others, which carry colours of the thing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from recon.export.slab import Slab
from recon.export.things.patches import Atlas, Patch, continued, packed, patch_over
from recon.export.things.pieces import ASIDE, BEHIND, Apart
from recon.geometry.mesh import TriangleMesh, chosen, joined, joined_alike
from recon.geometry.surface import Surface

_NEAR = 2.0  # tolerances before or behind a plane that close it
_WIDER = 4.0  # tolerances beside a thing where its hole may reach
_TOUCHED = 3.0  # tolerances beside a thing's foot that carry its colours
_ABOVE = 0.05  # tolerances that a patch lies before its plane


@dataclass(frozen=True)
class Filled:
    """A building closed by patches, the patches alone, and the texture that all meshes of the old one must move to.

    `is_seen` [f]: faces of the building that a view shows; no patch is.
    """

    building: TriangleMesh
    is_seen: np.ndarray
    patches: TriangleMesh
    atlas: Atlas | None


def fill_holes(apart: Apart, planes: Sequence[Slab], *, tolerance: float) -> Filled:
    """Close the planes of a building where things stood."""
    building, is_seen = apart.building, apart.is_seen
    holes = {number: np.zeros(slab.view.shape, bool) for number, slab in enumerate(planes)}
    patches: list[Patch] = []
    for piece in apart.pieces:
        for number in piece.touches:
            behind = _behind(piece.mesh, planes, number, tolerance) & ~holes[number]
            is_replaced = ~is_seen & _lie_in(building, planes[number], behind, tolerance)
            building, is_seen = chosen(building, ~is_replaced), is_seen[~is_replaced]
            foot = _foot(piece.mesh, planes[number], tolerance)
            hole = behind & (foot | ~_closed(building, planes[number], tolerance))
            hole = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & behind
            if hole.any():
                holes[number] |= hole
                patches.append(patch_over(planes[number].view, hole))
    surface = Surface(building)
    pictures = [continued(surface, is_seen, patch, tolerance=tolerance) for patch in patches]
    atlas = None if building.texture is None else packed(building.texture, pictures)
    building = building if atlas is None else atlas.moved(building)
    surfaces = [patch.surface(height=_ABOVE * tolerance) for patch in patches]
    for number, (patch, picture, mesh) in enumerate(zip(patches, pictures, surfaces, strict=True)):
        building = joined_alike(building, painted(mesh, patch, picture, number, atlas))
    is_seen = np.concatenate([is_seen, np.zeros(len(building.faces) - len(is_seen), bool)])
    return Filled(building, is_seen, joined(surfaces), atlas)


def _behind(thing: TriangleMesh, planes: Sequence[Slab], number: int, tolerance: float) -> np.ndarray:
    """Cells [rows, columns] of a plane that a thing hides when looked at from straight before it, with a margin."""
    view = planes[number].view
    polygon = cv2.convexHull(np.round((view.flat(thing.vertices) - view.low) / view.cell).astype(np.int32))
    hidden = np.zeros(view.shape, np.uint8)
    cv2.fillConvexPoly(hidden, polygon, 1)
    behind = _widened(hidden.astype(bool), _WIDER * tolerance / view.cell)
    if planes[number].kind == "top":
        behind &= planes[number].outline()
    places = view.world(view.centres(behind))
    for other in (slab for k, slab in enumerate(planes) if k != number):
        is_left = ~_is_shut_off(other, places, tolerance)
        behind[behind], places = is_left, places[is_left]
    return behind


def _is_shut_off(slab: Slab, places: np.ndarray, tolerance: float) -> np.ndarray:
    """Which places [n, 3] lie behind a plane where it stands: not beyond its ends, and not in the place on a wall's far side."""
    height = slab.view.height(places)
    is_behind = (height <= -tolerance / 4) & ((slab.kind != "wall") | (height > -BEHIND * tolerance))
    return np.asarray(is_behind & slab.view.holds(places, margin=ASIDE * tolerance))


def _foot(thing: TriangleMesh, slab: Slab, tolerance: float) -> np.ndarray:
    """Cells of a plane where a thing stands on it, and a little about: of each foot all that lies inside its outline."""
    corners = thing.vertices[thing.faces]
    touches = np.abs(slab.view.height(corners)) < 1e-3 * tolerance
    under = slab.view.drawn(corners[touches.sum(1) >= 2])  # the lid, and the skirts seen edgewise
    count, pieces = cv2.connectedComponents(_widened(under, _TOUCHED * tolerance / slab.view.cell).astype(np.uint8))
    foot = np.zeros(slab.view.shape, np.uint8)
    for number in range(1, count):
        rows, columns = np.nonzero(pieces == number)
        cv2.fillConvexPoly(foot, cv2.convexHull(np.stack([columns, rows], -1).astype(np.int32)), 1)
    return foot.astype(bool)


def _widened(mask: np.ndarray, reach: float) -> np.ndarray:
    """A mask grown by some cells all round."""
    cells = max(1, round(reach))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * cells + 1, 2 * cells + 1))
    return cv2.dilate(mask.astype(np.uint8), ball).astype(bool)


def _lie_in(mesh: TriangleMesh, slab: Slab, cells: np.ndarray, tolerance: float) -> np.ndarray:
    """Which faces lie near a plane, wholly within some of its cells."""
    corners = mesh.vertices[mesh.faces]
    rows, columns, is_on = slab.view.cells(corners)
    is_near = np.abs(slab.view.height(corners)) < 2 * _NEAR * tolerance
    return np.asarray((is_on & cells[rows, columns] & is_near).all(1))


def _closed(building: TriangleMesh, slab: Slab, tolerance: float) -> np.ndarray:
    """Cells of a plane that the building's own faces close."""
    corners = building.vertices[building.faces]
    is_near = (np.abs(slab.view.height(corners)) < _NEAR * tolerance).all(1)
    return slab.view.drawn(corners[is_near & (building.face_normals @ slab.view.plane.normal > 0.5)])


def painted(mesh: TriangleMesh, patch: Patch, picture: np.ndarray, number: int, atlas: Atlas | None) -> TriangleMesh:
    """A mesh over a patch with its `picture`: that of this `number` in the atlas, or as colours of vertices without one."""
    texels = patch.texels(mesh.vertices)
    if atlas is not None:
        return replace(mesh, uvs=atlas.uvs(number, texels), texture=atlas.texture)
    column, row = np.clip(texels.astype(int), 0, np.array(picture.shape[1::-1]) - 1).T
    return replace(mesh, colors=picture[row, column])
