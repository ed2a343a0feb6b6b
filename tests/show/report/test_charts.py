"""Charts and maps: round ticks, and odd data left out rather than drawn."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from recon.geometry import Camera, Reconstruction, View
from recon.show.report.camera_map import camera_map
from recon.show.report.charts import bars, line_chart, log_ticks, nice_ticks


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3.2, 7.9), (1e-6, 3e-6), (0, 12345)])
def test_ticks_are_round_and_inside(low, high):
    ticks = nice_ticks(low, high)
    assert 2 <= len(ticks) <= 7 and low - 1e-9 <= ticks[0] and ticks[-1] <= high * (1 + 1e-9)


def test_log_ticks():
    np.testing.assert_allclose(10 ** np.array(log_ticks(-2, 0)), [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
    assert len(log_ticks(0.32, 0.45)) >= 2  # no 1, 2 or 5 in there
    assert log_ticks(-5, 0) == [-5, -4, -3, -2, -1, 0]


@pytest.mark.parametrize("points", [[], [(0, math.nan)], [(0, None), (1, "x")]])
def test_nothing_to_draw_is_no_chart(points):
    assert line_chart("loss", {"loss": points}) == ""


@pytest.mark.parametrize("points", [[(0, 3.0)], [(5, 2.0), (6, 2.0)], [(0, 0.0), (10, 1e-9), (20, math.inf)]])
@pytest.mark.parametrize("log", [False, True])
def test_odd_data_gives_finite_coordinates(points, log):
    assert not re.search(r"nan|inf", line_chart("x", {"x": points}, log=log))


def test_long_curves_are_thinned():
    assert len(line_chart("x", {"x": [(i, i % 7) for i in range(100_000)]})) < 20_000


def test_bars_of_zeros():
    assert bars([0.0, 0.0], [True, False], "sharpness").count("<rect") == 2


@pytest.mark.parametrize("n", [1, 5])
def test_camera_map_without_points_or_motion(n):
    camera = Camera("PINHOLE", (4, 6), 5, 5, 3, 2)
    views = tuple(View(f"{i}", Path("x.png"), camera, np.eye(4)) for i in range(n))
    svg = camera_map(Reconstruction(views), axes=(0, 2), title="side")
    assert svg.count("<circle") == n and not re.search(r"nan|inf", svg)
