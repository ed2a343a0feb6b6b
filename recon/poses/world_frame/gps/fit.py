"""Scale, north and place from the GPS positions of photos.

The camera centres z (horizontal, as complex numbers) map to metres east + i north by e = a z + b: |a| is metres per
unit, arg a the turn about up. Receivers are off by metres and now and then by tens of them, so the fit starts from the
pair of photos with the least median residual (Rousseeuw 1984, up to half may be wrong) and ends in least squares over
those within three sigma. The vertical, twice as noisy, only places the world's height. The up axis: `gps_up` in `up/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry.geodesy import Geo, GpsFix, enu_from_fixes, fix_from_enu
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Similarity
from recon.poses.world_frame.gps.fixes import GATE, MIN_FIXES, drift, median_fix

_TRIALS = 1000
_MEDIAN_OF_RAYLEIGH = 1.1774  # median length of a plane's unit normal errors
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
    """a and b of e = a z + b, and sigma along each axis."""
    centred = z - z.mean()
    a = complex((centred.conj() * e).sum() / (np.abs(centred) ** 2).sum())
    b = complex(e.mean() - a * z.mean())
    residuals = np.abs(e - a * z - b)
    return a, b, max(float(np.sqrt((residuals**2).sum() / max(2 * len(z) - 4, 1))), 1e-9)
