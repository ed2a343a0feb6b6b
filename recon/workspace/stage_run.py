"""One run of a stage: skipped where its result is there already, measured, marked finished.

A finished stage folder ends with `stage.json`, which holds a fingerprint of the stage's settings and inputs: a rerun with
the same fingerprint is skipped.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from recon.workspace.console import say, take_warnings
from recon.workspace.errors import UserError
from recon.workspace.files import read_json, replace_folder, write_json
from recon.workspace.fingerprints import digest_of_file, fingerprint
from recon.workspace.metrics import read_metrics, write_metrics
from recon.workspace.paths import Workspace
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
        self.poses = digest_of_file(workspace.cameras_json) if workspace.cameras_json in inputs else None
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
        mark_finished(self._made, self.key, settings=self.settings, seconds=spent["seconds"], poses=self.poses)
        self._block.close()
        if self.section is not None:
            write_metrics(self.workspace, self.section, self.metrics)
        write_metrics(self.workspace, "stages", read_metrics(self.workspace).get("stages", {}) | {self.name: spent})

    @property
    def seconds(self) -> float:
        """Seconds since the block began."""
        return self._usage.spent()["seconds"]


def is_finished(folder: Path, key: str) -> bool:
    """Whether `folder` holds a complete result made with the same settings and inputs."""
    return _mark_of(folder).get("fingerprint") == key


def mark_finished(folder: Path, key: str, *, settings: Any, seconds: float, poses: str | None = None) -> None:
    """Write the mark that says `folder` is complete, with the warnings printed since the last mark.

    poses: digest of the poses it was made with, where there were any: see `check_poses`.
    """
    write_json(
        folder / STAGE_MARK,
        {
            "fingerprint": key,
            "settings": settings,
            "poses": poses,
            "seconds": round(seconds, 3),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "warnings": take_warnings(),
        },
    )


def stage_warnings(workspace: Workspace) -> dict[str, list[str]]:
    """Warnings of every finished stage, by folder name; one more of what was made with poses that are no longer there."""
    found = {}
    for mark in sorted(workspace.root.glob(f"*/{STAGE_MARK}")):
        warnings = _mark_of(mark.parent).get("warnings")
        found[mark.parent.name] = [str(warning) for warning in warnings] if isinstance(warnings, list) else []
        if has_other_poses(workspace, mark.parent):
            found[mark.parent.name].append("made with other poses than those in poses/ now: it no longer fits the rest")
    return found


def check_poses(workspace: Workspace, folder: Path, *, made_by: str) -> None:
    """`UserError` where `folder` was made with other poses than those in poses/ now: lengths and places would not agree."""
    if has_other_poses(workspace, folder):
        raise UserError(
            f"{folder} was made with other poses than those in {workspace.cameras_json} now, so that places and lengths in it "
            f"are no longer theirs. Make it anew: {made_by} workspace={workspace.root}"
        )


def has_other_poses(workspace: Workspace, folder: Path) -> bool:
    """Whether `folder` is finished and tells that its poses were others; False where it tells nothing."""
    own, now = _mark_of(folder).get("poses"), digest_of_file(workspace.cameras_json)
    return own is not None and now is not None and own != now


def _mark_of(folder: Path) -> dict[str, Any]:
    """What `folder` tells of how it was made; nothing where it is not finished, or damaged."""
    try:
        mark: dict[str, Any] = read_json(folder / STAGE_MARK, made_by="python scripts/run.py")
    except UserError:
        return {}
    return mark
