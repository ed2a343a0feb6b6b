"""Scale, north and place from the GPS positions of photos.

The camera centres z (horizontal, as complex numbers) map to metres east + i north by e = a z + b: |a| is metres per
unit, arg a the turn about up. Receivers are off by metres and now and then by tens of them, so the fit starts from the
pair of photos with the least median residual (Rousseeuw 1984, up to half may be wrong) and ends in least squares over
those within three sigma. The vertical, twice as noisy, only places the world's height. The up axis: `recon.poses.up.gps_up`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recon.errors import UserError
from recon.formats.exif_gps import read_gps
from recon.geometry.geodesy import Geo, GpsFix, enu_from_fixes, fix_from_enu
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Similarity
from recon.poses.scale.measurement import Measurement
from recon.workspace import Workspace, read_json

MIN_FIXES = 5
_TRIALS = 1000
_MEDIAN_OF_RAYLEIGH = 1.1774  # median length of a plane's unit normal errors
GATE = 3.0  # sigmas
_MAX_HEADING_ERROR_DEG = 10.0  # beyond: the place of the world on the Earth is not told


@dataclass(frozen=True)
class GpsFit:
    """East and north of the cameras against GPS: e = a z + b."""

    a: complex  # metres per unit and turn
    b: complex  # metres from the anchor
    sigma_m: float  # of one fix, per axis
    relative_error: float  # one sigma of |a|; of arg a in radians
    n_fixes: int
    is_inlier: NDArray[np.bool_]  # [n]
    anchor: GpsFix


def gps_of(reconstruction: Reconstruction, workspace: Workspace) -> dict[str, GpsFix]:
    """Fixes by name of view: from frames.json for captured photos, from the pictures' own EXIF for given data sets."""
    captured = [
        view for view in reconstruction.views if view.image.resolve().is_relative_to(workspace.frames.resolve())
    ]
    if captured and workspace.frames_json.exists():
        return _from_frames_json(captured, workspace.frames_json)
    fixes = {view.name: read_gps(view.image) for view in reconstruction.views if view.image.is_file()}
    return {name: fix for name, fix in fixes.items() if fix is not None}


def fit_gps(reconstruction: Reconstruction, gps: Mapping[str, GpsFix], *, seed: int) -> GpsFit | None:
    """The fit of an upright world, or None with fewer than five fixes at different places."""
    views = [view for view in reconstruction.views if view.name in gps]
    fixes = [gps[view.name] for view in views]
    if len({(fix.latitude_deg, fix.longitude_deg) for fix in fixes}) < MIN_FIXES:
        return None
    anchor = median_fix(fixes)
    enu = enu_from_fixes(fixes, anchor)
    centers = np.stack([view.world_from_camera[:3, 3] for view in views])
    z, e = centers[:, 0] + 1j * centers[:, 1], enu[:, 0] + 1j * enu[:, 1]
    best = _least_median(z, e, np.random.default_rng(seed))
    if best is None:
        return None
    a, b, sigma = best
    is_inlier = np.abs(e - a * z - b) <= GATE * sigma
    for _ in range(10):
        a, b, sigma = _least_squares(z[is_inlier], e[is_inlier])
        kept = np.abs(e - a * z - b) <= GATE * sigma
        if kept.sum() < MIN_FIXES or (kept == is_inlier).all():
            break
        is_inlier = kept
    inner = z[is_inlier]
    spread = float(np.sqrt((np.abs(inner - inner.mean()) ** 2).sum()))
    if abs(a) * spread <= 0:
        return None
    widened = sigma * drift((e - a * z - b)[is_inlier])
    return GpsFit(a, b, sigma, widened / (abs(a) * spread), len(fixes), is_inlier, anchor)


def measure_gps(fit: GpsFit) -> Measurement:
    return Measurement(
        "gps",
        abs(fit.a),
        fit.relative_error,
        f"GPS of {np.count_nonzero(fit.is_inlier)} of {fit.n_fixes} photos, off by {fit.sigma_m:.1f} m each",
    )


