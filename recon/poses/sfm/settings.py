"""The settings of conf/poses; what each means is told there."""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal, Self

from recon.poses.sfm.families import LENS_MODELS
from recon.workspace.errors import UserError
from recon.workspace.settings import between


@dataclass(frozen=True)
class MatchSettings:
    """The settings that decide which features are found and which frames are matched."""

    image_size: Annotated[int, between(64, 65536)] | None
    max_features: Annotated[int, between(16, 1_000_000)] | None
    pairs: Literal["auto", "sequential", "exhaustive", "retrieval"]
    overlap: Annotated[int, between(1, 10_000)]
    loop_neighbours: Annotated[int, between(0, 10_000)]
    exhaustive_up_to: Annotated[int, between(0, 100_000)]
    retrieval_neighbours: Annotated[int, between(1, 10_000)]

    @property
    def wider(self) -> Self:
        """Three times as many neighbours of every kind."""
        neighbours = ("overlap", "loop_neighbours", "retrieval_neighbours")
        return replace(self, **{name: 3 * getattr(self, name) for name in neighbours})


@dataclass(frozen=True)
class PoseSettings(MatchSettings):
    """Structure from motion."""

    mapper: Literal["auto", "incremental", "global"]
    camera_model: str
    focal_px: Annotated[float, between(16, 1_000_000)] | None
    retry_below: Annotated[float, between(0, 1)]
    min_registered: Annotated[float, between(0, 1)]
    dense: bool

    def __post_init__(self) -> None:
        if self.camera_model not in ("auto", *LENS_MODELS):
            raise UserError(
                f"poses.camera_model={self.camera_model}: expected one of {', '.join(('auto', *LENS_MODELS))}"
            )

    @property
    def of_matching(self) -> MatchSettings:
        return MatchSettings(**{field.name: getattr(self, field.name) for field in fields(MatchSettings)})
