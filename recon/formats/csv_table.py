"""A table of poses as rows by column name: the header checked, cells as numbers, mistakes told with file, line and column.

Columns of the centre, the turn and the last row of a matrix have names here; what they mean: `csv_poses`.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from recon.formats.gathering import LostPoseError
from recon.formats.text_tables import finite
from recon.geometry.lenses import COEFFICIENTS
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError
from recon.workspace.reading import read_text

CENTER = (("x", "y", "z"), ("r03", "r13", "r23"))
QUATERNION = ("qw", "qx", "qy", "qz")
ROTATION = tuple(f"r{i}{j}" for i in range(3) for j in range(3))
LAST_ROW = ("r30", "r31", "r32", "r33")
_KNOWN = {
    *("image", "model", "fx", "fy", "cx", "cy", "time", "split", "mask"),
    *(*CENTER[0], *CENTER[1], *QUATERNION, *ROTATION, *LAST_ROW),
    *COEFFICIENTS,
}
_LOST = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
_ZERO = re.compile(r"[+-]?0*\.?0*(e[+-]?[0-9]+)?", re.IGNORECASE)


class Row:
    """One row by column name; empty cells count as absent. Errors name file, line and column."""

    def __init__(self, file: Path, line: int, cells: Mapping[str, str]) -> None:
        self.file, self.label, self.header = file, f"{file}, line {line}", tuple(cells)
        self.cells = {name: cell.strip() for name, cell in cells.items() if cell.strip()}

    def __contains__(self, name: str) -> bool:
        return name in self.cells

    def number(self, name: str) -> float:
        if name not in self.cells:
            raise UserError(f"{self.label}, column {name}: the cell is empty. Fill it or delete the line.")
        return finite(self.cells[name], f"{self.label}, column {name}")

    def numbers(self, names: tuple[str, ...]) -> Array:
        return np.array([self.number(name) for name in names])

    def check_posed(self, names: tuple[str, ...]) -> None:
        """Raise `LostPoseError` where a cell of a pose is NaN or infinite, or its turn is all zeros."""
        for name in names:
            if _LOST.fullmatch(self.cells.get(name, "")):
                raise LostPoseError(f"{self.label}, column {name}: the pose holds {self.cells[name]}. Delete the line.")
        turn = [self.cells.get(name, "1") for name in (*QUATERNION, *ROTATION) if name in self.header]
        if all(_ZERO.fullmatch(cell) for cell in turn):
            raise LostPoseError(f"{self.label}: the pose is all zeros. Correct it or delete the line.")

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        cell = self.cells.get(name)
        if cell is not None and cell not in allowed:
            raise UserError(f"{self.label}, column {name}: expected {' or '.join(allowed)}, found {cell!r}.")
        return cell


def read_table(file: Path) -> list[Row]:
    """The rows of the table, its header checked."""
    lines = read_text(file).splitlines()
    try:
        delimiter = _delimiter(lines[0] if lines else "")
        table = csv.reader(lines, strict=True, delimiter=delimiter)
        header = [name.strip().lower() for name in next(table, [])]
        _check_header(file, header)
        rows = []
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{file}, line {table.line_num}: {len(cells)} cells, the header has {len(header)}. Correct the line."
                )
            cells = cells if delimiter == "," else [_with_point(cell) for cell in cells]
            rows.append(Row(file, table.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise UserError(f"{file}, line {table.line_num}: not a CSV ({error}). Export it again.") from error
    if not rows:
        raise UserError(f"{file}: holds no rows below its header. Export it again.")
    return rows


def _delimiter(header: str) -> str:
    """What separates the columns: a comma, or the semicolon or tab that spreadsheets write in other countries."""
    return max(",;\t", key=header.count)


def _with_point(cell: str) -> str:
    """A number with a decimal comma, as the same spreadsheets write it, with a point; anything else as it is."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def _check_header(file: Path, header: list[str]) -> None:
    """Every column known and named once, and the pose given in exactly one way."""
    unknown = [name for name in header if name not in _KNOWN]
    if unknown or len(set(header)) < len(header):
        what = f"unknown column {unknown[0]!r}" if unknown else "a column that comes twice"
        raise UserError(f"{file}, line 1: {what}; expected image,x,y,z,qw,qx,qy,qz and more as in docs/conventions.md.")
    centers = sum(set(names) <= set(header) for names in CENTER)
    rotations = sum(set(names) <= set(header) for names in (QUATERNION, ROTATION))
    if "image" not in header or centers != 1 or rotations != 1:
        raise UserError(
            f"{file}, line 1: expected the columns image; x,y,z or r03,r13,r23; qw,qx,qy,qz or r00 to r22; found "
            f"{','.join(header)}."
        )
