"""Sparse coloured points in a PLY file: binary little endian when written; ASCII and binary when read."""

from pathlib import Path

import numpy as np

from recon.formats.ply import RGB, positions_of, read_tables, write_tables
from recon.geometry.points import Points
from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, read_bytes

_RECORD = np.dtype([*((axis, "<f8") for axis in "xyz"), *((name, "u1") for name in RGB)])


def write_points(path: Path, points: Points) -> None:
    """Write positions (float64, world units) and colours, atomically."""
    table = np.empty(len(points.positions), dtype=_RECORD)
    for i, axis in enumerate("xyz"):
        table[axis] = points.positions[:, i]
    for i, name in enumerate(RGB):
        table[name] = points.colors[:, i]
    write_tables(path, {"vertex": table})


def read_points(path: Path) -> Points:
    """The vertices of a PLY file; grey where it has no colours. Points that are not finite are dropped.

    Raises `UserError` when the file is not a PLY, is cut off, or has no positions.
    """
    try:
        tables = read_tables(read_bytes(path, at_most=MAX_MESH_BYTES), until="vertex")
        if "vertex" not in tables:
            raise ValueError("no vertices")
        table = tables["vertex"]
        positions = positions_of(table)
    except ValueError as error:
        raise UserError(
            f"{path}: expected a PLY file of points, found {error}. Export it again or leave it out."
        ) from error
    if set(RGB) <= set(table.dtype.names or ()):
        colors = np.stack([table[name] for name in RGB], -1)
        colors = (colors * 255 if colors.dtype.kind == "f" else colors).clip(0, 255).astype(np.uint8)
    else:
        colors = np.full(positions.shape, 128, np.uint8)
    finite = np.isfinite(positions).all(-1)
    return Points(positions[finite], colors[finite])
