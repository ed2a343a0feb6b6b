"""Plain text tables of numbers, as trajectory and calibration files are: one row per line, `#` starts a comment.

Columns are parted by blanks or commas. Every error names the file, the line and the column.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, read_text


class Row(NamedTuple):
    """One line of a table."""

    label: str  # "poses.txt, line 12", for errors
    words: tuple[str, ...]

    @property
    def is_lost(self) -> bool:
        """Whether a word is NaN or infinite: a pose that tracking lost."""
        return any(word.lower().lstrip("+-") in ("nan", "inf", "infinity") for word in self.words)

    def numbers(self, first: int = 0, count: int | None = None) -> tuple[float, ...]:
        """Words `first` to the end as finite numbers; `count` says how many there must be."""
        words = self.words[first:]
        if count is not None and len(words) != count:
            raise UserError(f"{self.label}: expected {count} numbers, found {len(words)}. Correct or delete the line.")
        return tuple(finite(word, f"{self.label}, column {first + i + 1}") for i, word in enumerate(words))


def read_rows(file: Path) -> list[Row]:
    """The lines that hold something; `UserError` where there is no such file, or nothing in it."""
    if not is_file(file):
        raise UserError(f"{file} does not exist. Check dataset.path=... and the names of the files in it.")
    lines = read_text(file).splitlines()
    parted = ((i, line.split("#", 1)[0].replace(",", " ").split()) for i, line in enumerate(lines, start=1))
    rows = [Row(f"{file}, line {i}", tuple(words)) for i, words in parted if words]
    if not rows:
        raise UserError(f"{file}: holds no numbers. Export it again.")
    return rows


def finite(word: str, label: str) -> float:
    """The number that a word spells; `UserError` for anything else, NaN and infinity included."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{label}: expected a finite number, found {word[:40]!r}. Correct or delete the line.")
    return number


def write_rows(file: Path, rows: Sequence[Sequence[float | str]], *, comment: str | None = None) -> None:
    """Write a table, atomically; numbers with all their digits."""
    lines = [] if comment is None else [f"# {comment}"]
    lines += [" ".join(word if isinstance(word, str) else repr(float(word)) for word in row) for row in rows]
    with replace_file(file) as temporary:
        temporary.write_text("\n".join([*lines, ""]))
