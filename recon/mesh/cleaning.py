"""What is removed from a fused surface, and what is mended: contradicted faces, crumbs, bad edges, small holes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Evidence, TriangleMesh
from recon.geometry.face_graph import edges_of, pieces_by_vertices
from recon.geometry.mesh import chosen
from recon.mesh.agreement import no_votes, vote, weighed_vote
from recon.mesh.depth_maps import DepthMap

_BY_PLANES = (Evidence.INVENTED, Evidence.FILLED, Evidence.PLANE)
_VOUCHED = 0.01  # of a piece's area that is known by more, at least


def keep_faces(mesh: TriangleMesh, keep: NDArray[np.bool_]) -> TriangleMesh:
    """The mesh with the faces [f] marked, and only the vertices they use (positions only: colours come later)."""
    assert mesh.colors is None and mesh.uvs is None
    return chosen(mesh, keep)


def drop_contradicted(mesh: TriangleMesh, maps: Sequence[DepthMap], *, tolerance: float, voxel: float) -> TriangleMesh:
    """Without the faces that more views look through than confirm: floaters, and skins behind the truncation."""
    return keep_faces(mesh, ~_is_contradicted(mesh, maps, tolerance=tolerance, margin=voxel))


def undo_contradicted(
    moved: TriangleMesh, before: TriangleMesh, maps: Sequence[DepthMap], *, tolerance: float, voxel: float
) -> TriangleMesh:
    """The moved mesh with those corners put back to where they were `before` whose faces views look through only since."""
    now, then = (_is_contradicted(mesh, maps, tolerance=tolerance, margin=voxel) for mesh in (moved, before))
    wrong = np.unique(moved.faces[now & ~then])
    vertices = moved.vertices.copy()
    vertices[wrong] = before.vertices[wrong]
    return replace(moved, vertices=vertices)


def _is_contradicted(
    mesh: TriangleMesh, maps: Sequence[DepthMap], *, tolerance: float, margin: float
) -> NDArray[np.bool_]:
    """The faces [f] through whose middles more views look than confirm them."""
    votes = no_votes(len(mesh.faces))
    middle = mesh.vertices[mesh.faces].mean(1)
    for view in maps:
        votes = votes + weighed_vote(middle, view, tolerance=tolerance, margin=margin)
    return votes.contradicting > votes.agreeing


def drop_crumbs(mesh: TriangleMesh, *, min_area_fraction: float) -> TriangleMesh:
    """Without the connected components below a share of the whole area."""
    label = pieces_by_vertices(mesh.faces)
    areas = np.bincount(label, mesh.face_areas)
    return keep_faces(mesh, areas[label] >= min_area_fraction * areas.sum())


def is_witnessed(mesh: TriangleMesh, evidence: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which faces [f], with their `Evidence`, lie in connected pieces of which some part is known by more than planes.

    A plane is right as far as it joins what was matched or seen. Where pixels are blank it is a guess, and an island of it that
    nothing else vouches for is a wrong one: a floor far below a road that was to explain the road's own blank pixels.
    """
    label = pieces_by_vertices(mesh.faces)
    areas = mesh.face_areas
    vouching = np.where(np.isin(evidence, _BY_PLANES), 0.0, areas)
    whole, vouched = (np.bincount(label, each) for each in (areas, vouching))
    return np.asarray((vouched >= _VOUCHED * whole)[label])


def drop_bad_faces(mesh: TriangleMesh) -> TriangleMesh:
    """Without degenerate and repeated faces, and with at most two faces on every edge (the largest stay)."""
    faces, areas = mesh.faces, mesh.face_areas
    distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    keep = distinct & (areas > 1e-12 * areas.mean())
    first = np.zeros(len(faces), bool)
    first[np.unique(np.sort(faces, 1), axis=0, return_index=True)[1]] = True
    mesh = keep_faces(mesh, keep & first)
    rank = np.argsort(np.argsort(-mesh.face_areas, kind="stable"), kind="stable")  # 0 = largest
    _, edge = np.unique(_edges(mesh.faces), axis=0, return_inverse=True)
    edge, face = edge.reshape(-1), np.tile(np.arange(len(mesh.faces)), 3)
    order = np.lexsort((rank[face], edge))
    starts = np.flatnonzero(np.diff(edge[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    keep = np.ones(len(mesh.faces), bool)
    keep[face[order[place >= 2]]] = False
    return keep_faces(mesh, keep)


def fill_holes(
    mesh: TriangleMesh, maps: Sequence[DepthMap], *, max_perimeter: float, tolerance: float, voxel: float
) -> tuple[TriangleMesh, int]:
    """Close simple boundary loops up to `max_perimeter` (world units) by a fan, unless views look through them.

    Returns the mesh and the number of holes closed.
    """
    loops = [loop for loop in boundary_loops(mesh) if _perimeter(mesh.vertices[loop]) <= max_perimeter]
    if not loops:
        return mesh, 0
    middles = np.stack([mesh.vertices[loop].mean(0) for loop in loops])
    votes = no_votes(len(loops))
    for view in maps:
        votes = votes + vote(middles, view, tolerance=tolerance, margin=voxel)
    closed = np.flatnonzero(votes.contradicting <= votes.agreeing)
    fans = [
        np.stack([np.roll(loops[i], -1), loops[i], np.full(len(loops[i]), len(mesh.vertices) + k)], -1)
        for k, i in enumerate(closed)
    ]
    faces = np.concatenate([mesh.faces, *fans]).astype(np.int32)
    return TriangleMesh(np.concatenate([mesh.vertices, middles[closed]]), faces), len(closed)


def boundary_loops(mesh: TriangleMesh) -> list[NDArray[np.int64]]:
    """Simple closed loops of vertices along edges that have one face, in the direction of their faces.

    Where boundaries touch in a vertex, a walk that comes by again has closed a loop: it is cut off, and the walk goes on.
    """
    directed = edges_of(mesh.faces).astype(np.int64)
    key = directed[:, 0] * len(mesh.vertices) + directed[:, 1]
    opposite = directed[:, 1] * len(mesh.vertices) + directed[:, 0]
    following: dict[int, list[int]] = {}
    for start, end in directed[~np.isin(key, opposite)].tolist():
        following.setdefault(start, []).append(end)
    loops = []
    for start in list(following):
        walk, places = [start], {start: 0}
        while following.get(walk[-1]):
            vertex = following[walk[-1]].pop()
            if vertex in places:
                loop = walk[places[vertex] :]
                if len(loop) >= 3:
                    loops.append(np.array(loop))
                for passed in loop[1:]:
                    del places[passed]
                del walk[places[vertex] + 1 :]
            else:
                places[vertex] = len(walk)
                walk.append(vertex)
    return loops


def watertight_fraction(mesh: TriangleMesh) -> float:
    """Share of the edges that have exactly two faces."""
    if not len(mesh.faces):
        return 0.0
    _, counts = np.unique(_edges(mesh.faces), axis=0, return_counts=True)
    return float((counts == 2).mean())


def _edges(faces: NDArray) -> NDArray:
    """Undirected edges [3 f, 2]: first of all faces, then second, then third."""
    return np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)


def _perimeter(ring: NDArray) -> float:
    """Length of a closed ring of points [n, 3]."""
    return float(np.linalg.norm(ring - np.roll(ring, -1, 0), axis=1).sum())
