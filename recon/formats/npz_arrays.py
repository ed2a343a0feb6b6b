"""Arrays of an .npz file as its format declares them: there, of their kind, finite, whole numbers within their type.

What is cut off, flipped or written by another hand is one `UserError`, whichever of zipfile, zlib and numpy stumbles over it.
"""

import io
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.workspace.errors import UserError
from recon.workspace.reading import MAX_MESH_BYTES, is_file, read_bytes

_OF_VALUES = (ValueError, KeyError, TypeError, AssertionError, OverflowError)
_OF_BYTES = (
    EOFError,
    OSError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def arrays_of(
    path: Path, kinds: Mapping[str, type], *, optional: Collection[str] = (), made_by: str
) -> Iterator[dict[str, NDArray[Any]]]:
    """The arrays of `path`, each as the numpy type that `kinds` gives it; the `optional` ones where they are there.

    What the block makes of them is checked with them: a ValueError, KeyError, TypeError or AssertionError in it is a `UserError`
    that names the file and the command that makes it anew. Other arrays of the file are not read.
    """
    if not is_file(path):
        raise UserError(f"{path} is missing. Make it with: {made_by}")
    try:
        yield _read(path, kinds, optional)
    except (*_OF_VALUES, *_OF_BYTES) as error:
        if isinstance(error, UserError):
            raise
        found = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} is damaged ({found}). Delete its folder and run: {made_by}") from error


def _read(path: Path, kinds: Mapping[str, type], optional: Collection[str]) -> dict[str, NDArray[Any]]:
    data = io.BytesIO(read_bytes(path, at_most=MAX_MESH_BYTES))
    with zipfile.ZipFile(data) as parts:
        if (size := sum(part.file_size for part in parts.infolist())) > MAX_MESH_BYTES:
            raise ValueError(f"it unpacks to {size / 1e9:.1f} GB")
    with np.load(data, allow_pickle=False) as arrays:
        if missing := [name for name in kinds if name not in arrays and name not in optional]:
            raise ValueError(f"it has no {', '.join(missing)}")
        return {name: _cast(name, arrays[name], np.dtype(kinds[name])) for name in kinds if name in arrays}


def _cast(name: str, values: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """`values` as `kind`, where nothing but digits is lost."""
    accepted = "iu" if kind.kind in "iu" else "fiu"
    if values.dtype.kind not in accepted:
        raise ValueError(f"{name}: expected numbers as {kind}, found {values.dtype}")
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        if values.dtype != kind and values.size and not limits.min <= values.min() <= values.max() <= limits.max:
            raise ValueError(f"{name}: expected numbers from {limits.min} to {limits.max}, found others")
        return values.astype(kind, copy=False)
    with np.errstate(over="ignore"):
        numbers = values.astype(kind, copy=False)
    if not np.isfinite(numbers).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return numbers
