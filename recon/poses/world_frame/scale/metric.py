"""From arbitrary units to metres: every source that is there is measured, the surest wins, the others check it.

`apply_scale` is all that a stage calls. It reads no settings but those of conf/scale and writes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.transforms import Similarity
from recon.poses.world_frame.gps.fit import GpsFit, fit_gps, georeference
from recon.poses.world_frame.scale.camera_height import measure_camera_height
from recon.poses.world_frame.scale.depth import measure_depth
from recon.poses.world_frame.scale.known_distance import measure_known_distance
from recon.poses.world_frame.scale.markers import measure_markers
from recon.poses.world_frame.scale.measurement import Measurement, sigmas_apart
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace.console import warn
from recon.workspace.errors import UserError

_DISAGREE = 3.0  # sigmas
_USELESS = 0.25  # a scale that is off by a quarter is no scale: one sigma
_NAMES = {
    "distance": "the known distance",
    "markers": "the printed markers",
    "gps": "the GPS positions of the photos",
    "camera_height": "the camera's height above the ground",
    "given": "the unit of the given poses",
    "depth": "the depth beside the pictures",
}


@dataclass(frozen=True)
class Clues:
    """What a capture itself says about its scale and its errors."""

    gps: Mapping[str, GpsFix] = field(default_factory=dict)  # by name of view
    position_error: float = 0.0  # one sigma of a camera centre, world units
    unit_m: float | None = None  # metres in a unit of poses that were given; None: unknown, or poses were found


@dataclass(frozen=True)
class MeasuredScale:
    """What was measured, and what is believed."""

    chosen: Measurement | None  # None: the scale stays unknown
    measurements: tuple[Measurement, ...]  # all, the surest first
    gps: GpsFit | None

    def report(self) -> list[dict[str, Any]]:
        """For report.json: each source, and how far it is from the one that is used."""
        return [
            {
                **measurement.report(),
                "is_used": measurement is self.chosen,
                "ratio_to_used": self.chosen and measurement.metres_per_unit / self.chosen.metres_per_unit,
                "sigmas_from_used": self.chosen and sigmas_apart(measurement, self.chosen),
            }
            for measurement in self.measurements
        ]


def apply_scale(
    reconstruction: Reconstruction, settings: ScaleSettings, clues: Clues, *, seed: int
) -> tuple[Reconstruction, list[dict[str, Any]]]:
    """The reconstruction in metres where something is measured, else unchanged; and a report of every source.

    Raises `UserError` for a source that is asked for and cannot be measured; warns where two disagree.
    """
    measured = _measure(reconstruction, settings, clues, seed)
    for warning in disagreements(measured):
        warn(warning)
    if measured.chosen is None:
        return reconstruction, measured.report()
    chosen = measured.chosen
    metric = reconstruction.transformed(Similarity(chosen.metres_per_unit, np.eye(3), np.zeros(3)))
    metric = replace(metric, scale=Scale(1.0, chosen.source, chosen.relative_error))
    if measured.gps is not None:
        metric = replace(metric, geo=georeference(measured.gps, metric, clues.gps))
    return metric, measured.report()


def _measure(reconstruction: Reconstruction, settings: ScaleSettings, clues: Clues, seed: int) -> MeasuredScale:
    """Every source that `settings`, the photos and the format offer."""
    if settings.source == "none":
        return MeasuredScale(None, (), None)
    fit = fit_gps(reconstruction, clues.gps, seed=seed) if reconstruction.is_up_aligned else None
    error = clues.position_error
    measure: dict[str, Callable[[], Measurement | None]] = {
        "distance": lambda: measure_known_distance(reconstruction, settings, position_error=error),
        "markers": lambda: measure_markers(reconstruction, settings, position_error=error),
        "camera_height": lambda: measure_camera_height(reconstruction, settings),
        "gps": lambda: None if fit is None else _measure_gps(fit),
        "given": lambda: _declared(settings, clues.unit_m),
        "depth": lambda: measure_depth(reconstruction, settings),
    }
    found = [measurement for function in measure.values() if (measurement := function()) is not None]
    ranked = tuple(sorted(found, key=lambda measurement: measurement.relative_error))
    return MeasuredScale(_choose(ranked, settings, clues.gps), ranked, fit)


def disagreements(measured: MeasuredScale) -> list[str]:
    """In plain words, each source that is more than three sigma from the one that is used."""
    chosen = measured.chosen
    if chosen is None:
        return []
    return [
        f"scale: {_NAMES[other.kind]} and {_NAMES[chosen.kind]} disagree: {other.source} makes everything "
        f"{other.metres_per_unit / chosen.metres_per_unit:.3g} times the size (+-{other.relative_error:.1%}) that "
        f"{chosen.source} does (+-{chosen.relative_error:.1%}). One of the two is wrong; {_NAMES[chosen.kind]} "
        "is used (scale.source=... picks another)"
        for other in measured.measurements
        if other is not chosen and sigmas_apart(other, chosen) > _DISAGREE
    ]


def _choose(ranked: Sequence[Measurement], settings: ScaleSettings, gps: Mapping[str, GpsFix]) -> Measurement | None:
    if settings.source == "auto":
        best = ranked[0] if ranked else None
        if best is not None and best.relative_error > _USELESS:
            warn(
                f"scale: the {best.source} would fix the scale to +-{best.relative_error:.0%} only, so it stays "
                "unknown. Give another measure (scale.known_distance_m, scale.marker_m)"
            )
            return None
        return best
    asked = [measurement for measurement in ranked if measurement.kind == settings.source]
    if asked:
        return asked[0]
    why = {
        "gps": f"{len(gps)} of the photos carry a GPS position; 5 at different places, and a known up axis, are needed.",
        "given": "poses with a known unit are not given: set dataset.unit_m=... (metres in a unit) with dataset=...",
        "depth": "no depth beside the pictures fits 50 of the sparse points (docs/conventions.md tells where depth may lie).",
    }
    raise UserError(f"scale.source={settings.source}: {why[settings.source]}")


def _declared(settings: ScaleSettings, unit_m: float | None) -> Measurement | None:
    """The unit of given poses, where the format or the person says what it is."""
    if unit_m is None:
        return None
    source = f"the unit of the given poses, {unit_m:g} m (dataset.unit_m)"
    return Measurement("given", unit_m, settings.given_relative_error, source)


def _measure_gps(fit: GpsFit) -> Measurement:
    return Measurement(
        "gps",
        abs(fit.a),
        fit.relative_error,
        f"GPS of {np.count_nonzero(fit.is_inlier)} of {fit.n_fixes} photos, off by {fit.sigma_m:.1f} m each",
    )
