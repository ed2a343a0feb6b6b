"""Up from the GPS positions of photos: for drones, whose cameras look down and do not know which way they are held."""

from collections.abc import Mapping, Sequence

import numpy as np

from recon.geometry.geodesy import GpsFix, enu_from_fixes
from recon.geometry.reconstruction import View
from recon.geometry.transforms import Array, align_points
from recon.poses.world_frame.gps.fixes import GATE, MIN_FIXES, drift, median_fix

_TRIALS = 250
_MEDIAN_OF_MAXWELL = 1.5382  # median length of a space's unit normal errors
_MAX_ERROR_DEG = 5.0


def gps_up(views: Sequence[View], gps: Mapping[str, GpsFix], *, seed: int) -> tuple[Array, float] | None:
    """Up [3] in the frame of the poses and its error in degrees, from all three axes of GPS.

    None unless the cameras spread over an area wide against the noise: a line leaves the turn about itself open.
    """
    known = [view for view in views if view.name in gps and gps[view.name].altitude_m is not None]
    fixes = [gps[view.name] for view in known]
    if len({(fix.latitude_deg, fix.longitude_deg) for fix in fixes}) < MIN_FIXES:
        return None
    centers = np.stack([view.world_from_camera[:3, 3] for view in known])
    enu = enu_from_fixes(fixes, median_fix(fixes))
    rng = np.random.default_rng(seed)
    best, least = None, np.inf
    for _ in range(_TRIALS):
        chosen = rng.choice(len(known), 3, replace=False)
        if np.ptp(centers[chosen], axis=0).max() <= 0:
            continue
        candidate = align_points(centers[chosen], enu[chosen])
        if candidate.scale <= 0:
            continue
        median = float(np.median(np.linalg.norm(candidate.points(centers) - enu, axis=1)))
        if median < least:
            best, least = candidate, median
    if best is None:
        return None
    off = np.linalg.norm(best.points(centers) - enu, axis=1)
    is_inlier = off <= GATE * max(least / _MEDIAN_OF_MAXWELL * (1 + 5 / len(off)), 1e-9)
    if is_inlier.sum() < MIN_FIXES:
        return None
    fit = align_points(centers[is_inlier], enu[is_inlier])
    off_m = fit.points(centers[is_inlier]) - enu[is_inlier]
    sigma = float(np.sqrt((off_m[:, 2] ** 2).sum() / max(len(off_m) - 3, 1)))
    level = enu[is_inlier, :2] - enu[is_inlier, :2].mean(0)
    narrow = float(np.linalg.svd(level, compute_uv=False)[1])
    error_deg = float(np.degrees(np.arctan2(sigma * drift(off_m[:, 2].astype(complex)), narrow)))
    return (fit.rotation.T @ np.array([0.0, 0.0, 1.0]), error_deg) if error_deg <= _MAX_ERROR_DEG else None
