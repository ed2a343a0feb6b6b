"""GPS fixes of photos, and what is known of their errors."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recon.formats.exif_gps import read_gps
from recon.formats.frames_json import read_capture
from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction
from recon.workspace import Workspace
from recon.workspace.reading import is_file

MIN_FIXES = 5
GATE = 3.0  # sigmas: a fix farther off is an outlier


def gps_of(reconstruction: Reconstruction, workspace: Workspace) -> dict[str, GpsFix]:
    """Fixes by name of view: from frames.json for captured photos, from the pictures' own EXIF for given data sets."""
    captured = [
        view for view in reconstruction.views if view.image.resolve().is_relative_to(workspace.frames.resolve())
    ]
    if captured and is_file(workspace.frames_json):
        names = {view.name for view in captured}
        frames = read_capture(workspace).frames
        return {frame.name: frame.gps for frame in frames if frame.gps is not None and frame.name in names}
    fixes = {view.name: read_gps(view.image) for view in reconstruction.views if is_file(view.image)}
    return {name: fix for name, fix in fixes.items() if fix is not None}


def median_fix(fixes: Sequence[GpsFix]) -> GpsFix:
    """A fix amid the others; longitudes are taken about the first, so that 180 degrees is no edge."""
    first = fixes[0].longitude_deg
    turned = np.median([(fix.longitude_deg - first + 180) % 360 - 180 for fix in fixes])
    heights = [fix.altitude_m for fix in fixes if fix.altitude_m is not None]
    longitude = (float(first + turned) + 180) % 360 - 180
    latitude = float(np.median([fix.latitude_deg for fix in fixes]))
    return GpsFix(latitude, longitude, float(np.median(heights)) if heights else None)


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
