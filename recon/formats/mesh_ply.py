"""Stanford PLY, binary little endian: vertices, optional RGB colours, triangles."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.errors import UserError
from recon.geometry.mesh import TriangleMesh
from recon.workspace import replace_file
from recon.workspace.reading import MAX_MESH_BYTES, read_bytes

_SIZES = {"i1": "char int8", "u1": "uchar uint8", "<i2": "short int16", "<u2": "ushort uint16", "<i4": "int int32"}
_SIZES |= {"<u4": "uint uint32", "<f4": "float float32", "<f8": "double float64"}
_TYPES = {name: code for code, names in _SIZES.items() for name in names.split()}
_MAX_HEADER = 1 << 16  # bytes; real headers are under 1 kB


def write_ply(path: Path, mesh: TriangleMesh) -> None:
    """Write vertices (float32, world units), vertex colours where the mesh has them, and faces; atomically."""
    fields: list[tuple[str, str]] = [("x", "<f4"), ("y", "<f4"), ("z", "<f4")]
    lines = [f"property float {axis}" for axis in "xyz"]
    if mesh.colors is not None:
        fields += [("red", "u1"), ("green", "u1"), ("blue", "u1")]
        lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    vertices = np.empty(len(mesh.vertices), dtype=fields)
    for i, axis in enumerate("xyz"):
        vertices[axis] = mesh.vertices[:, i]
    if mesh.colors is not None:
        for i, name in enumerate(("red", "green", "blue")):
            vertices[name] = mesh.colors[:, i]
    faces = np.empty(len(mesh.faces), dtype=[("n", "u1"), ("v", "<i4", (3,))])
    faces["n"], faces["v"] = 3, mesh.faces
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}", *lines]
    header += [f"element face {len(faces)}", "property list uchar int vertex_indices", "end_header", ""]
    with replace_file(path) as temporary, temporary.open("wb") as file:
        file.write("\n".join(header).encode("ascii"))
        file.write(vertices.tobytes())
        file.write(faces.tobytes())


def read_ply(path: Path) -> TriangleMesh:
    """Read a binary little-endian PLY of triangles; other properties than position, colour and faces are dropped.

    Raises `UserError` for anything else, before it allocates more than the file's own size.
    """
    data = read_bytes(path, at_most=MAX_MESH_BYTES)
    elements, offset = _parse_header(path, data[:_MAX_HEADER])
    tables: dict[str, NDArray] = {}
    for name, count, dtype in elements:
        size = count * dtype.itemsize
        if offset + size > len(data):
            raise _junk(path, f"the file ends inside element {name!r} ({count} announced)")
        tables[name] = np.frombuffer(data, dtype, count, offset)
        offset += size
    return _assemble(path, tables)


def _parse_header(path: Path, head: bytes) -> tuple[list[tuple[str, int, np.dtype]], int]:
    """Elements as (name, count, record type) in file order, and where their data starts."""
    if not head.startswith(b"ply"):
        raise _junk(path, "no 'ply' at its start")
    end = head.find(b"end_header")
    newline = head.find(b"\n", end)
    if end < 0 or newline < 0:
        raise _junk(path, "no end_header")
    elements: list[tuple[str, int, list]] = []
    try:
        for line in head[:end].decode("ascii", "replace").splitlines()[1:]:
            words = line.split()
            match words[:1]:
                case ["format"] if words[1] != "binary_little_endian":
                    raise _junk(path, f"format {words[1]}")
                case ["element"]:
                    elements.append((words[1], int(words[2]), []))
                case ["property"] if words[1] == "list":  # triangles only: a fixed record, checked in _assemble
                    elements[-1][2].extend([("n", _TYPES[words[2]]), ("v", _TYPES[words[3]], (3,))])
                case ["property"]:
                    elements[-1][2].append((words[2], _TYPES[words[1]]))
        if any(count < 0 for _, count, _ in elements):
            raise ValueError("negative count")
        return [(name, count, np.dtype(fields)) for name, count, fields in elements], newline + 1
    except (IndexError, KeyError, ValueError) as error:
        raise _junk(path, f"a header that does not parse ({error!r})") from error


def _assemble(path: Path, tables: dict[str, NDArray]) -> TriangleMesh:
    vertex, face = tables.get("vertex"), tables.get("face")
    if vertex is None or face is None or not {"x", "y", "z"} <= set(vertex.dtype.names or ()):
        raise _junk(path, "no vertex positions or no faces")
    if "v" not in (face.dtype.names or ()) or (face["n"] != 3).any():
        raise _junk(path, "faces that are not triangles")
    vertices = np.stack([vertex[axis].astype(np.float64) for axis in "xyz"], -1)
    faces = face["v"].astype(np.int64)
    if faces.size and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise _junk(path, "faces that name missing vertices")
    if not np.isfinite(vertices).all():
        raise _junk(path, "positions that are not finite")
    rgb = ("red", "green", "blue")
    has_colors = set(rgb) <= set(vertex.dtype.names or ()) and vertex["red"].dtype == np.uint8
    colors = np.stack([vertex[name] for name in rgb], -1) if has_colors else None
    return TriangleMesh(vertices, faces.astype(np.int32), colors)


def _junk(path: Path, found: str) -> UserError:
    return UserError(f"{path}: expected a binary little-endian PLY of triangles, found {found}. Export it again so.")
