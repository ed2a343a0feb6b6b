"""The settings of conf/train; what each means is told there."""

from dataclasses import dataclass, fields
from typing import Annotated, Literal

from recon.workspace.errors import UserError
from recon.workspace.settings import above, between


@dataclass(frozen=True)
class Recipe:
    """The settings of the optimisation itself: with the seed and the pictures they decide which field comes out."""

    samples_per_step: Annotated[int, between(64, 100_000_000)] | None
    max_rays_per_step: Annotated[int, between(64, 10_000_000)] | None
    learning_rate: Annotated[float, above(0, up_to=10)]
    final_learning_rate_ratio: Annotated[float, between(0, 1)]
    weight_decay: Annotated[float, between(0, 100)]
    huber_delta: Annotated[float, above(0, up_to=100)]
    opacity_loss: Annotated[float, between(0, 1000)]
    distortion_loss: Annotated[float, between(0, 1000)]
    sky_noise: Annotated[float, between(0, 1)]
    depth_share: Annotated[float, between(0, 10)]
    depth_band: Annotated[float, between(1e-4, 0.5)]
    depth_loss: Annotated[float, between(0, 1000)]
    sensor_depth: bool
    exposure: bool
    occupancy_interval: Annotated[int, between(1, 100_000)]
    occupancy_probes: Annotated[int, between(1, 1_000_000_000)]
    occupancy_decay: Annotated[float, between(0, 1)]
    occupancy_threshold: Annotated[float, above(0, up_to=1000)]


@dataclass(frozen=True)
class TrainSettings(Recipe):
    """The recipe; how long, from which pixels, and what is shown and saved meanwhile."""

    quality: Literal["draft", "standard", "high"] | None
    max_seconds: Annotated[float, above(0)] | None
    max_steps: Annotated[int, between(1, 1_000_000_000)] | None
    max_image_size: Annotated[int, between(2, 65536)] | None
    image_memory_mb: Annotated[float, above(0)]
    checkpoint_seconds: Annotated[float, between(0, 1_000_000)]
    preview_count: Annotated[int, between(0, 100_000)]
    preview_size: Annotated[int, between(2, 16384)]

    def __post_init__(self) -> None:
        if self.quality is None and self.max_steps is None and self.max_seconds is None:
            raise UserError("train.quality, train.max_steps and train.max_seconds are all null: set at least one")

    @property
    def recipe(self) -> Recipe:
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})
