"""The settings of conf/views; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.settings import above, between


@dataclass(frozen=True)
class ViewsSettings:
    """A video along a camera path."""

    seconds: Annotated[float, above(0, up_to=3600)]
    fps: Annotated[float, between(0.1, 240)]
    max_size: Annotated[int, between(2, 16384)]
    smoothing: Annotated[float, between(0, 10_000)]
    png: bool
