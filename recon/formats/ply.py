"""Stanford PLY as tables: its header, and each element's rows as a structured array. What they mean, meshes and points say.

Reading trusts no number of the header: a count larger than the file holds is an error, not an allocation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.workspace import replace_file

_SIZES = {"i1": "char int8", "u1": "uchar uint8", "i2": "short int16", "u2": "ushort uint16", "i4": "int int32"}
_SIZES |= {"u4": "uint uint32", "f4": "float float32", "f8": "double float64"}
_TYPES = {name: code for code, names in _SIZES.items() for name in names.split()}
_NAMES = {code: names.split()[0] for code, names in _SIZES.items()}
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER = 1 << 16  # bytes; real headers are under 1 kB
RGB = ("red", "green", "blue")


@dataclass(frozen=True)
class _Element:
    """What the header announces; a list of triangles is the fields NAME_count and NAME, three numbers."""

    name: str
    count: int
    fields: list[tuple]  # as numpy wants them, of the file's byte order

    @property
    def record(self) -> np.dtype:
        return np.dtype(self.fields)  # ValueError for a property that comes twice


def read_tables(data: bytes, *, until: str) -> dict[str, NDArray]:
    """The rows of each element [count] by its name, in the file's order; elements behind `until` are not looked at.

    Lists must have three entries in every row. Raises `ValueError` saying what was found instead of a whole PLY.
    """
    order, elements, start = _header(data)
    tables: dict[str, NDArray] = {}
    for element in elements:
        read = _text_rows if order == "" else _binary_rows
        tables[element.name], start = read(data, element, start)
        for name in element.record.names or ():
            if name.endswith("_count") and (tables[element.name][name] != 3).any():
                raise ValueError(
                    f"lists of {element.name} that have not three entries, so faces that are not triangles"
                )
        if element.name == until:
            break
    return tables


def write_tables(path: Path, tables: Mapping[str, NDArray]) -> None:
    """Write binary little-endian elements, atomically: structured arrays whose fields are numbers, or `_count` and three."""
    lines = ["ply", "format binary_little_endian 1.0"]
    for element, table in tables.items():
        lines.append(f"element {element} {len(table)}")
        names = table.dtype.names or ()
        for name in names:
            code = table.dtype[name].base.str.lstrip("<|")
            if f"{name}_count" in names:
                lines.append(f"property list uchar {_NAMES[code]} {name}")
            elif not name.endswith("_count"):
                lines.append(f"property {_NAMES[code]} {name}")
    with replace_file(path) as temporary, temporary.open("wb") as file:
        file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
        for table in tables.values():
            file.write(table.tobytes())


def positions_of(table: NDArray) -> NDArray[np.float64]:
    """x, y, z of vertices as [n, 3]; `ValueError` where they have none."""
    if not {"x", "y", "z"} <= set(table.dtype.names or ()):
        raise ValueError("vertices without x, y, z")
    return np.stack([table[axis].astype(np.float64) for axis in "xyz"], -1)


def _header(data: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("" for text), the elements, and where their rows begin."""
    end = data.find(b"end_header", 0, _MAX_HEADER)
    start = data.find(b"\n", end) + 1
    if not data.startswith(b"ply") or end < 0 or start == 0:
        raise ValueError("no PLY header")
    order: str | None = None
    elements: list[_Element] = []
    try:
        for words in (line.split() for line in data[:end].decode("ascii", "replace").splitlines()[1:]):
            match words[:2]:
                case ["format", name]:
                    order = _ORDERS[name]
                case ["element", name]:
                    elements.append(_Element(name, int(words[2]), []))
                case ["property", "list"]:
                    count, item, name = words[2:5]
                    fields = (f"{name}_count", f"{order}{_TYPES[count]}"), (name, f"{order}{_TYPES[item]}", (3,))
                    elements[-1].fields.extend(fields)
                case ["property", kind]:
                    elements[-1].fields.append((words[2], f"{order}{_TYPES[kind]}"))
        if order is None or any(element.count < 0 for element in elements):
            raise ValueError("no format or a negative count")
        for element in elements:
            _ = element.record
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a header that does not parse ({error!r})") from error
    return order, elements, start


def _binary_rows(data: bytes, element: _Element, start: int) -> tuple[NDArray, int]:
    end = start + element.count * element.record.itemsize
    if end > len(data):
        raise ValueError(f"a file that ends early: inside {element.name} ({element.count} announced)")
    if not element.record.itemsize:
        return np.zeros(element.count if element.count <= len(data) else 0, element.record), start
    return np.frombuffer(data, element.record, element.count, start), end


def _text_rows(data: bytes, element: _Element, start: int) -> tuple[NDArray, int]:
    if element.count > len(data):
        raise ValueError(f"a file that ends early: inside {element.name} ({element.count} announced)")
    lines = data[start:].split(b"\n", element.count)[: element.count]
    width = sum(int(np.prod(element.record[name].shape)) for name in element.record.names or ())
    try:
        words = [[float(word) for word in line.split()[:width]] for line in lines]
        rows = np.array(words, np.float64).reshape(element.count, width)
    except ValueError as error:
        raise ValueError(f"text that does not parse ({element.count} rows of {element.name}: {error})") from error
    table = np.empty(element.count, element.record)
    column = 0
    for name in element.record.names or ():
        many = int(np.prod(element.record[name].shape))
        values = rows[:, column : column + many].reshape(table[name].shape)
        with np.errstate(invalid="ignore"):  # what does not fit is no number that anyone meant
            table[name] = values
        column += many
    return table, start + sum(map(len, lines)) + len(lines)
