"""The settings of conf/evaluate; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.workspace.settings import above, between


@dataclass(frozen=True)
class EvaluateSettings:
    """Which held-out views are scored, and how large."""

    every: Annotated[int, between(1, 1_000_000)]
    max_views: Annotated[int, between(1, 1_000_000)] | None
    scale: Annotated[float, above(0, up_to=1)]
