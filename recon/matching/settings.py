"""The settings of conf/matching; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated

from recon.workspace.settings import above, between


@dataclass(frozen=True)
class MatchingSettings:
    """Sizes in pixels."""

    enabled: bool
    max_size: Annotated[int, between(64, 8192)]
    sources: Annotated[int, between(2, 16)]
    neighbours: Annotated[int, between(2, 16)]
    min_agreeing: Annotated[int, between(1, 16)]
    agreement_px: Annotated[float, above(0, up_to=100)]
    agreement: Annotated[float, above(0, up_to=1)]
    max_doubt: Annotated[float, above(0, up_to=1)]
    sky: bool
    planes: bool
