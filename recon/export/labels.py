"""What each face of a place is, by geometry alone: floor or ground, wall, ceiling, furniture, object.

The building comes first: the floor's plane; planes that stand and end as high as the place does; planes overhead. What is left
falls into connected pieces. A piece that is hardly anywhere deeper than a relief stays with its wall or floor. A large one is
furniture; a small one, and what stands on a level top of a larger one, is an object. No furniture reaches higher than 4 m over the
floor: planes that stand so high are walls, however high the place is beside them, and what else reaches there is an object (a
tree, a roof).
"""

from collections.abc import Sequence

import numpy as np

from recon.export.slab import Slab
from recon.export.walls import RELIEF, building_of, higher_than
from recon.geometry.face_graph import numbered_rows, pieces_by_pairs, shared_edges
from recon.geometry.mesh import TriangleMesh, chosen

LABELS = ("object", "furniture", "floor", "ground", "wall", "ceiling")
PALETTE = {  # colours of segmentation pictures
    "object": (230, 159, 0),
    "furniture": (86, 180, 233),
    "floor": (0, 158, 115),
    "ground": (160, 160, 120),
    "wall": (204, 121, 167),
    "ceiling": (240, 228, 66),
}
_OBJECT, _FURNITURE, _FLOOR, _GROUND, _WALL, _CEILING = range(6)
_NEAR = 1.5  # tolerances: of a plane's own faces
_MOSTLY = 0.9  # of a piece's surface that lies in the relief of a wall or a floor which it belongs to
FURNITURE_SIZE = 30.0  # tolerances across: smaller pieces are objects
_FURNITURE_HEIGHT_M = 4.0  # over the floor: what reaches higher is none


def label_faces(
    mesh: TriangleMesh, slabs: Sequence[Slab], *, tolerance: float, length_scale: float = 1.0
) -> np.ndarray:
    """Numbers [f] into `LABELS`, uint8, of a z-up mesh and the slabs found in it; `length_scale` of its units make a metre."""
    centres, normals, areas = mesh.vertices[mesh.faces].mean(1), mesh.face_normals, mesh.face_areas
    floors, walls, ceilings = building_of(mesh, slabs)
    label = np.full(len(mesh.faces), _OBJECT, np.uint8)
    floor = _FLOOR if walls or ceilings else _GROUND
    highest = _FURNITURE_HEIGHT_M * length_scale
    walls = [*higher_than(highest, slabs, tolerance=tolerance), *walls]
    relief = np.full(len(mesh.faces), -1)
    for slabs_of_kind, kind in ((ceilings, _CEILING), (walls, _WALL), (floors, floor)):
        for slab in slabs_of_kind:
            height = slab.view.height(centres)
            faces_it = normals @ slab.view.plane.normal > 0.5
            label[_is_on(slab, height, centres, _NEAR * slab.tolerance) & faces_it] = kind
            relief[_is_on(slab, height, centres, RELIEF * slab.tolerance)] = kind
            if kind == floor:
                label[height < _NEAR * tolerance] = kind
    tops = [slab for slab in slabs if slab.kind == "top"]
    welded = welded_faces(mesh, tolerance)
    for piece in pieces_of(welded, np.flatnonzero(label == _OBJECT)):
        kinds = relief[piece]
        if areas[piece][kinds >= 0].sum() >= _MOSTLY * areas[piece].sum():
            label[piece] = np.bincount(kinds[kinds >= 0]).argmax()
        elif _size(mesh, piece) >= FURNITURE_SIZE * tolerance and _top(mesh, piece, floors) <= highest:
            label[piece] = _FURNITURE
            for stands in _standing(mesh, welded, piece, tops, tolerance):
                label[stands] = _OBJECT
    return label


def by_label(mesh: TriangleMesh, labels: np.ndarray | None) -> dict[str, TriangleMesh]:
    """The faces of a mesh by the name of their label; empty without `labels` [f]."""
    return {} if labels is None else {LABELS[number]: chosen(mesh, labels == number) for number in np.unique(labels)}


def floor_label(labels: np.ndarray | None) -> str | None:
    """What the place's floor is called among its `labels` [f]: ground out of doors; None without labels."""
    if labels is None:
        return None
    return LABELS[_GROUND if (labels == _GROUND).any() else _FLOOR]


def _is_on(slab: Slab, height: np.ndarray, centres: np.ndarray, reach: float) -> np.ndarray:
    """Which centres [f, 3], at these heights [f] over its plane, lie within `reach` of a slab and of its outline."""
    return np.asarray((np.abs(height) <= reach) & slab.view.holds(centres, margin=reach))


def welded_faces(mesh: TriangleMesh, tolerance: float) -> np.ndarray:
    """The faces [f, 3] with one number for all vertices at one place: textures split them."""
    places = np.round(mesh.vertices / (0.01 * tolerance)).astype(np.int64)
    return numbered_rows(places)[mesh.faces]


def pieces_of(welded: np.ndarray, faces: np.ndarray) -> list[np.ndarray]:
    """Connected sets of the given faces."""
    if not len(faces):
        return []
    piece = pieces_by_pairs(shared_edges(welded[faces]), len(faces))
    return np.split(faces[np.argsort(piece, kind="stable")], np.cumsum(np.bincount(piece))[:-1])


def _standing(
    mesh: TriangleMesh, welded: np.ndarray, piece: np.ndarray, tops: Sequence[Slab], tolerance: float
) -> list[np.ndarray]:
    """What stands on the level tops of a piece: what is left of it above a top without the top's own faces."""
    centres = mesh.vertices[mesh.faces[piece]].mean(1)
    standing = []
    for top in tops:
        height = top.view.height(centres)
        is_its = _is_on(top, height, centres, _NEAR * tolerance) & (
            mesh.face_normals[piece] @ top.view.plane.normal > 0.7
        )
        if not is_its.any():
            continue
        for part in pieces_of(welded, piece[~is_its]):
            corners = mesh.vertices[mesh.faces[part]].reshape(-1, 3)
            lowest = float(top.view.height(corners).min())
            is_over = _is_on(top, np.zeros(len(corners)), corners, tolerance).all()
            if lowest > -tolerance and is_over:
                standing.append(part)
    return standing


def _size(mesh: TriangleMesh, faces: np.ndarray) -> float:
    return float(np.linalg.norm(np.ptp(mesh.vertices[mesh.faces[faces]].reshape(-1, 3), axis=0)))


def _top(mesh: TriangleMesh, faces: np.ndarray, floors: Sequence[Slab]) -> float:
    """How high some faces reach over the floor, or over their own lowest point where no floor is known."""
    corners = mesh.vertices[mesh.faces[faces]].reshape(-1, 3)
    return float(floors[0].view.height(corners).max() if floors else np.ptp(corners[:, 2]))
