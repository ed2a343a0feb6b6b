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

from recon.formats.image_files import HEIF_SUFFIXES, IMAGE_SUFFIXES
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

# To be unpacked before anything is read. Record3D's .r3d is a zip.
ARCHIVES = (".zip", ".r3d", ".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz")
# Of pictures, be they read or not: what people save anew as one that is.
_PICTURES = (
    *IMAGE_SUFFIXES,
    *HEIF_SUFFIXES,
    ".bmp",
    ".tga",
    ".gif",
    ".ppm",
    ".pgm",
    ".exr",
    ".hdr",
    ".jp2",
    ".avif",
    ".dng",
)
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")
_LONGEST = 4096  # characters of a path, in Linux and in most programs
_MOST_TAILS = 6  # folders of a foreign path that are tried below ours


def inside(file: Path, named: str, *, also: Sequence[Path] = ()) -> Path:
    """The path that `file` names, from its folder or from one of `also`, which it may not leave.

    A path of another machine counts from the first of its folders that is here. Where that gives no file, and where a path
    climbs out of the folder, it is an error: only the capture's own folder is read.
    """
    folders = [_absolute(str(folder)) for folder in (file.parent, *also)]
    slashed = named.replace("\\", "/") if "\\" in named and not is_file(file.parent / named) else named
    path = os.path.normpath(os.path.join(folders[0], slashed))
    is_foreign = slashed.startswith("/") or bool(_DRIVE.match(named))
    if not _DRIVE.match(named) and any(path == folder or path.startswith(folder + os.sep) for folder in folders):
        return Path(path)
    parts = [part for part in slashed.split("/") if part not in ("", ".")][bool(_DRIVE.match(named)) :]
    if is_foreign and ".." not in parts:
        for tail in (parts[-n:] for n in range(min(len(parts), _MOST_TAILS), 0, -1)):
            for folder in folders:
                found = find_picture(Path(folder, *tail)) or find_file(Path(folder, *tail))
                if found is not None:
                    return found
    raise UserError(
        f"{file}: the path {named[:200]!r} leads out of the capture's folder; expected one relative to it, without "
        "'..'. Move the pictures below the folder and correct the path, or name their folder: dataset.images=..."
    )


@lru_cache(maxsize=64)
def _absolute(folder: str) -> str:
    return os.path.abspath(folder)


def find_file(path: Path) -> Path | None:
    """`path` itself, or with upper and lower case as they are on the disk; None when there is no such file."""
    return _find(path, ("",))


def find_picture(path: Path) -> Path | None:
    """`path` itself, with other case, or with the first picture suffix that exists; None when there is no such file."""
    return _find(path, ("", *IMAGE_SUFFIXES))


def find_saved_anew(path: Path) -> Path | None:
    """A picture that has the name of `path` but for its suffix, as after saving it in another format; None without one."""
    return _find(path.with_suffix(""), IMAGE_SUFFIXES) if path.suffix.lower() in _PICTURES else None


def picture_names(folder: Path) -> frozenset[str]:
    """What the names of files in a folder fold to, with and without picture suffixes; see `folded`."""
    found = _find_folder(folder)
    names = () if found is None else _entries(found)
    stems = (name[: -len(suffix)] for name in names for suffix in IMAGE_SUFFIXES if name.endswith(suffix))
    return frozenset((*names, *stems))


def _find(path: Path, suffixes: Sequence[str]) -> Path | None:
    if is_file(path):
        return path
    if not path.name or len(str(path)) > _LONGEST:
        return None
    folder = _find_folder(path.parent)
    if folder is None:
        return None
    entries, wanted = _entries(folder), folded(path.name)
    for name in (entries.get(wanted + suffix) for suffix in suffixes):
        if name is not None and is_file(folder / name):
            return folder / name
    return None


def _find_folder(path: Path) -> Path | None:
    """`path` itself, or the folder that it is but for upper and lower case."""
    if is_folder(path):
        return path
    if len(str(path)) > _LONGEST:
        return None
    found = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        name = part if is_folder(found / part) else _entries(found).get(folded(part))
        if name is None or not is_folder(found / name):
            return None
        found /= name
    return found


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
        names.setdefault(folded(name), name)
    return names


def folded(name: str) -> str:
    """A name without what other systems do not tell apart: case, and how accents are spelt."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
