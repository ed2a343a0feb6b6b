"""`metrics.json`: everything that was measured, one section for each stage."""

from collections.abc import Mapping
from typing import Any

from recon.workspace.files import read_json, write_json
from recon.workspace.paths import Workspace


def read_metrics(workspace: Workspace) -> dict[str, Any]:
    """`metrics.json` as a dictionary, empty when no stage has measured anything yet."""
    path = workspace.metrics_json
    return read_json(path, made_by="python scripts/run.py") if path.exists() else {}


def write_metrics(workspace: Workspace, section: str, values: Mapping[str, Any]) -> None:
    """Replace one section of `metrics.json` ("capture", "poses", "train", "eval", "mesh", "world", "truth", ...)."""
    metrics = read_metrics(workspace)
    metrics[section] = dict(values)
    write_json(workspace.metrics_json, metrics)
