"""Digests of settings and files: equal ones mean that a rerun would do the same."""

import hashlib
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from recon import __version__
from recon.workspace.errors import UserError
from recon.workspace.files import plain
from recon.workspace.reading import is_file, is_folder


def fingerprint(settings: Any, inputs: Sequence[Path]) -> str:
    """A digest of a stage's settings and input files: equal digests mean that a rerun would do the same.

    A file counts by its name and all of its bytes, whatever its time; a folder by the files directly in it. So does the
    version of recon, as another one may come to another result.
    """
    digest = hashlib.sha256(json.dumps([__version__, plain(settings)], sort_keys=True).encode())
    for path in inputs:
        files = sorted(p for p in path.iterdir() if is_file(p)) if is_folder(path) else [path]
        for file in files:
            digest.update(os.fsencode(file.name))
            digest.update(_bytes_digest(file) or b"absent")
    return digest.hexdigest()


def digest_of_file(path: Path) -> str | None:
    """Of the bytes of a file; None where there is none."""
    digest = _bytes_digest(path)
    return None if digest is None else digest.hex()


def _bytes_digest(path: Path) -> bytes | None:
    if not is_file(path):
        return None
    stat = path.stat()
    try:
        return _digest_of(path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}). Check its permissions and the disk.") from error


@lru_cache(maxsize=1 << 16)
def _digest_of(path: Path, *_unchanged: int) -> bytes:
    """Of the bytes of a file, read once in a run of the program as long as its size, time and place on the disk stay."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
