"""The settings of conf/dataset; what each means is told there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from recon.formats.intrinsics import check_intrinsics
from recon.poses.given.formats import FORMATS, Options
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from recon.workspace.settings import above, between


@dataclass(frozen=True)
class DatasetSettings:
    """Where poses come from: "capture", or a format of given ones with what its reader needs."""

    format: str
    path: str | None
    images: str | None
    intrinsics: Any  # a file, or numbers: see recon.formats.intrinsics
    time_tolerance_s: Annotated[float, between(0, 3600)] | None
    unit_m: Annotated[float, above(0)] | None
    align: Literal["auto", "keep", "up"]
    triangulate: Literal["auto", "always", "never"]
    refine: bool
    refine_intrinsics: bool

    def __post_init__(self) -> None:
        if self.format not in ("capture", *FORMATS):
            raise UserError(f"dataset.format={self.format}: expected one of capture, {', '.join(FORMATS)}")
        check_intrinsics(self.intrinsics)
        if isinstance(self.intrinsics, Sequence) and not isinstance(self.intrinsics, str):
            object.__setattr__(self, "intrinsics", tuple(self.intrinsics))
        self._check_used()
        if self.refine and self.triangulate == "never":
            raise UserError("dataset.refine=true needs points: set dataset.triangulate to auto or always")
        if self.refine_intrinsics and not self.refine:
            raise UserError("dataset.refine_intrinsics=true works on refined poses only: set dataset.refine=true too")

    def _check_used(self) -> None:
        """A setting that the format has no use for is a mistake, not to be passed over."""
        for name in ("images", "intrinsics", "time_tolerance_s"):
            value = getattr(self, name)
            used = () if self.format == "capture" else FORMATS[self.format].options
            if value is not None and name not in used:
                users = [key for key, its in FORMATS.items() if name in its.options]
                raise UserError(
                    f"dataset.{name}={value}: dataset={self.format} does not use it, only {', '.join(users)}"
                )

    def options(self, workspace: Workspace) -> Options:
        return Options(self.images, self.intrinsics, self.time_tolerance_s, workspace)
