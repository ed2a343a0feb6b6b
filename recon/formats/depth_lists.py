"""Depth images by the lists of a TUM RGB-D sequence: `depth.txt` (timestamp path), or the pairs that its `associate.py` writes.

No path of a list may leave the list's folder.
"""

import os
import re
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.formats.named_files import inside
from recon.formats.text_tables import read_rows
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_LIST = "depth.txt"
_PAIRS = ("associations.txt", "association.txt", "associate.txt", "associated.txt")
_NEAR_IN_TIME_S = 0.02  # a depth image belongs to a picture this near


def listed_depth(picture: Path, time_s: float | None) -> Path | None:
    """The depth image of a picture, by the lists in the folder above its own; None where they name none, or there are none.

    time_s: when it was taken; None: its name tells, where that is a time.
    """
    folder = picture.parent.parent
    for listing in (folder / name for name in _PAIRS):
        if is_file(listing):
            return _pairs(listing).get(Path(os.path.abspath(picture)))
    if time_s is None and re.fullmatch(r"[0-9]{1,30}(\.[0-9]+)?", picture.stem):
        time_s = float(picture.stem)
    if time_s is None or not is_file(folder / _LIST):
        return None
    times, paths = _by_time(folder / _LIST)
    nearest = int(np.argmin(np.abs(times - time_s)))
    return paths[nearest] if abs(times[nearest] - time_s) <= _NEAR_IN_TIME_S else None


@cache
def _by_time(file: Path) -> tuple[NDArray[np.float64], list[Path]]:
    rows = [row for row in read_rows(file) if len(row.words) == 2]
    if not rows:
        raise UserError(f"{file}: no lines `timestamp path`. Expected those of a TUM RGB-D sequence.")
    times = []
    for row in rows:
        try:
            times.append(float(row.words[0]))
        except ValueError as error:
            raise UserError(f"{row.label}: expected a time stamp, found {row.words[0]!r}.") from error
    return np.array(times), [inside(file, row.words[1]) for row in rows]


@cache
def _pairs(file: Path) -> dict[Path, Path]:
    """The depth image of each picture, from lines `timestamp path timestamp path`, picture or depth first."""
    found = {}
    for row in read_rows(file):
        if len(row.words) != 4:
            raise UserError(f"{row.label}: expected `timestamp path timestamp path`, found {len(row.words)} words.")
        one, other = inside(file, row.words[1]), inside(file, row.words[3])
        found[one], found[other] = other, one
    return found
