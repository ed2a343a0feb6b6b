"""Stages called with plain values: `capture_frames(workspace, source="walk.mp4", max_count=30)`, the rest as conf/ has it."""

from pathlib import Path
from typing import Any

import recon.capture.stage
import recon.poses.captured
import recon.poses.imported
from recon.capture.settings import CaptureSettings
from recon.poses.given.settings import DatasetSettings
from recon.poses.sfm.settings import PoseSettings
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace import Workspace
from tests.default_settings import default_settings


def capture_frames(workspace: Workspace, *, source: Path | str | None, **changes: Any) -> Path:
    source = None if source is None else str(source)
    return recon.capture.stage.capture_frames(
        workspace, settings=default_settings(CaptureSettings, "capture", source=source, **changes)
    )


def pose_frames(workspace: Workspace, *, scale: dict[str, Any], seed: int, threads: int | None, **changes: Any) -> Path:
    return recon.poses.captured.pose_frames(
        workspace,
        settings=default_settings(PoseSettings, "poses", **changes),
        scale=default_settings(ScaleSettings, "scale", **scale),
        seed=seed,
        threads=threads,
    )


def import_dataset(
    workspace: Workspace, *, format: str, scale: dict[str, Any], seed: int, threads: int | None, **changes: Any
) -> Path:
    features = {key: changes.pop(key) for key in ("image_size", "max_features") if key in changes}
    return recon.poses.imported.import_dataset(
        workspace,
        settings=default_settings(DatasetSettings, "dataset", "capture", format=format, **changes),
        scale=default_settings(ScaleSettings, "scale", **scale),
        features=default_settings(PoseSettings, "poses", **features),
        seed=seed,
        threads=threads,
    )
