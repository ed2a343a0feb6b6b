"""A piece that was cut off its supporting planes, closed again: skirts from the cut down to each plane, and a lid on the plane."""

import cv2
import numpy as np
from scipy.spatial import Delaunay, QhullError

from recon.export.labels import welded_faces
from recon.export.planes import Level
from recon.export.things.clipping import with_points
from recon.geometry.face_graph import open_edges
from recon.geometry.mesh import TriangleMesh, chosen
from recon.geometry.transforms import plane_axes

_SLACK = 1e-3  # tolerances


def closed_by(piece: TriangleMesh, level: Level, *, cut: float, tolerance: float) -> TriangleMesh:
    """The piece with its open edges at height `cut` over a plane, or what bends, drawn down to it and shut there.

    With a `cut` of zero the edges lie in it already, and only the lid is added.

    `tolerance`: of which a thousandth is how exact "at height" is.
    """
    at_cut = np.abs(level.height(piece.vertices) - cut) < _SLACK * tolerance
    near = np.flatnonzero(at_cut[piece.faces].sum(1) >= 2)
    if not len(near):
        return piece
    welded = welded_faces(piece, tolerance)
    which, corner = open_edges(welded[near])
    face = near[which]
    a, b = piece.faces[face, corner], piece.faces[face, (corner + 1) % 3]
    is_contact = at_cut[a] & at_cut[b]
    a, b, face, corner = a[is_contact], b[is_contact], face[is_contact], corner[is_contact]
    if not len(a):
        return piece
    ends = np.unique(np.concatenate([a, b]))
    drawn = with_points(piece, np.stack([ends, ends], 1), np.zeros(len(ends)), faces=piece.faces)
    first = len(piece.vertices)
    drawn.vertices[first:] -= level.height(drawn.vertices[first:])[:, None] * level.normal
    below = np.empty(first, np.int64)
    below[ends] = first + np.arange(len(ends))
    skirt = np.concatenate([np.stack([b, a, below[a]], 1), np.stack([b, below[a], below[b]], 1)])
    skirt = skirt if cut > 0 else skirt[:0]
    closed = TriangleMesh(
        drawn.vertices,
        np.concatenate([drawn.faces, skirt]).astype(np.int32),
        drawn.colors,
        drawn.uvs,
        drawn.texture,
    )
    for loop in _loops(welded[face, corner], welded[face, (corner + 1) % 3], below[a], below[b]):
        closed = _with_lid(closed, loop, level)
    return chosen(closed, np.arange(len(closed.faces)))


def _loops(starts: np.ndarray, ends: np.ndarray, first: np.ndarray, last: np.ndarray) -> list[np.ndarray]:
    """Chains of vertices along directed edges start -> end, open ones from their first edge to the end of their last.

    `first` and `last` [n]: the vertices of each edge.
    """
    following = dict(zip(starts.tolist(), range(len(starts)), strict=True))
    entered = set(ends.tolist())
    order = sorted(range(len(starts)), key=lambda edge: int(starts[edge]) in entered)
    is_used = np.zeros(len(starts), bool)
    loops = []
    for edge in order:
        loop = []
        at: int | None = edge
        while at is not None and not is_used[at]:
            is_used[at] = True
            loop.append(int(first[at]))
            before, at = at, following.get(int(ends[at]))
            if at is None:
                loop.append(int(last[before]))
        if len(loop) >= 3:
            loops.append(np.array(loop))
    return loops


def _with_lid(mesh: TriangleMesh, loop: np.ndarray, level: Level) -> TriangleMesh:
    """The mesh with a loop of its vertices on a plane shut, seen from below; all of the lid has the colour of one vertex."""
    triangles = _inside(mesh.vertices[loop] @ plane_axes(level.normal).T)
    lid = with_points(mesh, np.stack([loop, loop], 1), np.zeros(len(loop)), faces=mesh.faces)
    first = len(mesh.vertices)
    for values in (lid.colors, lid.uvs):
        if values is not None:
            values[first:] = values[first]
    faces = np.concatenate([mesh.faces, first + triangles]).astype(np.int32)
    return TriangleMesh(lid.vertices, faces, lid.colors, lid.uvs, lid.texture)


def _inside(flat: np.ndarray) -> np.ndarray:
    """Triangles [k, 3], clockwise, over the inside of a polygon [n, 2]."""
    try:
        triangles = Delaunay(flat).simplices
    except (QhullError, ValueError):
        return np.zeros((0, 3), np.int32)
    outline = flat.astype(np.float32).reshape(-1, 1, 2)
    middles = flat[triangles].mean(1)
    is_inside = [cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0 for x, y in middles]
    triangles = triangles[np.array(is_inside, bool)]
    u, v = (flat[triangles[:, i]] - flat[triangles[:, 0]] for i in (1, 2))
    is_left = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] > 0
    triangles[is_left] = triangles[is_left][:, ::-1]
    return triangles
