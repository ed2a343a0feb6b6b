"""Files that other files name: found where they are now, however the name was written.

Names come from Windows (back-slashes, drives, another case), from another machine (absolute paths), from programs that leave
out the suffix, and from macOS (letters and their accents as two characters).
"""

import os
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from recon.errors import UserError
from recon.formats.image_files import IMAGE_SUFFIXES
from recon.workspace.reading import is_file, is_folder

_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_MOST_TAILS = 6  # folders of a foreign path that are tried below ours


def inside(file: Path, named: str, *, also: Sequence[Path] = ()) -> Path:
    """The path that `file` names, from its folder or from one of `also`, which it may not leave.

    A path of another machine, or one that leaves the folder, counts from the first of its folders that is here. Where that
    gives no file, it is an error: only the capture's own folder is read.
    """
    folders = [Path(os.path.abspath(folder)) for folder in (file.parent, *also)]
    slashed = named if is_file(file.parent / named) else named.replace("\\", "/")
    path = Path(os.path.abspath(file.parent / slashed))
    is_foreign = bool(_DRIVE.match(named))
    if not is_foreign and any(path.is_relative_to(folder) for folder in folders):
        return path
    parts = [part for part in slashed.split("/") if part not in ("", ".", "..")][is_foreign:]
    for tail in (parts[-n:] for n in range(min(len(parts), _MOST_TAILS), 0, -1)):
        for folder in folders:
            found = find_picture(folder.joinpath(*tail)) or find_file(folder.joinpath(*tail))
            if found is not None and found.is_relative_to(folder):
                return found
    raise UserError(
        f"{file}: the path {named!r} leads out of the capture's folder; expected one relative to it, without "
        "'..'. Move the pictures below the folder and correct the path, or name their folder: dataset.images=..."
    )


def find_file(path: Path) -> Path | None:
    """`path` itself, or with upper and lower case as they are on the disk; None when there is no such file."""
    if is_file(path):
        return path
    folder = _find_folder(path.parent)
    name = None if folder is None else _entries(folder).get(_folded(path.name))
    return folder / name if folder is not None and name is not None and is_file(folder / name) else None


def find_picture(path: Path) -> Path | None:
    """`path` itself, with other case, or with the first picture suffix that exists; None when there is no such file."""
    if is_file(path):
        return path
    folder = _find_folder(path.parent)
    if folder is None or not path.name:
        return None
    entries, wanted = _entries(folder), _folded(path.name)
    for name in (entries.get(wanted + suffix) for suffix in ("", *IMAGE_SUFFIXES)):
        if name is not None and is_file(folder / name):
            return folder / name
    return None


def _find_folder(path: Path) -> Path | None:
    """`path` itself, or the folder that it is but for upper and lower case."""
    if is_folder(path):
        return path
    if path.parent == path:
        return None
    parent = _find_folder(path.parent)
    name = None if parent is None else _entries(parent).get(_folded(path.name))
    return parent / name if parent is not None and name is not None and is_folder(parent / name) else None


def _entries(folder: Path) -> dict[str, str]:
    """What lies in a folder, by folded name; of names that fold alike the first."""
    try:
        return _listing(str(folder), folder.stat().st_mtime_ns)
    except OSError:
        return {}


@lru_cache(maxsize=64)
def _listing(folder: str, _changed_ns: int) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in sorted(os.listdir(folder)):
        names.setdefault(_folded(name), name)
    return names


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
