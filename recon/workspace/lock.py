"""One writer at a time in a run folder, and what killed ones left behind."""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recon.workspace.errors import UserError
from recon.workspace.paths import Workspace

# Names that `files.replace_file` and `replace_folder` give to what is not finished.
_LEFT = re.compile(r"\.(?P<name>.+)\.[0-9]+\.(?P<kind>tmp|old)(\.[A-Za-z0-9]+)?")


@contextmanager
def only_writer(workspace: Workspace) -> Iterator[None]:
    """Hold the run folder for this process and clear what killed processes left; `UserError` where another one works in it.

    The system frees the lock of a process that is killed. Where the disk knows no locks, nothing is locked.
    """
    folder = os.open(workspace.root, os.O_RDONLY)  # the folder itself is locked: nothing is left behind
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"workspace {workspace.root}: another recon is working in it. Wait until it has ended, or choose another folder "
                "with workspace=..."
            ) from error
        except OSError:
            pass
        clear_leftovers(workspace.root)
        with _scratch_in(workspace.root):
            yield
    finally:
        os.close(folder)


@contextmanager
def _scratch_in(root: Path) -> Iterator[None]:
    """Temporary files of this process and of what it starts lie in the run folder: of a killed one the next run clears them."""
    folder = Path(os.path.abspath(root), f".scratch.{os.getpid()}.tmp")
    before = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        folder.mkdir(exist_ok=True)
    except OSError:  # a full disk is told where something is written
        yield
        return
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before[0]
        if before[1] is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = before[1]
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(root: Path) -> None:
    """Remove temporary files and folders of killed runs; a stage folder that was being replaced is put back."""
    folders = [root, *(p for p in root.iterdir() if p.is_dir() and not _LEFT.fullmatch(p.name))]
    for folder in folders:
        try:
            entries = list(folder.iterdir())
        except OSError:
            continue
        for entry in entries:
            match = _LEFT.fullmatch(entry.name)
            is_scratch = folder.name == "sfm" and entry.name.startswith("scratch")
            if match is not None and match["kind"] == "old" and not os.path.lexists(folder / match["name"]):
                os.replace(entry, folder / match["name"])
            elif match is not None or is_scratch:
                _remove(entry)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
