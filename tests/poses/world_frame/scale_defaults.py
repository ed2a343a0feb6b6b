"""The scale settings as they are shipped."""

from pathlib import Path
from typing import Any

import yaml

from recon.poses.world_frame.scale.settings import ScaleSettings
from tests.default_settings import default_settings

_FILE = Path(__file__).resolve().parents[3] / "conf/scale/default.yaml"
SCALE: dict[str, Any] = yaml.safe_load(_FILE.read_text())


def changed(**settings: Any) -> ScaleSettings:
    """The defaults with some keys changed, checked."""
    return default_settings(ScaleSettings, "scale", **settings)
