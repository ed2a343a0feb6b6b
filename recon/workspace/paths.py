"""The files of a run folder by name."""

import os
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from recon.workspace.errors import UserError


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
    def tracks_npz(self) -> Path:
        return self.poses / "tracks.npz"

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
    def field_file(self) -> Path:
        return self.field / "field.pt"

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
    def mesh_npz(self) -> Path:
        return self.mesh / "mesh.npz"

    @property
    def world(self) -> Path:
        return self.root / "world"

    @property
    def report_html(self) -> Path:
        return self.root / "report.html"


def open_workspace(root: str | Path) -> Workspace:
    """Create the run folder if need be and check that it can be written; `UserError` if not."""
    root = Path(root)
    if any(unicodedata.category(letter) == "Cc" for letter in str(root)):
        raise UserError(
            f"workspace {str(root)!r}: its name has control characters, as line ends and tabs are. Choose another folder with "
            "workspace=..."
        )
    if any("\ud800" <= letter <= "\udfff" for letter in os.path.abspath(root)):
        named = os.fsencode(root).decode("utf-8", "replace")
        raise UserError(
            f"workspace {named}: its path has bytes that are not UTF-8, and TensorBoard and others cannot write there. Choose "
            "another folder with workspace=..."
        )
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
