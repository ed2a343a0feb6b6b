"""Triangle meshes in PLY: vertices, optional RGB colours, triangles. Binary little endian when written."""

from pathlib import Path

import numpy as np

from recon.formats.ply import RGB, positions_of, read_tables, write_tables
from recon.geometry.mesh import TriangleMesh
from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, read_bytes

_FACE = np.dtype([("vertex_indices_count", "u1"), ("vertex_indices", "<i4", (3,))])


def write_ply(path: Path, mesh: TriangleMesh) -> None:
    """Write vertices (float32, world units), vertex colours where the mesh has them, and faces; atomically."""
    fields = [(axis, "<f4") for axis in "xyz"] + [(name, "u1") for name in RGB if mesh.colors is not None]
    vertices, faces = np.empty(len(mesh.vertices), fields), np.empty(len(mesh.faces), _FACE)
    for i, axis in enumerate("xyz"):
        vertices[axis] = mesh.vertices[:, i]
    for i, name in enumerate(RGB if mesh.colors is not None else ()):
        vertices[name] = mesh.colors[:, i]  # type: ignore[index]
    faces["vertex_indices_count"], faces["vertex_indices"] = 3, mesh.faces
    write_tables(path, {"vertex": vertices, "face": faces})


def read_ply(path: Path) -> TriangleMesh:
    """Read a PLY of triangles, binary or text; other properties than position, colour and faces are dropped.

    Raises `UserError` for anything else, before it allocates more than the file's own size.
    """
    try:
        return _mesh(read_tables(read_bytes(path, at_most=MAX_MESH_BYTES), until="face"))
    except ValueError as error:
        raise UserError(f"{path}: expected a PLY of triangles, found {error}. Export it again so.") from error


def _mesh(tables: dict[str, np.ndarray]) -> TriangleMesh:
    if "vertex" not in tables or "face" not in tables:
        raise ValueError("no vertices or no faces")
    vertex, face = tables["vertex"], tables["face"]
    name = next((name for name in face.dtype.names or () if face.dtype[name].shape == (3,)), None)
    if name is None:
        raise ValueError("faces without a list of corners")
    vertices, faces = positions_of(vertex), face[name].astype(np.int64)
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise ValueError("faces that name missing vertices")
    if not np.isfinite(vertices).all():
        raise ValueError("positions that are not finite")
    has_colors = set(RGB) <= set(vertex.dtype.names or ()) and vertex["red"].dtype == np.uint8
    colors = np.stack([vertex[name] for name in RGB], -1) if has_colors else None
    return TriangleMesh(vertices, faces.astype(np.int32), colors)
