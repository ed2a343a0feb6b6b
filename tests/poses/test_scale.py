"""Scale from a known distance: metres come out, errors carry, bad input is named."""

from pathlib import Path

import numpy as np
import pytest

from recon.errors import UserError
from recon.geometry import Camera, Points, Reconstruction, View
from recon.poses.scale import apply_known_distance, scale_settings

SETTINGS = {"known_distance_m": None, "known_distance_error_m": 0.01, "between": None, "points": None}


def scene() -> Reconstruction:
    camera = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0)
    views = []
    for i, x in enumerate((0.0, 1.0, 1.0, 4.0)):
        pose = np.eye(4)
        pose[0, 3] = x
        views.append(View(f"f{i}", Path("x.png"), camera, pose))
    return Reconstruction(tuple(views), Points(np.array([[0.0, 0, 2]]), np.zeros((1, 3), np.uint8)))


def test_unknown_stays_unknown() -> None:
    assert apply_known_distance(scene(), **SETTINGS).scale is None


@pytest.mark.parametrize(("between", "factor"), [(None, 0.5), (["f0", "f1"], 2.0), ([0, -1], 0.5), (["f1", 3], 2 / 3)])
def test_known_distance_between_frames(between: list | None, factor: float) -> None:
    metric = apply_known_distance(scene(), **{**SETTINGS, "known_distance_m": 2.0, "between": between})
    np.testing.assert_allclose(metric.centers[:, 0], factor * np.array([0, 1, 1, 4]))
    assert metric.points is not None and metric.points.positions[0, 2] == pytest.approx(2 * factor)
    assert metric.scale is not None and metric.scale.metres_per_unit == 1.0
    assert metric.scale.relative_error == pytest.approx(0.005) and "2 m given" in metric.scale.source
    assert metric.world_from_capture.scale == pytest.approx(factor)


def test_known_distance_between_points_and_its_error() -> None:
    settings = {**SETTINGS, "known_distance_m": 3.0, "points": [[0, 0, 0], [0, 0, 6]]}
    metric = apply_known_distance(scene(), **settings, position_error=0.06)
    assert metric.centers[3, 0] == pytest.approx(2.0)
    assert metric.scale is not None
    assert metric.scale.relative_error == pytest.approx(np.hypot(0.01 / 3, np.sqrt(2) * 0.06 / 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"known_distance_m": 0.0}, "positive"),
        ({"known_distance_m": -1}, "positive"),
        ({"known_distance_m": float("nan")}, "positive"),
        ({"known_distance_m": "2"}, "positive"),
        ({"known_distance_m": 2.0, "between": ["f0", "g9"]}, "g9"),
        ({"known_distance_m": 2.0, "between": [0, 9]}, "9"),
        ({"known_distance_m": 2.0, "between": "f0"}, "two frames"),
        ({"known_distance_m": 2.0, "between": ["f1", "f2"]}, "zero"),
        ({"known_distance_m": 2.0, "points": [[0, 0], [1, 1]]}, "two positions"),
        ({"known_distance_m": 2.0, "known_distance_error_m": -1}, "known_distance_error_m"),
        ({"between": ["f0", "f1"]}, "how far"),
    ],
)
def test_bad_scale_is_named(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        apply_known_distance(scene(), **{**SETTINGS, **change})


def test_unknown_settings_are_named() -> None:
    with pytest.raises(UserError, match="known_distance"):
        scale_settings({**SETTINGS, "known_distance": 2.0})
