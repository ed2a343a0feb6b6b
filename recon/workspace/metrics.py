"""`metrics.json`: everything that was measured, one section for each stage."""

from collections.abc import Mapping
from typing import Any

from recon.workspace.files import read_json, write_json
from recon.workspace.paths import Workspace
from recon.workspace.reading import is_file


def read_metrics(workspace: Workspace) -> dict[str, Any]:
    """The sections of `metrics.json`; none when no stage has measured anything yet. What is no section is not read."""
    path = workspace.metrics_json
    sections = read_json(path, made_by="python scripts/run.py") if is_file(path) else {}
    return {name: section for name, section in sections.items() if isinstance(section, dict)}


def write_metrics(workspace: Workspace, section: str, values: Mapping[str, Any]) -> None:
    """Replace one section of `metrics.json` ("capture", "poses", "train", "eval", "mesh", "world", "truth", ...)."""
    metrics = read_metrics(workspace)
    metrics[section] = dict(values)
    write_json(workspace.metrics_json, metrics)
