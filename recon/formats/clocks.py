"""In which unit time stamps count: programs write seconds, milli-, micro- or nanoseconds, and rarely say which."""

from pathlib import Path

import numpy as np

from recon.geometry.transforms import Array
from recon.workspace.console import say

UNITS_S = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
_SLOWEST_S = 8.0  # between two frames; 8 to 100 without a date are milliseconds of 10 to 120 frames per second
_EPOCH_S = (1e8, 1e11)  # seconds since 1970 lie between these, whatever the spacing


def unit_of(stamps: Array) -> str:
    """The unit of time stamps [n], by their spacing.

    >>> unit_of(np.array([0.0, 33.3, 66.7])), unit_of(np.array([1.6e9, 1.6e9 + 20]))
    ('milliseconds', 'seconds')
    """
    found = np.unique(stamps)
    spacing = float(np.median(np.diff(found))) if len(found) > 1 else 0.0
    if _EPOCH_S[0] < abs(found[0]) < _EPOCH_S[1] and spacing < 1e4:
        return "seconds"
    if len(found) == 1:
        return next((name for name, unit in UNITS_S.items() if abs(found[0]) * unit < _EPOCH_S[1]), "nanoseconds")
    return next((name for name, unit in UNITS_S.items() if spacing * unit < _SLOWEST_S), "nanoseconds")


def common_clock(poses: Array, pictures: Array, file: Path) -> tuple[float, float]:
    """Seconds in a unit of the time stamps of poses [n] and of pictures [m], which are of one clock; told where not seconds.

    By spacing; where the two then have no time in common, by the units under which they have.
    """
    names = unit_of(poses), unit_of(pictures)
    if not _overlap(poses * UNITS_S[names[0]], pictures * UNITS_S[names[1]]):
        pairs = ((a, b) for a in UNITS_S for b in UNITS_S if a != b)
        found = next((p for p in pairs if _overlap(poses * UNITS_S[p[0]], pictures * UNITS_S[p[1]])), None)
        names = found or names
    if names != ("seconds", "seconds"):
        say(f"{file}: time stamps of poses are read as {names[0]}, those of pictures as {names[1]}")
    return UNITS_S[names[0]], UNITS_S[names[1]]


def _overlap(a: Array, b: Array) -> bool:
    """Whether the spans of two sets of times have half of the shorter one in common."""
    common = min(a.max(), b.max()) - max(a.min(), b.min())
    shorter = min(float(np.ptp(a)), float(np.ptp(b)))
    return bool(common >= 0.5 * shorter) if shorter > 0 else bool(common >= -1.0)
