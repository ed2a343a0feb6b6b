"""GPS: the similarity comes back through noise and outliers, and its error bar is honest."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.formats import cameras_json
from recon.geometry import Camera, Reconstruction, Similarity, View, look_at
from recon.geometry.geodesy import GpsFix, enu_from_fixes, fix_from_enu
from recon.poses.world_frame.gps.fit import fit_gps
from recon.poses.world_frame.gps.fixes import gps_of
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.poses.world_frame.up.align import find_up
from recon.poses.world_frame.up.gps_up import gps_up
from recon.workspace import Workspace
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.test_exif_gps import block, write_photo
from tests.poses.world_frame.scale_defaults import changed

CAMERA = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0)
ANCHOR = GpsFix(46.5, 7.98, 500.0)
TRUTH = Similarity(2.5, Rotation.from_euler("z", 40, degrees=True).as_matrix(), np.array([12.0, -7.0, 3.0]))
UP = np.array([0.0, 0.0, 1.0])


def walk(n: int = 40, extent: float = 20.0) -> Reconstruction:
    """An upright world of 2.5 m a unit; the walk is a curve of `extent` units."""
    views = []
    for i, s in enumerate(np.linspace(0, 1, n)):
        eye = extent * np.array([s, 0.3 * np.sin(4 * s), 0.0]) + np.array([0, 0, 0.6 + 0.02 * np.sin(9 * i)])
        views.append(View(f"{i:03d}", Path("absent.jpg"), CAMERA, look_at(eye, eye + np.array([1.0, 0.5, 0]), UP)))
    return Reconstruction(tuple(views), is_up_aligned=True)


def fixes(scene: Reconstruction, noise_m: float, seed: int, n_outliers: int = 0) -> dict[str, GpsFix]:
    rng = np.random.default_rng(seed)
    enu = TRUTH.points(scene.centers) + rng.normal(0, noise_m, (len(scene.views), 3)) * [1, 1, 2]
    enu[rng.choice(len(enu), n_outliers, replace=False)] += rng.normal(0, 80, (n_outliers, 3))
    return {view.name: fix_from_enu(row, ANCHOR) for view, row in zip(scene.views, enu, strict=True)}


def test_exact_fixes_give_the_exact_similarity() -> None:
    scene = walk()
    fit = fit_gps(scene, fixes(scene, 0.0, 0), seed=0)
    assert fit is not None and abs(fit.a) == pytest.approx(2.5, rel=1e-5)
    assert np.degrees(np.angle(fit.a)) == pytest.approx(40, abs=1e-3)
    assert fit.is_inlier.all() and fit.relative_error < 1e-4


def test_a_third_of_outliers_is_left_out() -> None:
    scene = walk(45)
    fit = fit_gps(scene, fixes(scene, 1.0, 3, n_outliers=15), seed=0)
    assert fit is not None
    assert 26 <= np.count_nonzero(fit.is_inlier) <= 33
    assert abs(fit.a) == pytest.approx(2.5, rel=4 * fit.relative_error) and fit.relative_error < 0.03


@pytest.mark.parametrize(("n", "n_outliers"), [(8, 0), (40, 0), (40, 8)])
def test_the_error_bar_covers_as_it_says(n: int, n_outliers: int) -> None:
    scene, seeds = walk(n), range(120)
    pulls, headings = [], []
    for seed in seeds:
        fit = fit_gps(scene, fixes(scene, 1.5, seed, n_outliers), seed=seed)
        assert fit is not None
        pulls.append((abs(fit.a) / 2.5 - 1) / fit.relative_error)
        headings.append((np.angle(fit.a) - np.radians(40)) / fit.relative_error)
    for values in (np.array(pulls), np.array(headings)):
        within = np.mean(np.abs(values) < 1)
        assert 0.55 < within < 0.82, f"{within:.2f} of the errors lie within one sigma, expected 0.68"
        assert np.mean(np.abs(values) < 3) > 0.95


def test_errors_that_last_widen_the_bar() -> None:
    """Receivers wander: the same noise, smoothed over ten photos, is worth a tenth of the fixes."""
    scene, pulls = walk(120), []
    for seed in range(60):
        noise = np.random.default_rng(seed).normal(0, 1.5, (129, 2))
        slow = np.stack([np.convolve(column, np.ones(10) / np.sqrt(10), "valid") for column in noise.T], axis=1)
        enu = TRUTH.points(scene.centers) + np.c_[slow, np.zeros(120)]
        gps = {view.name: fix_from_enu(row, ANCHOR) for view, row in zip(scene.views, enu, strict=True)}
        fit = fit_gps(scene, gps, seed=seed)
        assert fit is not None
        pulls.append((abs(fit.a) / 2.5 - 1) / fit.relative_error)
    assert 0.6 < np.std(pulls) < 1.5


def test_metres_north_and_place_come_out(tmp_path: Path) -> None:
    scene = walk()
    gps = fixes(scene, 0.5, 5)
    metric, sources = apply_scale(scene, changed(), Clues(gps), seed=0)
    assert metric.scale is not None and "GPS of 4" in metric.scale.source and sources[0]["kind"] == "gps"
    assert metric.world_from_capture.scale == pytest.approx(2.5, rel=0.03)
    assert metric.geo is not None
    place = GpsFix(metric.geo.latitude_deg, metric.geo.longitude_deg, metric.geo.altitude_m)
    (origin,) = enu_from_fixes([place], ANCHOR)
    enu = metric.geo.enu_from_world.points(metric.centers) + origin
    np.testing.assert_allclose(enu, TRUTH.points(scene.centers), atol=1.5)
    path = tmp_path / "cameras.json"
    cameras_json.write(path, metric, root=tmp_path)
    read = cameras_json.read(path, root=tmp_path)
    assert read.geo is not None and read.geo.latitude_deg == metric.geo.latitude_deg
    np.testing.assert_allclose(read.geo.enu_from_world.matrix, metric.geo.enu_from_world.matrix)


def test_a_surer_measure_places_the_world_at_its_own_scale() -> None:
    scene = walk()
    true_m = 2.5 * float(np.linalg.norm(scene.centers[-1] - scene.centers[0]))
    metric, _ = apply_scale(scene, changed(known_distance_m=true_m), Clues(fixes(scene, 0.5, 6)), seed=0)
    assert metric.scale is not None and metric.scale.source.startswith("distance")
    assert metric.geo is not None and metric.geo.enu_from_world.scale == 1.0
    assert not take_warnings()


def test_a_walk_within_the_noise_gives_no_metres() -> None:
    scene = walk(30, extent=0.5)
    metric, sources = apply_scale(scene, changed(), Clues(fixes(scene, 5.0, 0)), seed=0)
    assert metric.scale is None and metric.geo is None and sources[0]["relative_error"] > 0.25
    assert "stays unknown" in take_warnings()[0]


def test_few_or_equal_fixes_are_no_measure() -> None:
    scene = walk()
    gps = fixes(scene, 1.0, 0)
    few = dict(list(gps.items())[:4])
    one_place = dict.fromkeys(gps, ANCHOR)
    assert fit_gps(scene, few, seed=0) is None and fit_gps(scene, one_place, seed=0) is None
    with pytest.raises(UserError, match="4 of the photos carry"):
        apply_scale(scene, changed(source="gps"), Clues(few), seed=0)


def test_across_the_date_line_and_without_heights() -> None:
    scene, anchor = walk(), GpsFix(-17.0, 180.0, None)
    gps = {}
    for view, row in zip(scene.views, TRUTH.points(scene.centers), strict=True):
        gps[view.name] = fix_from_enu(np.array([row[0] - 30, row[1], 0.0]), anchor)
    fit = fit_gps(scene, gps, seed=0)
    assert fit is not None and abs(fit.a) == pytest.approx(2.5, rel=1e-4)
    assert {fix.longitude_deg > 0 for fix in gps.values()} == {True, False}


# ---- up ------------------------------------------------------------------------------------------------------------


def drone(n: int = 40, noise_m: float = 1.5) -> tuple[Reconstruction, dict[str, GpsFix], np.ndarray]:
    """Straight-down photos over 200 m x 150 m, in a frame turned anyhow; up in that frame."""
    rng = np.random.default_rng(0)
    enu = np.c_[rng.uniform(-100, 100, n), rng.uniform(-75, 75, n), rng.normal(60, 3, n)]
    turn = Rotation.random(random_state=3).as_matrix()
    views = []
    for i, eye in enumerate(enu):
        pose = look_at(eye, eye - UP, np.array([np.cos(i), np.sin(i), 0.0]))
        views.append(View(f"{i:03d}", Path("absent.jpg"), CAMERA, pose))
    scene = Reconstruction(tuple(views)).transformed(Similarity(0.1, turn, np.array([3.0, 2.0, 1.0])))
    noisy = enu + rng.normal(0, noise_m, enu.shape)
    gps = {view.name: fix_from_enu(row, ANCHOR) for view, row in zip(views, noisy, strict=True)}
    return scene, gps, turn @ UP


def test_gps_tells_a_drone_which_way_is_up() -> None:
    scene, gps, up = drone()
    found = find_up(scene, seed=0, gps=gps)
    assert found.source == "GPS" and found.error_deg < 1.5
    assert np.degrees(np.arccos(found.direction @ up)) < 3 * found.error_deg
    assert found.estimates["cameras"]["error_deg"] == 90.0  # cameras that look down do not know their sign


def test_a_straight_drive_leaves_up_to_the_others() -> None:
    scene = walk(40, extent=40.0)
    straight = []
    for view in scene.views:
        pose = view.world_from_camera.copy()
        pose[1, 3] = 0.0
        straight.append(replace(view, world_from_camera=pose))
    line = replace(scene, views=tuple(straight))
    assert gps_up(line.views, fixes(line, 1.5, 0), seed=0) is None


# ---- where fixes come from -----------------------------------------------------------------------------------------


def test_fixes_are_read_from_frames_json_and_from_given_pictures(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "run")
    workspace.frames.mkdir(parents=True)
    scene = walk(6)
    mine = replace(scene, views=tuple(replace(v, image=workspace.frames / f"{v.name}.jpg") for v in scene.views))
    frames = [
        {
            "name": v.name,
            "image": f"{v.name}.jpg",
            "kept": True,
            "gps": None if v.name == "001" else {"latitude_deg": 1.0, "longitude_deg": 2.0, "altitude_m": None},
        }
        for v in scene.views
    ]
    workspace.frames_json.write_text(json.dumps({"frames": frames}))
    found = gps_of(mine, workspace)
    assert len(found) == 5 and "001" not in found and found["000"] == GpsFix(1.0, 2.0, None)
    workspace.frames_json.write_text(
        json.dumps({"frames": [{"name": "000", "kept": False, "gps": {"latitude_deg": 100.0}}]})
    )
    with pytest.raises(UserError, match="not a frames file"):
        gps_of(mine, workspace)
    photo = write_photo(tmp_path / "002.jpg", block(ANCHOR))
    given = replace(scene, views=(replace(scene.views[2], image=photo), scene.views[3]))
    assert set(gps_of(given, workspace)) == {"002"}
