"""Metres from a known distance, and which source wins: errors carry, disagreement is said, bad input is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from recon.geometry import Camera, Points, Reconstruction, View, look_at
from recon.poses.world_frame.scale.measurement import Measurement, sigmas_apart
from recon.poses.world_frame.scale.metric import Clues, MeasuredScale, apply_scale, disagreements
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.poses.world_frame.scale_defaults import SCALE, changed


def scene() -> Reconstruction:
    camera = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0)
    views = []
    for i, x in enumerate((0.0, 1.0, 1.0, 4.0)):
        pose = np.eye(4)
        pose[0, 3] = x
        views.append(View(f"f{i}", Path("x.png"), camera, pose))
    return Reconstruction(tuple(views), Points(np.array([[0.0, 0, 2]]), np.zeros((1, 3), np.uint8)))


def metric(
    reconstruction: Reconstruction, *, position_error: float = 0.0, unit_m: float | None = None, **settings: Any
) -> Reconstruction:
    scaled, _ = apply_scale(
        reconstruction,
        changed(**settings),
        Clues(position_error=position_error, unit_m=unit_m),
        seed=0,
    )
    return scaled


def test_unknown_stays_unknown() -> None:
    assert metric(scene()).scale is None


@pytest.mark.parametrize(("between", "factor"), [(None, 0.5), (["f0", "f1"], 2.0), ([0, -1], 0.5), (["f1", 3], 2 / 3)])
def test_known_distance_between_frames(between: list | None, factor: float) -> None:
    scaled = metric(scene(), known_distance_m=2.0, between=between)
    np.testing.assert_allclose(scaled.centers[:, 0], factor * np.array([0, 1, 1, 4]))
    assert scaled.points is not None and scaled.points.positions[0, 2] == pytest.approx(2 * factor)
    assert scaled.scale is not None and scaled.scale.metres_per_unit == 1.0
    assert scaled.scale.relative_error == pytest.approx(0.005) and "2 m given" in scaled.scale.source
    assert scaled.world_from_capture.scale == pytest.approx(factor)


def test_known_distance_between_points_and_its_error() -> None:
    scaled = metric(scene(), known_distance_m=3.0, points=[[0, 0, 0], [0, 0, 6]], position_error=0.06)
    assert scaled.centers[3, 0] == pytest.approx(2.0)
    assert scaled.scale is not None
    assert scaled.scale.relative_error == pytest.approx(np.hypot(0.01 / 3, np.sqrt(2) * 0.06 / 6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"known_distance_m": 0.0}, "a number above 0"),
        ({"known_distance_m": -1}, "a number above 0"),
        ({"known_distance_m": float("nan")}, "a number above 0"),
        ({"known_distance_m": "2"}, "a number above 0"),
        ({"known_distance_m": 2.0, "between": ["f0", "g9"]}, "g9"),
        ({"known_distance_m": 2.0, "between": [0, 9]}, "9"),
        ({"known_distance_m": 2.0, "between": "f0"}, "two frames"),
        ({"known_distance_m": 2.0, "between": 3}, "two frames"),
        ({"known_distance_m": 2.0, "between": ["f1", "f2"]}, "zero"),
        ({"known_distance_m": 2.0, "points": [[0, 0], [1, 1]]}, "two positions"),
        ({"known_distance_m": 2.0, "known_distance_error_m": -1}, "known_distance_error_m"),
        ({"known_distance_m": 2.0, "between": [0, 1], "points": [[0, 0, 0], [1, 1, 1]]}, "keep one"),
        ({"between": ["f0", "f1"]}, "how far"),
        ({"pixels": [["f0", 1, 1], ["f0", 2, 2]]}, "how far"),
        ({"source": "lidar"}, "auto, none, distance"),
        ({"source": "distance"}, "known_distance_m"),
        ({"source": "markers"}, "marker_m"),
        ({"source": "camera_height"}, "camera_height_m"),
        ({"source": "gps"}, "0 of the photos"),
        ({"source": "given"}, "a known unit are not given"),
        ({"given_relative_error": -0.1}, "given_relative_error"),
        ({"marker_m": 0}, "marker_m=.*a number above 0"),
        ({"marker_m": True}, "marker_m=.*a number above 0"),
        ({"marker_dictionary": "9x9"}, "4x4_50"),
        ({"marker_error_m": float("inf")}, "marker_error_m"),
        ({"marker_m": 0.1}, "no marker of any"),
        ({"camera_height_m": 1.5}, "which way is up"),
        ({"pixel_error_px": 0}, "pixel_error_px"),
    ],
)
def test_bad_scale_is_named(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        metric(scene(), **change)


def test_none_keeps_arbitrary_units() -> None:
    assert metric(scene(), source="none", known_distance_m=2.0).scale is None


# ---- given poses ---------------------------------------------------------------------------------------------------


def test_given_poses_are_metric_where_their_unit_is_said() -> None:
    assert metric(scene(), unit_m=None).scale is None
    scaled = metric(scene(), unit_m=0.5)
    np.testing.assert_allclose(scaled.centers, 0.5 * scene().centers)
    assert scaled.scale is not None and scaled.scale.relative_error == SCALE["given_relative_error"]
    assert "given poses" in scaled.scale.source


# ---- several sources -----------------------------------------------------------------------------------------------


def test_the_surest_wins_and_the_other_checks_it() -> None:
    scaled, sources = apply_scale(
        scene(),
        changed(known_distance_m=4.02, known_distance_error_m=0.2),
        Clues(unit_m=1.0),
        seed=0,
    )
    assert scaled.scale is not None and "given poses" in scaled.scale.source and scaled.centers[3, 0] == 4.0
    assert [source["kind"] for source in sources] == ["given", "distance"]
    assert [source["is_used"] for source in sources] == [True, False]
    assert sources[1]["ratio_to_used"] == pytest.approx(1.005)
    assert sources[1]["sigmas_from_used"] == pytest.approx(np.log(1.005) / np.hypot(0.01, 0.2 / 4.02))
    assert not take_warnings()


def test_the_source_asked_for_wins_over_a_surer_one() -> None:
    scaled = metric(scene(), source="distance", known_distance_m=4.02, known_distance_error_m=0.2, unit_m=1.0)
    assert scaled.scale is not None and scaled.centers[3, 0] == pytest.approx(4.02)
    assert not take_warnings()


def test_a_clear_disagreement_is_said_in_words() -> None:
    scaled = metric(scene(), known_distance_m=8.0, unit_m=1.0)
    assert scaled.scale is not None
    (warning,) = take_warnings()
    assert "the known distance" in warning and "given poses" in warning and "disagree" in warning
    assert "0.5 times the size" in warning  # 8 m over 4 units is used; the format says 1


def test_three_sigmas_are_the_border() -> None:
    used = Measurement("markers", 2.0, 0.003, "a marker")
    inside, outside = (
        Measurement("gps", 2.0 * float(np.exp(k * np.hypot(0.003, 0.004))), 0.004, "GPS") for k in (2.9, 3.1)
    )
    assert sigmas_apart(used, inside) == pytest.approx(2.9)
    assert not disagreements(MeasuredScale(used, (used, inside), None))
    assert len(disagreements(MeasuredScale(used, (used, outside), None))) == 1


def test_exact_sources_differ_by_any_difference() -> None:
    one, two = Measurement("given", 1.0, 0.0, "a"), Measurement("distance", 2.0, 0.0, "b")
    assert sigmas_apart(one, one) == 0.0 and sigmas_apart(one, two) == np.inf


def test_a_scale_that_is_off_by_a_quarter_is_no_scale() -> None:
    assert metric(scene(), known_distance_m=4.0, known_distance_error_m=2.0).scale is None
    assert "stays unknown" in take_warnings()[0]


# ---- picked pixels -------------------------------------------------------------------------------------------------

LENS = Camera("OPENCV", (240, 320), 280.0, 282.0, 161.0, 118.0, (-0.1, 0.02, 0.001, 0.0))
ENDS = np.array([[0.4, 3.0, 0.2], [-0.5, 3.4, -0.6]])


def filmed() -> Reconstruction:
    """Cameras on a line that look at both ends, and a wall of sparse points behind."""
    views = [
        View(
            f"{i:05d}",
            Path("x.png"),
            LENS,
            look_at(np.array([x, 0.0, 0.1 * i]), np.array([0.0, 3.2, 0.0]), np.eye(3)[2]),
        )
        for i, x in enumerate((-1.0, -0.3, 0.5, 1.2))
    ]
    rng = np.random.default_rng(0)
    points = np.c_[rng.uniform(-2, 2, 4000), np.full(4000, 3.5), rng.uniform(-2, 2, 4000)]
    return Reconstruction(tuple(views), Points(points, np.zeros((4000, 3), np.uint8)), is_up_aligned=True)


def pick(scene: Reconstruction, place: int, point: np.ndarray, noise: np.ndarray | float = 0.0) -> list[Any]:
    view = scene.views[place]
    in_camera = (point - view.world_from_camera[:3, 3]) @ view.world_from_camera[:3, :3]
    x, y = view.camera.project(torch.from_numpy(in_camera)).numpy() + noise
    return [view.name, float(x), float(y)]


@pytest.mark.parametrize("places", [(0, 3), (0, 1, 2, 3)])
def test_picked_pixels_give_the_distance(places: tuple[int, ...]) -> None:
    scene = filmed()
    pixels = [[pick(scene, place, end) for place in places] for end in ENDS]
    scaled = metric(scene, known_distance_m=2.5, pixels=pixels)
    assert scaled.world_from_capture.scale == pytest.approx(2.5 / np.linalg.norm(ENDS[1] - ENDS[0]), rel=1e-6)
    assert scaled.scale is not None and 0.004 < scaled.scale.relative_error < 0.05


def test_the_error_of_picks_is_honest() -> None:
    scene, rng = filmed(), np.random.default_rng(1)
    true = 2.5 / np.linalg.norm(ENDS[1] - ENDS[0])
    pulls = []
    for _ in range(60):
        pixels = [[pick(scene, place, end, rng.normal(0, 1.0, 2)) for place in (0, 2, 3)] for end in ENDS]
        scaled = metric(scene, known_distance_m=2.5, known_distance_error_m=0.0, pixels=pixels)
        assert scaled.scale is not None
        pulls.append((scaled.world_from_capture.scale / true - 1) / scaled.scale.relative_error)
    assert 0.6 < np.std(pulls) < 1.2 and abs(np.mean(pulls)) < 0.5


def test_one_pick_takes_the_depth_of_the_points_around_it() -> None:
    scene = filmed()
    on_wall = np.array([[0.4, 3.5, 0.2], [-0.5, 3.5, -0.6]])
    scaled = metric(scene, known_distance_m=1.0, pixels=[pick(scene, 1, end) for end in on_wall])
    error = scaled.world_from_capture.scale * np.linalg.norm(on_wall[1] - on_wall[0]) - 1
    assert scaled.scale is not None and abs(error) < 3 * scaled.scale.relative_error < 0.15


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        ("00000", "two ends"),
        ([["00000", 10, 10]], "two ends"),
        ([["00000", 10], ["00000", 20, 20]], "two ends"),
        ([["00000", 10, 10], ["00009", 20, 20]], "no posed frame '00009'"),
        ([["00000", 10, 10], ["00000", 320.5, 20]], "not a pixel of frame 00000, whose picture is 320x240"),
        ([["00000", 10, 10], ["00000", "x", 20]], "two ends"),
        ([[["00000", 10, 10], ["00000", 11, 10]], ["00000", 20, 20]], "picked twice"),
        ([[["00000", 10, 10], ["00003", 300, 200]], ["00000", 20, 20]], "same point in each"),
    ],
)
def test_bad_picks_are_named(pixels: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        metric(filmed(), known_distance_m=1.0, pixels=pixels)


def test_picks_without_depth_are_named() -> None:
    scene = filmed()
    bare = replace(scene, points=None)
    with pytest.raises(UserError, match="no sparse point"):
        metric(bare, known_distance_m=1.0, pixels=[pick(scene, 0, end) for end in ENDS])
    far = 1e4 * np.array([0.0, 1.0, 0.0])
    pixels = [[pick(scene, place, end) for place in (0, 1)] for end in (far, ENDS[1])]
    with pytest.raises(UserError, match="parallel"):
        metric(scene, known_distance_m=1.0, pixels=pixels)
