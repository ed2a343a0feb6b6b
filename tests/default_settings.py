"""The settings of conf/ for tests, with changes: `default_settings(MeshSettings, "mesh", max_faces=100)`."""

from pathlib import Path
from typing import Any, TypeVar

import yaml

from recon.settings import read_settings

CONF = Path(__file__).resolve().parent.parent / "conf"
T = TypeVar("T")


def default_settings(cls: type[T], group: str, choice: str = "default", **changes: Any) -> T:
    values = yaml.safe_load((CONF / group / f"{choice}.yaml").read_text())
    return read_settings(cls, group, {**values, **changes})
