"""Sparse coloured points in a PLY file: binary little endian when written; ASCII and binary when read.

Reading trusts no number of the header: a count larger than the file holds is an error, not an allocation.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.errors import UserError
from recon.geometry.reconstruction import Points
from recon.workspace import replace_file
from recon.workspace.reading import MAX_MESH_BYTES, read_bytes

_RECORD = np.dtype([*((axis, "<f8") for axis in "xyz"), *((name, "u1") for name in ("red", "green", "blue"))])
_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float": "f4",
    "double": "f8",
    "float32": "f4",
    "float64": "f8",
}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = 1 << 16  # bytes; real headers are under 1 kB


def write_points(path: Path, points: Points) -> None:
    """Write positions (float64, world units) and colours, atomically."""
    table = np.empty(len(points.positions), dtype=_RECORD)
    for i, axis in enumerate("xyz"):
        table[axis] = points.positions[:, i]
    for i, name in enumerate(("red", "green", "blue")):
        table[name] = points.colors[:, i]
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property double {axis}" for axis in "xyz"]
    header += [f"property uchar {name}" for name in ("red", "green", "blue")]
    with replace_file(path) as temporary:
        temporary.write_bytes("\n".join([*header, "end_header", ""]).encode("ascii") + table.tobytes())


def read_points(path: Path) -> Points:
    """The vertices of a PLY file; grey where it has no colours. Points that are not finite are dropped.

    Raises `UserError` when the file is not a PLY, is cut off, or has no positions.
    """
    table = _vertices(path, read_bytes(path, at_most=MAX_MESH_BYTES))
    if not {"x", "y", "z"} <= set(table.dtype.names or ()):
        raise _junk(path, "vertices without x, y, z")
    positions = np.stack([table[axis].astype(np.float64) for axis in "xyz"], -1)
    rgb = ("red", "green", "blue")
    if set(rgb) <= set(table.dtype.names or ()):
        colors = np.stack([table[name] for name in rgb], -1)
        colors = (colors * 255 if colors.dtype.kind == "f" else colors).clip(0, 255).astype(np.uint8)
    else:
        colors = np.full(positions.shape, 128, np.uint8)
    finite = np.isfinite(positions).all(-1)
    return Points(positions[finite], colors[finite])


def _vertices(path: Path, data: bytes) -> NDArray:
    """The first element of the file, which must be its vertices, as a table."""
    end = data.find(b"end_header", 0, _MAX_HEADER)
    start = data.find(b"\n", end) + 1
    if not data.startswith(b"ply") or end < 0 or start == 0:
        raise _junk(path, "no PLY header")
    order, count, fields = _parse_header(path, data[:end].decode("ascii", "replace"))
    if order == "":
        record = np.dtype([(name, "f8") for name, _ in fields])
        lines = data[start:].split(b"\n", count)[:count] if count <= len(data) else []
        try:
            rows = [tuple(float(word) for word in line.split()[: len(fields)]) for line in lines]
            if len(rows) != count:
                raise ValueError(f"{len(rows)} of {count} vertices")
            table = np.array(rows, dtype=record)
        except (ValueError, TypeError) as error:
            raise _junk(path, f"text that does not parse ({error})") from error
        return table.astype([(name, kind) for name, kind in fields])
    record = np.dtype([(name, order + kind) for name, kind in fields])
    if count * record.itemsize > len(data) - start:
        raise _junk(path, f"a file that ends early ({count} vertices announced)")
    return np.frombuffer(data, record, count, start)


def _parse_header(path: Path, header: str) -> tuple[str, int, list[tuple[str, str]]]:
    """Byte order ("" for text), vertex count and (name, type) of each vertex property."""
    order, count, element = None, -1, 0
    fields: list[tuple[str, str]] = []
    try:
        for words in (line.split() for line in header.splitlines()[1:]):
            if words[:1] == ["format"]:
                order = _ORDERS[words[1]]
            elif words[:1] == ["element"]:
                element += 1
                if element == 1 and words[1] == "vertex":
                    count = int(words[2])
            elif words[:1] == ["property"] and element == 1:
                fields.append((words[2], _TYPES[words[1]]))
    except (IndexError, KeyError, ValueError) as error:
        raise _junk(path, f"a header that does not parse ({error!r})") from error
    if len({name for name, _ in fields}) < len(fields):
        raise _junk(path, "a property that comes twice")
    if order is None or count < 0:
        raise _junk(path, "no vertices first in the file")
    return order, count, fields


def _junk(path: Path, found: str) -> UserError:
    return UserError(f"{path}: expected a PLY file of points, found {found}. Export it again or leave it out.")
