"""One run of a stage: skipped where its result is there already, measured, marked finished.

A finished stage folder ends with `stage.json`, which holds a fingerprint of the stage's settings and inputs: a rerun with
the same fingerprint is skipped.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from recon import __version__
from recon.workspace.console import say, take_warnings
from recon.workspace.errors import UserError
from recon.workspace.files import plain, read_json, replace_folder, write_json
from recon.workspace.metrics import read_metrics, write_metrics
from recon.workspace.paths import Workspace
from recon.workspace.reading import is_file, is_folder
from recon.workspace.usage import Usage

STAGE_MARK = "stage.json"


class StageRun:
    """The context in which a stage works.

        run = StageRun(workspace, "mesh", workspace.mesh, settings=settings, inputs=[workspace.field_file])
        if run.is_finished:
            say("mesh: up to date")
            return
        with run as folder:
            ...  # write into `folder`, which takes the place of workspace.mesh when the block succeeds
            run.metrics = {"faces": 40_000}

    When the block succeeds, the folder is marked finished with the warnings printed meanwhile, `metrics` become the section
    of metrics.json, and `stages.NAME` in it says what the stage cost: seconds, cpu_seconds, peak_rss_mb.
    """

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        folder: Path,
        *,
        settings: Any,
        inputs: Sequence[Path],
        also: Any = None,
        section: str | None = None,
        has_metrics: bool = True,
        is_kept: bool = False,
    ) -> None:
        """
        Args:
            name: of the stage, as messages and `stages.NAME` have it.
            folder: what the stage makes.
            settings: what a person set, kept in the folder's mark.
            inputs: files that the result depends on; a folder counts by the files directly in it.
            also: further values that the result depends on.
            section: of metrics.json; None: `name`.
            has_metrics: whether the stage writes a section at all.
            is_kept: the block works in `folder` itself and finds what an earlier run left (training goes on from it).
        """
        self.workspace, self.name, self.folder = workspace, name, folder
        self.settings, self.is_kept = settings, is_kept
        self.section = (section or name) if has_metrics else None
        self.key = fingerprint(settings if also is None else {"settings": settings, "also": also}, inputs)
        self.metrics: dict[str, Any] = {}
        self._block = ExitStack()

    @property
    def is_finished(self) -> bool:
        """Whether the folder holds a complete result made with the same settings and inputs, and its numbers are there."""
        has_numbers = self.section is None or self.section in read_metrics(self.workspace)
        return is_finished(self.folder, self.key) and has_numbers

    def __enter__(self) -> Path:
        has_other = (self.folder / STAGE_MARK).exists() and not is_finished(self.folder, self.key)
        if has_other and not self.is_kept:  # what goes on in its folder tells itself what it keeps
            say(f"{self.name}: settings or inputs changed since {self.folder} was made: made anew")
        self._usage = Usage()
        if self.is_kept:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / STAGE_MARK).unlink(missing_ok=True)
            self._made = self.folder
        else:
            self._made = self._block.enter_context(replace_folder(self.folder))
        return self._made

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._block.__exit__(kind, error, trace)
            return
        spent = self._usage.spent()
        mark_finished(self._made, self.key, settings=self.settings, seconds=spent["seconds"])
        self._block.close()
        if self.section is not None:
            write_metrics(self.workspace, self.section, self.metrics)
        write_metrics(self.workspace, "stages", read_metrics(self.workspace).get("stages", {}) | {self.name: spent})

    @property
    def seconds(self) -> float:
        """Since the block began."""
        return self._usage.spent()["seconds"]


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
            digest.update(_file_digest(file))
    return digest.hexdigest()


def _file_digest(path: Path) -> bytes:
    if not is_file(path):
        return b"absent"
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


def is_finished(folder: Path, key: str) -> bool:
    """Whether `folder` holds a complete result made with the same settings and inputs."""
    try:
        mark = read_json(folder / STAGE_MARK, made_by="python scripts/run.py")
    except UserError:  # absent, or damaged: the stage runs
        return False
    return isinstance(mark, dict) and mark.get("fingerprint") == key


def mark_finished(folder: Path, key: str, *, settings: Any, seconds: float) -> None:
    """Write the mark that says `folder` is complete, with the warnings printed since the last mark."""
    write_json(
        folder / STAGE_MARK,
        {
            "fingerprint": key,
            "settings": settings,
            "seconds": round(seconds, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "warnings": take_warnings(),
        },
    )


def stage_warnings(workspace: Workspace) -> dict[str, list[str]]:
    """Warnings of every finished stage, by folder name."""
    found = {}
    for mark in sorted(workspace.root.glob(f"*/{STAGE_MARK}")):
        try:
            warnings = read_json(mark, made_by="python scripts/run.py").get("warnings")
        except UserError:  # damaged: the stage will run again
            warnings = None
        found[mark.parent.name] = [str(warning) for warning in warnings] if isinstance(warnings, list) else []
    return found
