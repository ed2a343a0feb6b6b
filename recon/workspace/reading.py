"""Reading files that may be anything: is it a regular file, is its size sane, in which encoding is its text, is its JSON whole.

Names come from people and other programs. Asking for a file never raises and never waits: names that are too long, a device,
a pipe without a writer and a link into nowhere are no files.
"""

import codecs
import json
import math
import os
import stat
from pathlib import Path
from typing import Any

from recon.workspace.errors import UserError

MAX_TEXT_BYTES = 1 << 30  # COLMAP's images.txt of ten thousand pictures has a third of this
MAX_JSON_BYTES = 1 << 28
MAX_MESH_BYTES = 1 << 32  # a hundred million triangles
_MARKS = {  # longest first: the mark of UTF-32 begins like that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def is_file(path: Path | str) -> bool:
    """Whether there is a regular file, or a link to one; False for a name that no file can have."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_folder(path: Path | str) -> bool:
    """Whether there is a folder, or a link to one; False for a name that none can have."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, *, at_most: int) -> bytes:
    """The bytes of a regular file; `UserError` where there is none, or a larger one than anything of its kind has."""
    check_readable(path, at_most=at_most)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check its permissions and the disk.") from error


def check_readable(path: Path, *, at_most: int) -> None:
    """`UserError` where there is no regular file, or a larger one than anything of its kind has."""
    if not is_file(path):
        raise UserError(f"{path}: there is no such file. Check the path.")
    size = os.stat(path).st_size
    if size > at_most:
        raise UserError(f"{path}: has {size / 1e9:.1f} GB; at most {at_most / 1e9:.1f} are read. Is it the right file?")


def read_text(path: Path, *, at_most: int = MAX_TEXT_BYTES) -> str:
    """The text of a file in UTF-8, or in UTF-16 as Windows writes it; bytes that are neither become U+DC80 to U+DCFF.

    Those are how Python spells names that are not UTF-8, so that such a name in a list finds its file.
    """
    data = read_bytes(path, at_most=at_most)
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    if encoding is None:
        encoding = _utf16_without_mark(data) or "utf-8"
    return data.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")


def read_json_value(path: Path) -> Any:
    """The value in a JSON file; `ValueError` in words of one line for anything that is not whole JSON of sane numbers.

    `NaN` and `Infinity` are read, as Python and MATLAB write them: whoever asks for a finite number will not find one.
    """
    text = read_text(path, at_most=MAX_JSON_BYTES)
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError("lists or objects in each other a thousand deep") from None
    except ValueError as error:
        raise ValueError(" ".join(str(error).split())) from None


def read_json_of(path: Path, *, name: str, if_missing: str, if_broken: str) -> Any:
    """The value in a JSON file; `UserError` where there is none or it is not whole.

    name: of the file in messages. if_missing: what is told behind the name then. if_broken: what to do then.
    """
    if not is_file(path):
        raise UserError(f"{name} {if_missing}")
    try:
        return read_json_value(path)
    except ValueError as error:
        raise UserError(f"{name}: not valid JSON ({error}). {if_broken}") from error


def _integer(digits: str) -> int | float:
    """An integer; one of 300 digits or more becomes infinite."""
    return int(digits) if len(digits) < 300 else math.copysign(math.inf, -1 if digits.startswith("-") else 1)


def _utf16_without_mark(data: bytes) -> str | None:
    """The byte order of text whose every other byte is zero, as ASCII is in UTF-16; None for other text."""
    head = data[:512]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(even, odd) < 0.4 * len(head) or min(even, odd) > 0:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
