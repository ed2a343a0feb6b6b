"""The concave collision mesh: the visual surface, cleaned and simplified within a bound that is then measured."""

import numpy as np
from scipy import sparse

from recon.geometry.face_graph import edges_of
from recon.geometry.mesh import TriangleMesh
from recon.geometry.open3d_import import import_open3d
from recon.kernels.surfaces import AskedSurface
from recon.workspace.console import warn

_MOST_PIECES = 2000  # connected ones: a scan has some hundreds


def simplified(mesh: TriangleMesh, *, deviation: float, max_faces: int) -> TriangleMesh:
    """The simplest mesh whose surface stays within `deviation` (its units) of a clean `mesh`, by measure.

    Above `max_faces` it is simplified on, whatever that costs. Open borders are kept.
    """
    if not len(mesh.faces):
        return mesh
    clean = _compact(mesh.vertices, mesh.faces)
    points = _probe_points(clean)
    # Quadric errors are weighted by area, so no closed form gives metres: try from coarse to fine and measure.
    extent = float(np.linalg.norm(np.ptp(clean.vertices, axis=0)))
    best = clean
    for fraction in np.geomspace(1e-2, 1e-7, 11):
        candidate = _simplify(clean, target=4, error=fraction * (deviation * extent) ** 2)
        if len(candidate.faces) and _deviation(candidate, points) <= deviation:
            best = candidate
            break
    return _simplify(best, target=max_faces, error=np.inf) if len(best.faces) > max_faces else best


def clean_mesh(mesh: TriangleMesh, *, smallest: float) -> TriangleMesh:
    """Without colours, duplicate vertices and faces, degenerate faces, and pieces whose extent is under `smallest`.

    Of more than two thousand pieces those under its square in area go as well, then all but the two thousand largest, with a
    warning: the others are crumbs.
    """
    o3d = import_open3d()
    finite = np.asarray(np.isfinite(mesh.vertices).all(axis=1))
    faces = mesh.faces[finite[mesh.faces].all(1)]
    work = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(np.where(finite[:, None], mesh.vertices, 0.0)), o3d.utility.Vector3iVector(faces)
    )
    work.merge_close_vertices(1e-3 * smallest)
    work.remove_degenerate_triangles()
    work.remove_duplicated_triangles()
    vertices, faces = np.asarray(work.vertices), np.asarray(work.triangles)
    if not len(faces):
        return TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    piece = np.asarray(work.cluster_connected_triangles()[0])
    low, high = (np.full((piece.max() + 1, 3), fill) for fill in (np.inf, -np.inf))
    corners = vertices[faces]
    np.minimum.at(low, piece, corners.min(1))
    np.maximum.at(high, piece, corners.max(1))
    areas = np.bincount(piece, TriangleMesh(vertices, faces.astype(np.int32)).face_areas)
    is_kept = np.linalg.norm(high - low, axis=1) >= smallest
    if is_kept.sum() > _MOST_PIECES:
        is_kept &= areas >= smallest**2
    if is_kept.sum() > _MOST_PIECES:
        largest = np.argsort(-np.where(is_kept, areas, -1), kind="stable")[:_MOST_PIECES]
        warn(
            f"the mesh is in {is_kept.sum()} pieces: contact geometry and things are made from the {_MOST_PIECES} largest. "
            "A better mesh has fewer: train longer."
        )
        is_kept = np.isin(np.arange(len(areas)), largest)
    return _compact(vertices, faces[is_kept[piece]])


def welded(mesh: TriangleMesh, tolerance: float) -> TriangleMesh:
    """The faces over one vertex for all at one place, which textures split; faces without three corners are gone."""
    places, index = np.unique(
        np.round(mesh.vertices / (1e-3 * tolerance)).astype(np.int64), axis=0, return_inverse=True
    )
    vertices = np.zeros((len(places), 3))
    vertices[index.reshape(-1)] = mesh.vertices
    faces = index.reshape(-1)[mesh.faces]
    is_whole = (faces != np.roll(faces, 1, axis=1)).all(1)
    return _compact(vertices, faces[is_whole])


def _compact(vertices: np.ndarray, faces: np.ndarray) -> TriangleMesh:
    """Only the vertices that faces use."""
    used, index = np.unique(faces, return_inverse=True)
    return TriangleMesh(vertices[used].astype(float), index.reshape(-1, 3).astype(np.int32))


def _simplify(mesh: TriangleMesh, *, target: int, error: float) -> TriangleMesh:
    o3d = import_open3d()
    work = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices), o3d.utility.Vector3iVector(mesh.faces)
    ).simplify_quadric_decimation(target, maximum_error=error)
    work.remove_degenerate_triangles()
    return _compact(np.asarray(work.vertices), np.asarray(work.triangles))


def _probe_points(mesh: TriangleMesh, *, at_most: int = 200_000) -> np.ndarray:
    """Vertices and face centres [n, 3] of the original surface, thinned evenly."""
    points = np.concatenate([mesh.vertices, mesh.vertices[mesh.faces].mean(1)])
    return points[:: max(1, len(points) // at_most)]


def _deviation(candidate: TriangleMesh, points: np.ndarray) -> float:
    """Distance that 99.9 % of the original points keep: single spikes of a scan may go."""
    return float(np.quantile(AskedSurface(candidate).distance(points), 0.999))


def faired(mesh: TriangleMesh, *, bound: float, rounds: int = 10) -> TriangleMesh:
    """The mesh with every vertex drawn to the middle of its neighbours, by no more than `bound`.

    The noise of a scan is bumps that each want a convex part of their own; half a tolerance of fairing takes most away.
    """
    edges = edges_of(mesh.faces)
    pairs = np.concatenate([edges, edges[:, ::-1]])
    adjacent = sparse.coo_matrix((np.ones(len(pairs)), pairs.T), (len(mesh.vertices),) * 2).tocsr()
    adjacent.data[:] = 1
    count = np.maximum(np.asarray(adjacent.sum(1)), 1)
    moved = mesh.vertices
    for _ in range(rounds):
        offset = (moved + adjacent @ moved / count) / 2 - mesh.vertices
        length = np.linalg.norm(offset, axis=1, keepdims=True)
        moved = mesh.vertices + offset * np.minimum(1, bound / np.maximum(length, 1e-12))
    return TriangleMesh(moved, mesh.faces)
