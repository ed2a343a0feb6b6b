"""Scale from the camera's height: sloping and bending ground, clutter, and honest refusals."""

from pathlib import Path

import numpy as np
import pytest

from recon.geometry import Camera, Points, Reconstruction, Similarity, View, look_at
from recon.poses.world_frame.scale.camera_height import camera_height
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.workspace.errors import UserError
from tests.poses.world_frame.scale_defaults import changed

CAMERA = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0)
UP = np.array([0.0, 0.0, 1.0])


def road(x: np.ndarray, slope: float, bend: float) -> np.ndarray:
    return slope * x + bend * np.sin(x / 12)


def drive(*, slope: float = 0.0, bend: float = 0.0, height_m: float = 1.5, seed: int = 0) -> Reconstruction:
    """60 m of road 8 m wide between walls, a camera held at `height_m` over it; metres."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-5, 75, 2500)
    ground = np.c_[x, rng.uniform(-4, 4, 2500), road(x, slope, bend) + rng.normal(0, 0.01, 2500)]
    xw = rng.uniform(-5, 75, 3000)
    walls = np.c_[xw, rng.choice([-4.5, 4.5], 3000), road(xw, slope, bend) + rng.uniform(0, 8, 3000)]
    cars = np.c_[rng.uniform(0, 70, 500), rng.uniform(2.5, 4, 500), rng.uniform(0.3, 1.4, 500)]
    cars[:, 2] += road(cars[:, 0], slope, bend)
    below = ground[:40] - [0, 0, 1] * rng.uniform(0.2, 3, (40, 1))
    positions = np.concatenate([ground, walls, cars, below])
    views = []
    for i, s in enumerate(np.linspace(0, 60, 45)):
        eye = np.array([s, 0.3 * np.sin(s / 9), float(road(np.array(s), slope, bend)) + height_m])
        views.append(View(f"{i:03d}", Path("x.png"), CAMERA, look_at(eye, eye + np.array([1.0, 0.1, -0.05]), UP)))
    return Reconstruction(tuple(views), Points(positions, np.zeros(positions.shape, np.uint8)), is_up_aligned=True)


@pytest.mark.parametrize(("slope", "bend"), [(0.0, 0.0), (0.05, 0.0), (0.0, 0.8), (-0.03, 0.5)])
def test_height_over_flat_sloping_and_bending_ground(slope: float, bend: float) -> None:
    scene = drive(slope=slope, bend=bend)
    height, relative_error = camera_height(scene)
    assert height == pytest.approx(1.5, rel=0.02)
    assert abs(height / 1.5 - 1) < 3 * relative_error < 0.1


def test_any_unit_comes_out_in_metres() -> None:
    small = drive(slope=0.02).transformed(Similarity(0.07, np.eye(3), np.array([1.0, 2, 3])))
    settings = changed(camera_height_m=1.5, camera_height_error_m=0.03)
    metric, sources = apply_scale(small, settings, Clues(), seed=0)
    assert metric.world_from_capture.scale == pytest.approx(1.0, rel=0.02)
    assert metric.scale is not None and 0.02 <= metric.scale.relative_error < 0.05
    assert sources[0]["kind"] == "camera_height" and "1.5 m given" in metric.scale.source


def test_tables_below_a_walker_are_not_the_ground() -> None:
    rng = np.random.default_rng(1)
    floor = np.c_[rng.uniform(-4, 4, (600, 2)), rng.normal(0, 0.01, 600)]
    tables = np.c_[rng.uniform(-2, 2, (1500, 2)), rng.normal(0.75, 0.01, 1500)]
    walls = np.c_[np.full(1500, 4.0), rng.uniform(-4, 4, 1500), rng.uniform(0, 2.6, 1500)]
    positions = np.concatenate([floor, tables, walls])
    views = []
    for i, angle in enumerate(np.linspace(0, 5, 30)):
        eye = np.array([2.6 * np.cos(angle), 2.6 * np.sin(angle), 1.6 + 0.03 * np.sin(7 * angle)])
        views.append(View(f"{i:03d}", Path("x.png"), CAMERA, look_at(eye, np.zeros(3), UP)))
    scene = Reconstruction(tuple(views), Points(positions, np.zeros(positions.shape, np.uint8)), is_up_aligned=True)
    assert camera_height(scene)[0] == pytest.approx(1.6, rel=0.03)


def test_cameras_without_ground_say_so() -> None:
    scene = drive()
    assert scene.points is not None
    none = Reconstruction(scene.views, None, is_up_aligned=True)
    with pytest.raises(UserError, match="only 0 sparse points"):
        camera_height(none)
    overhead = scene.points.positions + 20 * UP
    above = Reconstruction(scene.views, Points(overhead, scene.points.colors), is_up_aligned=True)
    with pytest.raises(UserError, match=r"no clear height|hardly any"):
        camera_height(above)
    aside = np.random.default_rng(0).uniform((-5, 300, -9), (75, 400, 9), (900, 3))
    far = Reconstruction(scene.views, Points(aside, np.zeros((900, 3), np.uint8)), is_up_aligned=True)
    with pytest.raises(UserError, match="hardly any"):
        camera_height(far)
