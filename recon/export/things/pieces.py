"""Which pieces of a mesh stand apart: cut off the floor or the top below them and the walls behind them, and closed.

Every plane cuts the mesh a little before itself. What is left falls into connected pieces; one that stands on the lowest plane,
with its weight over its own foot, and is no larger than furniture, is a thing. All else stays where it is.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import ConvexHull, QhullError

from recon.export.labels import pieces_of, welded_faces
from recon.export.slab import Slab
from recon.export.things.clipping import CutMesh, cut_along
from recon.export.things.closing import closed_by
from recon.geometry.mesh import TriangleMesh, chosen, joined_alike

_CUT = 1.0  # tolerances before a plane
_LEAST_AREA = 150.0  # squared tolerances of surface
_LEAST_SIZE = 6.0  # tolerances, in height and across: less is a ripple of the floor
_LARGEST = {"floor": 0.5, "top": 1.0}  # of the plane's longer side: more is not a thing but a part of the building
_LARGE = 250.0  # tolerances across: what is larger is built, not furniture
_OVERHANG = 0.5  # tolerances below the top it stands on: what reaches further goes on beside it
_LEAST_FOOT = 4.0  # squared tolerances of floor that it stands on
ASIDE = 2.0  # tolerances beside the outline of a plane where it still cuts
BEHIND = 10.0  # tolerances behind a wall that are the wall: farther is another place
_AROUND = 3.0  # tolerances about a thing in which crumbs are its own
CRUMB, NO_FOOT = "crumb", "without a foot on the floor"


@dataclass(frozen=True)
class Piece:
    """A thing by itself, closed by the planes it stood on. `faces`: of the cut mesh that it was made of."""

    mesh: TriangleMesh
    faces: np.ndarray
    touches: tuple[int, ...]  # which planes


@dataclass(frozen=True)
class Candidates:
    """A mesh cut before the planes of its building, the pieces that may be things, and how many others there are, by the reason."""

    mesh: TriangleMesh
    cut: CutMesh
    is_free: np.ndarray  # [f] of the cut mesh: before all planes
    pieces: tuple[Piece, ...]
    left: dict[str, int]


@dataclass(frozen=True)
class Apart:
    """A mesh without its things, and the things. `is_seen` [f]: faces of the building that a view shows."""

    building: TriangleMesh
    is_seen: np.ndarray
    pieces: tuple[Piece, ...]


def find_pieces(mesh: TriangleMesh, planes: Sequence[Slab], *, tolerance: float) -> Candidates:
    """What of a z-up mesh may be a thing that stands on the first of the `planes`, the floor or a top; the others are walls."""
    cut, is_free = cut_at(CutMesh.whole(mesh), planes, tolerance)
    base = planes[0]
    largest = min(_LARGEST[base.kind] * float(np.ptp(base.view.centres(base.solid), axis=0).max()), _LARGE * tolerance)
    pieces: list[Piece] = []
    loose: list[tuple[str, np.ndarray]] = []
    areas = cut.mesh.face_areas
    for faces in pieces_of(welded_faces(cut.mesh, tolerance), np.flatnonzero(is_free)):
        if areas[faces].sum() < _LEAST_AREA * tolerance**2:
            loose.append((CRUMB, faces))
            continue
        closed, touches = closed_at(chosen(cut.mesh, faces), planes, tolerance)
        fault = _fault(closed, touches, base, tolerance, largest)
        if fault is None:
            pieces.append(Piece(closed, faces, touches))
        else:
            loose.append((fault, faces))
    pieces, loose = _with_loose(pieces, cut.mesh, loose, tolerance)
    return Candidates(mesh, cut, is_free, tuple(pieces), dict(Counter(fault for fault, _ in loose if fault != CRUMB)))


def take_apart(found: Candidates, pieces: Sequence[Piece], is_seen: np.ndarray) -> Apart:
    """The building without some of the pieces found in it; `is_seen` [f]: which faces of the whole mesh a view shows."""
    whole, remains = _without(found, pieces)
    building = joined_alike(chosen(found.mesh, whole), chosen(found.cut.mesh, remains))
    return Apart(building, is_seen[np.concatenate([whole, found.cut.parent[remains]])], tuple(pieces))


def _without(found: Candidates, pieces: Sequence[Piece]) -> tuple[np.ndarray, np.ndarray]:
    """Faces of the mesh that no thing has a part of, and of the others those cut ones that are nobody's.

    What such a triangle has between the thing and the plane goes too: the thing is drawn down to the plane instead.
    """
    parent = found.cut.parent
    is_thing = np.zeros(len(parent), bool)
    for piece in pieces:
        is_thing[piece.faces] = True
    is_cut = np.zeros(len(found.mesh.faces), bool)
    is_cut[parent[is_thing]] = True
    return np.flatnonzero(~is_cut), np.flatnonzero(is_cut[parent] & found.is_free & ~is_thing)


def cut_at(cut: CutMesh, planes: Sequence[Slab], tolerance: float) -> tuple[CutMesh, np.ndarray]:
    """A mesh cut before every plane, and which of its faces lie before all of them."""
    for slab in planes:
        side = slab.view.height(cut.mesh.vertices) - _CUT * tolerance
        cut = cut_along(cut, side, _is_over(slab, cut.mesh, tolerance))
    is_free = np.ones(len(cut.mesh.faces), bool)
    for slab in planes:
        height = slab.view.height(cut.mesh.vertices[cut.mesh.faces].mean(1))
        is_free &= ~(_is_over(slab, cut.mesh, tolerance) & (height < _CUT * tolerance))
    return cut, is_free


def _is_over(slab: Slab, mesh: TriangleMesh, tolerance: float) -> np.ndarray:
    """Which faces lie over the outline of a slab, and not far behind it: the next room is another place. Below a floor is none.

    Of a top it is the true outline: what goes on beside it, as the back of a chair does beside its seat, does not stand on it.
    """
    middles = mesh.vertices[mesh.faces].mean(1)
    if slab.kind == "top":
        rows, columns, is_inside = slab.view.cells(middles)
        return np.asarray(is_inside & slab.outline()[rows, columns] & (slab.view.height(middles) > -tolerance))
    is_over = slab.view.holds(middles, margin=ASIDE * tolerance)
    return np.asarray(is_over & ((slab.kind == "floor") | (slab.view.height(middles) > -BEHIND * tolerance)))


def closed_at(piece: TriangleMesh, planes: Sequence[Slab], tolerance: float) -> tuple[TriangleMesh, tuple[int, ...]]:
    """A piece closed by the planes it touches, and the numbers of those."""
    touches = []
    for number, slab in enumerate(planes):
        before = len(piece.faces)
        piece = closed_by(piece, slab.view, cut=_CUT * tolerance, tolerance=tolerance)
        if len(piece.faces) > before:
            touches.append(number)
    return piece, tuple(touches)


def _fault(piece: TriangleMesh, touches: tuple[int, ...], base: Slab, tolerance: float, largest: float) -> str | None:
    """Why a closed piece is no thing, or None where it is one."""
    size = np.ptp(piece.vertices, axis=0)
    width, length = sorted(cv2.minAreaRect(piece.vertices[:, :2].astype(np.float32))[1])
    if min(size[2], width) < _LEAST_SIZE * tolerance or piece.face_areas.sum() < _LEAST_AREA * tolerance**2:
        return CRUMB
    if 0 not in touches:
        return NO_FOOT
    if max(length, size[2]) > largest:
        return "too large"
    heights = base.view.height(piece.vertices)
    if base.kind == "top" and heights.min() < -_OVERHANG * tolerance:
        return "over the edge of a top"
    foot = piece.vertices[np.abs(heights) < 1e-3 * tolerance]
    try:
        outline = ConvexHull(foot[:, :2])
    except (QhullError, ValueError):
        return NO_FOOT
    return None if outline.volume >= _LEAST_FOOT * tolerance**2 else NO_FOOT


def _with_loose(
    pieces: list[Piece], mesh: TriangleMesh, loose: list[tuple[str, np.ndarray]], tolerance: float
) -> tuple[list[Piece], list[tuple[str, np.ndarray]]]:
    """The pieces, each with what lies about it and would hang in the air without it; and the rest of what is loose."""
    if not pieces or not loose:
        return pieces, loose
    firsts = np.cumsum([0] + [len(faces) for _, faces in loose[:-1]])
    corners = mesh.vertices[mesh.faces[np.concatenate([faces for _, faces in loose])]]
    lows, highs = np.minimum.reduceat(corners.min(1), firsts), np.maximum.reduceat(corners.max(1), firsts)
    for number, piece in enumerate(pieces):
        low, high = piece.mesh.vertices.min(0) - _AROUND * tolerance, piece.mesh.vertices.max(0) + _AROUND * tolerance
        is_mine = (lows >= low).all(1) & (highs <= high).all(1)
        mine = [faces for (_, faces), is_it in zip(loose, is_mine, strict=True) if is_it]
        lows, highs = lows[~is_mine], highs[~is_mine]
        loose = [each for each, is_it in zip(loose, is_mine, strict=True) if not is_it]
        if mine:
            whole = joined_alike(piece.mesh, chosen(mesh, np.concatenate(mine)))
            pieces[number] = Piece(whole, np.concatenate([piece.faces, *mine]), piece.touches)
    return pieces, loose
