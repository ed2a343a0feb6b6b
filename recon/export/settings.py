"""The settings of conf/export; what each means is told there."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from recon.export.trials.engine_run import TRIALS
from recon.workspace.errors import UserError
from recon.workspace.settings import above, at_least, between, written

_ONE_LINE = written(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]+", "of one line, without control characters")
_COARSEST_M, _FINEST_M = 0.02, 0.005  # of the tolerances that are taken where none is asked for
_VOXELS = 1.5  # of the mesh: a surface is not known more closely
_RELIEF = 2.5  # times the fine tolerance
Name = Annotated[str, written(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, no digit first")]


@dataclass(frozen=True)
class ExportSettings:
    """Lengths in metres; of a scene without scale, as `assumed_diagonal_m` says."""

    name: Name
    license: str | None
    license_holder: Annotated[str, _ONE_LINE] | None
    tolerance_m: Annotated[float, above(0, up_to=10)] | None
    relief_tolerance_m: Annotated[float, above(0, up_to=10)] | None
    reach_m: Annotated[float, above(0, up_to=100_000)]
    wall_thickness_m: Annotated[float, above(0, up_to=100)]
    collision_faces: Annotated[int, between(4, 10_000_000)]
    max_parts: Annotated[int, between(1, 100_000)]
    ground_cell_m: Annotated[float, above(0, up_to=100)]
    friction: Annotated[float, between(0, 100)]
    things: Literal["static", "free", "none"]
    things_boxes: Any
    things_density: Annotated[float, above(0, up_to=100_000)]
    assumed_diagonal_m: Annotated[float, above(0)]
    verify: bool
    engines: Any
    drop_spheres: Annotated[int, at_least(1, up_to=100_000)]
    sphere_radius_m: Annotated[float, above(0, up_to=100)]
    drop_seconds: Annotated[float, above(0, up_to=1000)]
    walk_steps: Annotated[int, between(0, 10_000_000)]

    def __post_init__(self) -> None:
        _check_boxes(self.things_boxes)
        if self.license is not None:
            _check_license(self.license)
        known = ", ".join(TRIALS)
        if self.engines is None:
            return
        if not isinstance(self.engines, list | tuple) or not all(
            isinstance(engine, str) and engine in TRIALS for engine in self.engines
        ):
            raise UserError(f"export.engines={self.engines!r}: expected null or a list of {known}.")

    @property
    def fine_m(self) -> float:
        """How close contact geometry keeps to what is seen where something may stand or drive against it."""
        return _COARSEST_M if self.tolerance_m is None else self.tolerance_m

    @property
    def relief_m(self) -> float:
        """The same elsewhere."""
        return _RELIEF * self.fine_m if self.relief_tolerance_m is None else max(self.fine_m, self.relief_tolerance_m)

    def for_detail(self, voxel_m: float | None) -> "ExportSettings":
        """The same with a tolerance, where none is asked for, that suits a mesh of so large voxels (None: unknown)."""
        if self.tolerance_m is not None or voxel_m is None:
            return self
        return replace(self, tolerance_m=round(min(max(_VOXELS * voxel_m, _FINEST_M), _COARSEST_M), 4))


def _check_license(license: str) -> None:
    """An SPDX identifier or expression, which other programs can read."""
    expected = "an SPDX identifier, as CC-BY-4.0, CC0-1.0 or MIT, or LicenseRef-NAME for a licence of your own"
    try:
        meant = canonicalize_license_expression(license)
    except InvalidLicenseExpression as error:
        raise UserError(f"export.license={license!r}: expected {expected}.") from error
    if license != meant:
        raise UserError(f"export.license={license!r}: expected {meant}, as SPDX writes it.")


def _check_boxes(boxes: Any) -> None:
    """A list of boxes, each two corners [3] of which the first is the lower in every axis."""
    whole = boxes if isinstance(boxes, list | tuple) else [boxes]
    for number, corners in enumerate(whole):
        try:
            values = np.asarray(corners, float)
        except (TypeError, ValueError, OverflowError):
            values = np.zeros(0)
        if values.shape != (2, 3) or not np.isfinite(values).all() or not (values[0] < values[1]).all():
            raise UserError(
                f"export.things_boxes: expected a list of boxes [[x, y, z], [x, y, z]] in metres, the lower corner first, "
                f"found {corners!r} (number {number})."
            )