def georeference(fit: GpsFit, reconstruction: Reconstruction, gps: Mapping[str, GpsFix]) -> Geo | None:
    """Where a metric world lies on the Earth, its anchor at the world's origin; None where GPS cannot tell north."""
    heading_error_deg = float(np.degrees(fit.relative_error))
    if reconstruction.scale is None or heading_error_deg > _MAX_HEADING_ERROR_DEG:
        return None
    metres = reconstruction.scale.metres_per_unit
    views = [view for view in reconstruction.views if view.name in gps]
    centers = metres * np.stack([view.world_from_camera[:3, 3] for view in views])[fit.is_inlier]
    enu = enu_from_fixes([gps[view.name] for view in views], fit.anchor)[fit.is_inlier]
    turn = fit.a / abs(fit.a)
    rotation = np.array([[turn.real, -turn.imag, 0.0], [turn.imag, turn.real, 0.0], [0.0, 0.0, 1.0]])
    offsets = enu - centers @ rotation.T
    known = offsets[np.isfinite(offsets[:, 2]), 2]
    origin = np.array([*offsets[:, :2].mean(0), np.median(known) if len(known) else 0.0])
    place = fix_from_enu(origin, fit.anchor)
    return Geo(
        place.latitude_deg,
        place.longitude_deg,
        place.altitude_m,
        Similarity(metres, rotation, np.zeros(3)),
        fit.sigma_m / float(np.sqrt(len(centers))),
        heading_error_deg,
    )


# ---- the fit -------------------------------------------------------------------------------------------------------


def _least_median(z: NDArray[np.complex128], e: NDArray[np.complex128], rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """(a, b, sigma) of the pair whose line through leaves the least median residual."""
    first, second = rng.integers(len(z), size=_TRIALS), rng.integers(len(z), size=_TRIALS)
    step = z[second] - z[first]
    is_apart = np.abs(step) > 1e-9 * max(float(np.abs(z - z.mean()).max()), 1e-300)
    a = (e[second] - e[first])[is_apart] / step[is_apart]
    b = e[first][is_apart] - a * z[first][is_apart]
    usable = np.abs(a) > 0
    if not usable.any():
        return None
    a, b = a[usable], b[usable]
    medians = np.median(np.abs(e - a[:, None] * z - b[:, None]), axis=1)
    best = int(np.argmin(medians))
    # Rousseeuw's factor for small samples; two fixes fit exactly.
    sigma = max(float(medians[best]) / _MEDIAN_OF_RAYLEIGH * (1 + 5 / max(len(z) - 2, 1)), 1e-9)
    return a[best], b[best], sigma


def _least_squares(z: NDArray[np.complex128], e: NDArray[np.complex128]) -> tuple[complex, complex, float]:
    """(a, b, sigma per axis)."""
    centred = z - z.mean()
    a = complex((centred.conj() * e).sum() / (np.abs(centred) ** 2).sum())
    b = complex(e.mean() - a * z.mean())
    residuals = np.abs(e - a * z - b)
    return a, b, max(float(np.sqrt((residuals**2).sum() / max(2 * len(z) - 4, 1))), 1e-9)


def drift(residuals: NDArray[np.complex128]) -> float:
    """By how much errors that last from photo to photo widen an error bar: first-order autocorrelation.

    Only what is clear beyond chance (two sigma, 2 / sqrt n) counts.
    """
    power = float((np.abs(residuals) ** 2).sum())
    if power <= 0 or len(residuals) < 8:
        return 1.0
    correlation = float((residuals[1:] * residuals[:-1].conj()).sum().real) / power
    if correlation < 2 / np.sqrt(len(residuals)):
        return 1.0
    correlation = min(correlation, 0.95)
    return float(np.sqrt((1 + correlation) / (1 - correlation)))


def median_fix(fixes: Sequence[GpsFix]) -> GpsFix:
    """A fix amid the others; longitudes are taken about the first, so that 180 degrees is no edge."""
    first = fixes[0].longitude_deg
    turned = np.median([(fix.longitude_deg - first + 180) % 360 - 180 for fix in fixes])
    heights = [fix.altitude_m for fix in fixes if fix.altitude_m is not None]
    longitude = (float(first + turned) + 180) % 360 - 180
    latitude = float(np.median([fix.latitude_deg for fix in fixes]))
    return GpsFix(latitude, longitude, float(np.median(heights)) if heights else None)


def _from_frames_json(views: Sequence[View], file: Path) -> dict[str, GpsFix]:
    value = read_json(file, made_by="python scripts/capture.py capture.source=VIDEO_OR_FOLDER workspace=...")
    names = {view.name for view in views}
    try:
        raw = {str(frame["name"]): frame.get("gps") for frame in value["frames"]}
        return {name: GpsFix(**fix) for name, fix in raw.items() if fix is not None and name in names}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{file}: not a frames file ({error!r}). Run capture again.") from error
