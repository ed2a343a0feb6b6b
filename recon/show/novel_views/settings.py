"""The settings of conf/views; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.workspace.errors import UserError
from recon.workspace.settings import above, between

PATHS = ("interpolate", "orbit", "spiral")


@dataclass(frozen=True)
class ViewsSettings:
    """A video along a camera path."""

    seconds: Annotated[float, above(0, up_to=3600)]
    fps: Annotated[float, between(0.1, 240)]
    max_size: Annotated[int, between(2, 16384)]
    smoothing: Annotated[float, between(0, 10_000)]
    png: bool


def check_path(path: str) -> None:
    """`UserError` unless `path` names a camera path: one of `PATHS`, or a nerfstudio camera-path .json file."""
    if path not in PATHS and not path.lower().endswith(".json"):
        raise UserError(f"path={path}: expected {', '.join(PATHS)} or a nerfstudio camera-path .json file")
