"""One run of a stage: skipped where its result is there already, measured, marked finished.

A finished stage folder ends with `stage.json`, which holds a fingerprint of the stage's settings and inputs: a rerun with
the same fingerprint is skipped.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from recon.console import say, take_warnings
from recon.errors import UserError
from recon.workspace.files import plain, read_json, replace_folder, write_json
from recon.workspace.metrics import read_metrics, write_metrics
from recon.workspace.paths import Workspace
from recon.workspace.usage import Usage

STAGE_MARK = "stage.json"


class StageRun:
    """The context in which a stage works.

        run = StageRun(workspace, "mesh", workspace.mesh, settings=settings, inputs=[workspace.checkpoint])
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
        section: str | None = None,
        is_kept: bool = False,
    ) -> None:
        """
        Args:
            name: of the stage, as messages and `stages.NAME` have it.
            folder: what the stage makes.
            settings: a settings class, or a mapping where more than its settings decides the result.
            inputs: files that the result depends on; a folder counts by the files directly in it.
            section: of metrics.json; None: `name`.
            is_kept: the block works in `folder` itself and finds what an earlier run left (training goes on from it).
        """
        self.workspace, self.name, self.folder = workspace, name, folder
        self.settings, self.is_kept = settings, is_kept
        self.section = section or name
        self.key = fingerprint(settings, inputs)
        self.metrics: dict[str, Any] = {}
        self._block = ExitStack()

    @property
    def is_finished(self) -> bool:
        """Whether the folder holds a complete result made with the same settings and inputs, and its numbers are there."""
        return is_finished(self.folder, self.key) and self.section in read_metrics(self.workspace)

    def __enter__(self) -> Path:
        if (self.folder / STAGE_MARK).exists() and not is_finished(self.folder, self.key):
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
        write_metrics(self.workspace, self.section, self.metrics)
        write_metrics(self.workspace, "stages", read_metrics(self.workspace).get("stages", {}) | {self.name: spent})

    @property
    def seconds(self) -> float:
        """Since the block began."""
        return self._usage.spent()["seconds"]


def fingerprint(settings: Any, inputs: Sequence[Path]) -> str:
    """A digest of a stage's settings and input files: equal digests mean that a rerun would do the same.

    A file counts by its name, its size and the sha256 of its first and last MiB (videos are too large to read whole);
    a folder counts by the files directly in it.
    """
    digest = hashlib.sha256(json.dumps(plain(settings), sort_keys=True).encode())
    for path in inputs:
        files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
        for file in files:
            digest.update(file.name.encode())
            digest.update(_file_digest(file))
    return digest.hexdigest()


def _file_digest(path: Path, *, edge: int = 1 << 20) -> bytes:
    if not path.exists():
        return b"absent"
    size = path.stat().st_size
    with path.open("rb") as file:
        digest = hashlib.sha256(str(size).encode() + file.read(edge))
        if size > edge:
            file.seek(max(edge, size - edge))
            digest.update(file.read(edge))
    return digest.digest()


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
    marks = sorted(workspace.root.glob(f"*/{STAGE_MARK}"))
    return {mark.parent.name: read_json(mark, made_by="python scripts/run.py").get("warnings", []) for mark in marks}
