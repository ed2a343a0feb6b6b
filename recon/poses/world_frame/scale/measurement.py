"""One measured scale: the noun that every source of metres returns."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Measurement:
    """What one source says of the scale of the world."""

    kind: str  # a value of `scale.source`: "distance", "markers", "gps", "camera_height", "given", "depth"
    metres_per_unit: float
    relative_error: float  # one sigma, as a fraction
    source: str  # for people: "distance between frames 00000 and 00042, 2 m given"

    def __post_init__(self) -> None:
        assert np.isfinite([self.metres_per_unit, self.relative_error]).all()
        assert self.metres_per_unit > 0 and self.relative_error >= 0

    def report(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "metres_per_unit": self.metres_per_unit,
            "relative_error": self.relative_error,
            "source": self.source,
        }


def sigmas_apart(a: Measurement, b: Measurement) -> float:
    """By how many standard deviations two scales differ (of the logarithm of their ratio); inf between exact ones."""
    difference = abs(float(np.log(a.metres_per_unit / b.metres_per_unit)))
    error = float(np.hypot(a.relative_error, b.relative_error))
    return difference / error if error > 0 else (np.inf if difference > 1e-12 else 0.0)
