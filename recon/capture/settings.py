"""The settings of conf/capture; what each means is told there."""

from dataclasses import dataclass
from typing import Annotated, Literal

from recon.capture.keyframes import Spacing
from recon.capture.mask_function import NAME
from recon.capture.panorama import ViewPlan, plan_views
from recon.capture.records import MIN_VIEWS
from recon.workspace.errors import UserError
from recon.workspace.settings import above, between, written


@dataclass(frozen=True)
class CaptureSettings:
    """What is taken of a video or of a folder of photos, and how it is written."""

    source: str | None
    subfolders: bool
    target_count: Literal["auto"] | Annotated[int, between(MIN_VIEWS, 100_000)]
    min_count: Annotated[int, between(MIN_VIEWS, 100_000)]
    max_count: Annotated[int, between(MIN_VIEWS, 100_000)]
    max_parallax: Annotated[float, above(0, up_to=0.999)]
    min_overlap: Annotated[float, between(0.001, 0.999)]
    max_size: Annotated[int, between(64, 16384)] | None
    jpeg_quality: Annotated[int, between(1, 100)]
    alpha: Literal["mask", "empty"]
    mask_fn: Annotated[str, written(NAME, "like package.module:function")] | None
    projection: Literal["auto", "perspective", "equirectangular"]
    panorama_views: Annotated[int, between(3, 12)]
    panorama_fov_deg: Annotated[float, between(30, 120)]
    panorama_poles: Literal["none", "up", "down", "both"]

    def __post_init__(self) -> None:
        if self.target_count != "auto" and self.target_count > self.max_count:
            raise UserError(
                f"capture.target_count={self.target_count} is over capture.max_count={self.max_count}: "
                "lower the one or raise the other"
            )
        self.plan()

    @property
    def spacing(self) -> Spacing:
        """How far apart frames of a video are kept. A limit below the least number lowers that too."""
        return Spacing(
            target_count=None if self.target_count == "auto" else self.target_count,
            min_count=min(self.min_count, self.max_count),
            max_count=self.max_count,
            max_parallax=self.max_parallax,
            min_overlap=self.min_overlap,
        )

    def plan(self) -> ViewPlan:
        """The views that panoramas are cut into; `UserError` where they leave gaps."""
        return plan_views(n_around=self.panorama_views, fov_deg=self.panorama_fov_deg, poles=self.panorama_poles)
