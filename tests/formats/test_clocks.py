"""Units of time stamps, by spacing and by what poses and pictures have in common."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats.clocks import common_clock, unit_of

TIMES_S = np.arange(40) / 15


@pytest.mark.parametrize(
    ("start_s", "factor", "unit"),
    [
        (0, 1, "seconds"), (1.7e9, 1, "seconds"), (0, 1e3, "milliseconds"), (1.7e9, 1e3, "milliseconds"),
        (0, 1e6, "microseconds"), (1.7e9, 1e6, "microseconds"), (5e4, 1e9, "nanoseconds"), (1.7e9, 1e9, "nanoseconds"),
    ],
)  # fmt: skip
def test_the_unit_is_told_by_spacing(start_s: float, factor: float, unit: str) -> None:
    assert unit_of((TIMES_S + start_s) * factor) == unit


def test_a_slow_time_lapse_of_dated_photos_is_in_seconds() -> None:
    assert unit_of(1.7e9 + 20.0 * np.arange(9)) == "seconds"


def test_poses_and_pictures_in_other_units_are_of_one_clock() -> None:
    poses, pictures = (1.7e9 + TIMES_S) * 1e9, 1.7e9 + TIMES_S[::4]
    assert common_clock(poses, pictures, Path("t")) == (1e-9, 1.0)
    assert common_clock(TIMES_S, TIMES_S, Path("t")) == (1.0, 1.0)
