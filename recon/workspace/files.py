"""Files of a run folder: atomic writes, one writer and one reader of JSON.

Everything is written to a temporary name and renamed, so that a killed run never leaves a half file that looks whole.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from recon.workspace.errors import UserError
from recon.workspace.reading import read_json_of

_FULL = re.compile(r"disk is full|disk I/O error|No space left on device|\d+ requested and \d+ written")
_KINDS: dict[type, str] = {dict: "an object", list: "a list"}


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with the same suffix; rename it onto `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with _disk_errors(path):
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block succeeds.

    Where `path` is a link to a folder, on another disk perhaps, the folder that it leads to is replaced and the link stays.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _disk_errors(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                old = path.with_name(f".{path.name}.{os.getpid()}.old")
                os.replace(path, old)
                os.replace(temporary, path)
                shutil.rmtree(old)
            else:
                os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a `UserError`; any other OSError stays a bug with its traceback."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        is_forbidden = isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM)
        if is_forbidden or is_full_disk(error):
            why = (isinstance(error, OSError) and error.strerror) or os.strerror(errno.ENOSPC)
            raise UserError(
                f"{path}: cannot write ({why}). Nothing was changed there; free the disk or choose another "
                "workspace=..., then run the same command again: finished stages are kept."
            ) from error
        raise


def is_full_disk(error: BaseException) -> bool:
    """Whether a full or read-only disk is to blame; SQLite, under COLMAP's databases, and numpy say so in words only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
    return isinstance(error, (OSError, RuntimeError)) and bool(_FULL.search(str(error)))


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN and infinity become null."""
    # piece by piece: the text of a long film's frames is larger than the frames
    with replace_file(path) as temporary, temporary.open("w") as file:
        json.dump(plain(value), file, indent=1, allow_nan=False)
        file.write("\n")


def read_json(path: Path, *, made_by: str, kind: type = dict) -> Any:
    """Read a JSON file of the run folder that holds a `kind`, dict or list; `made_by` is the command that makes it, for errors."""
    advice = {"if_missing": f"is missing. Make it with: {made_by}", "if_broken": f"Delete it and run: {made_by}"}
    value = read_json_of(path, name=str(path), **advice)
    if not isinstance(value, kind):
        raise UserError(f"{path}: expected {_KINDS[kind]}, found {type(value).__name__}. Delete it and run: {made_by}")
    return value


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: dataclasses and mappings as objects, paths as text, NaN and infinity as null."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
