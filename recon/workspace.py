"""The run folder: names of its files, atomic writes, and knowing what is already finished.

The run folder is the only interface between stages. Every write goes to a temporary name and is renamed, so a killed
run never leaves a half file that looks whole. Each stage folder ends with `stage.json`, the mark that it is complete,
which holds a fingerprint of the stage's settings and inputs: a rerun with the same fingerprint is skipped.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recon.console import take_warnings
from recon.errors import UserError


@dataclass(frozen=True)
class Workspace:
    """Paths of one run folder (nothing is created by naming it)."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def frames(self) -> Path:
        return self.root / "frames"

    @property
    def frames_json(self) -> Path:
        return self.frames / "frames.json"

    @property
    def sfm(self) -> Path:
        return self.root / "sfm"

    @property
    def poses(self) -> Path:
        return self.root / "poses"

    @property
    def doctor_json(self) -> Path:
        return self.poses / "doctor.json"

    @property
    def poses_failed(self) -> Path:
        return self.root / "poses_failed.json"

    @property
    def cameras_json(self) -> Path:
        return self.poses / "cameras.json"

    @property
    def points_ply(self) -> Path:
        return self.poses / "points.ply"

    @property
    def matching(self) -> Path:
        return self.root / "matching"

    @property
    def field(self) -> Path:
        return self.root / "field"

    @property
    def checkpoint(self) -> Path:
        return self.field / "checkpoint.pt"

    @property
    def held_out(self) -> Path:
        return self.root / "held_out"

    @property
    def metrics_json(self) -> Path:
        return self.root / "metrics.json"

    @property
    def views(self) -> Path:
        return self.root / "views"

    @property
    def mesh(self) -> Path:
        return self.root / "mesh"

    @property
    def world(self) -> Path:
        return self.root / "world"

    @property
    def report_html(self) -> Path:
        return self.root / "report.html"


def open_workspace(root: str | Path) -> Workspace:
    """Create the run folder if need be and check that it can be written; `UserError` if not."""
    root = Path(root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise UserError(
            f"workspace {root}: cannot write there ({error.strerror}). "
            "Choose another folder with workspace=..., or free the disk / mend its permissions."
        ) from error
    return Workspace(root)


# ---- atomic writes -------------------------------------------------------------------------------------------------


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` with the same suffix; rename it onto `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    with _disk_errors(path):
        try:
            yield temporary
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with _disk_errors(path):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            if path.exists():
                old = path.with_name(f".{path.name}.{os.getpid()}.old")
                os.replace(path, old)
                os.replace(temporary, path)
                shutil.rmtree(old)
            else:
                os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a `UserError`; any other OSError stays a bug with its traceback."""
    import errno

    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT):
            raise UserError(
                f"{path}: cannot write ({error.strerror}). Nothing was changed there; free the disk or choose another "
                "workspace=..., then run the same command again: finished stages are kept."
            ) from error
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically. NaN and infinity become null."""
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(_plain(value), indent=1, allow_nan=False) + "\n")


def read_json(path: Path, *, made_by: str) -> Any:
    """Read a JSON file of the run folder; `made_by` names the command that makes it, for the error."""
    if not path.exists():
        raise UserError(f"{path} is missing. Make it with: {made_by}")
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid JSON ({error}). Delete it and run: {made_by}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


# ---- metrics -------------------------------------------------------------------------------------------------------


def read_metrics(workspace: Workspace) -> dict[str, Any]:
    """`metrics.json` as a dictionary, empty when no stage has measured anything yet."""
    path = workspace.metrics_json
    return read_json(path, made_by="python scripts/run.py") if path.exists() else {}


def write_metrics(workspace: Workspace, section: str, values: Mapping[str, Any]) -> None:
    """Replace one section of `metrics.json` ("capture", "poses", "train", "eval", "mesh", "world", "truth", ...)."""
    metrics = read_metrics(workspace)
    metrics[section] = dict(values)
    write_json(workspace.metrics_json, metrics)


# ---- finished stages -----------------------------------------------------------------------------------------------

STAGE_MARK = "stage.json"


def fingerprint(settings: Mapping[str, Any], inputs: Sequence[Path]) -> str:
    """A digest of a stage's settings and input files: equal digests mean that a rerun would do the same.

    A file counts by its name, its size and the sha256 of its first and last MiB (videos are too large to read whole);
    a folder counts by the files directly in it.
    """
    digest = hashlib.sha256(json.dumps(_plain(settings), sort_keys=True).encode())
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
    mark = folder / STAGE_MARK
    if not mark.exists():
        return False
    try:
        return json.loads(mark.read_text()).get("fingerprint") == key
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        return False


def mark_finished(folder: Path, key: str, *, settings: Mapping[str, Any], seconds: float) -> None:
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
