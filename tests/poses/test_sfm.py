"""The poses stage on a room with exact truth, and on captures that cannot be posed."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest

from recon.formats import colmap, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.geometry import align_points
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.poses import room
from tests.poses.world_frame.scale_defaults import SCALE
from tests.stages import pose_frames

SETTINGS: dict[str, Any] = {
    "image_size": None,
    "max_features": 1500,
    "pairs": "auto",
    "overlap": 4,
    "loop_neighbours": 2,
    "exhaustive_up_to": 20,
    "retrieval_neighbours": 5,
    "mapper": "auto",
    "camera_model": "auto",
    "focal_px": None,
    "retry_below": 0.9,
    "min_registered": 0.6,
    "dense": False,
    "seed": 0,
    "threads": 2,
    "scale": SCALE,
}


def camera_error(workspace: Workspace, truth: list[np.ndarray]) -> float:
    """Rms of the camera centres in metres after the best similarity."""
    reconstruction = read_reconstruction(workspace)
    true_centers = np.stack([truth[int(view.name)][:3, 3] for view in reconstruction.views])
    aligned = align_points(reconstruction.centers, true_centers).points(reconstruction.centers)
    return float(np.sqrt(((aligned - true_centers) ** 2).sum(1).mean()))


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, list[np.ndarray]]:
    workspace = Workspace(Path(os.path.relpath(tmp_path_factory.mktemp("room"))))  # as people name it
    poses = room.walk(10)
    room.film(workspace, poses, room.camera())
    distance = float(np.linalg.norm(poses[0][:3, 3] - poses[-1][:3, 3]))
    scale = {**SETTINGS["scale"], "known_distance_m": distance, "between": ["00000", "00009"]}
    pose_frames(workspace, **{**SETTINGS, "scale": scale})
    return workspace, poses


def test_all_frames_are_posed_to_millimetres(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, truth = posed
    reconstruction = read_reconstruction(workspace)
    assert [view.name for view in reconstruction.views] == [f"{i:05d}" for i in range(10)]
    assert [view.time_s for view in reconstruction.views] == [i / 5 for i in range(10)]
    assert camera_error(workspace, truth) < 0.01  # of a walk of 3.2 m, in pictures of 320x240
    assert reconstruction.views[0].camera.fx == pytest.approx(288, rel=0.01)


def test_world_is_upright_metric_and_on_the_ground(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, truth = posed
    reconstruction = read_reconstruction(workspace)
    true_centers = np.stack([pose[:3, 3] for pose in truth])
    truth_from_world = align_points(reconstruction.centers, true_centers)
    assert truth_from_world.scale == pytest.approx(1.0, abs=0.01)
    assert np.degrees(np.arccos(truth_from_world.rotation[2, 2])) < 1.5
    floor = truth_from_world.points(np.zeros((1, 3)))[0, 2]
    assert floor == pytest.approx(-room.HALF_SIZE[2], abs=0.1)
    assert reconstruction.is_up_aligned and reconstruction.scale is not None


def test_everything_is_written_and_nothing_else(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, _ = posed
    names = {path.name for path in workspace.poses.iterdir()}
    assert names == {
        "cameras.json",
        "points.ply",
        "transforms.json",
        "colmap",
        "doctor.json",
        "report.json",
        "stage.json",
        "tracks.npz",
    }
    kept = {path.name for path in workspace.sfm.iterdir()}
    assert kept == {"database.db", "matching.txt", "model", "report.json", "colmap.log", "stage.json"}
    report = json.loads((workspace.poses / "report.json").read_text())
    assert report["registered"] == report["total"] == 10 and report["reprojection_error_px"] < 1
    assert report["method"] == "first pairs" and report["problems"] == [] and report["mean_track_length"] > 2.8
    assert read_metrics(workspace)["poses"]["registered"] == 10
    model = pycolmap.Reconstruction(workspace.poses / "colmap")
    view = read_reconstruction(workspace).views[3]
    center = model.find_image_with_name("00003.png").projection_center()
    np.testing.assert_allclose(center, view.world_from_camera[:3, 3], atol=1e-9)


def test_a_good_capture_is_told_so(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, _ = posed
    found = json.loads(workspace.doctor_json.read_text())
    assert [advice["severity"] for advice in found["advice"]] == ["good"] and found["stretches"] == []
    assert found["failure"] is None and found["unit"] == "m" and found["links"]["parts"] == [10]
    assert all(frame["registered"] and frame["state"] == "posed" for frame in found["frames"])
    assert all(frame["points"] > 200 and frame["error_px"] < 1 for frame in found["frames"])
    assert sum(map(sum, found["coverage"]["points"])) > 300


def test_what_is_written_for_other_programs_reads_back(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, _ = posed
    ours = read_reconstruction(workspace)
    for read in (transforms_json.read(workspace.poses), colmap.read(workspace.poses, images=None)):
        assert [(view.name, view.camera) for view in read.views] == [(view.name, view.camera) for view in ours.views]
        poses = [np.stack([view.world_from_camera for view in capture.views]) for capture in (read, ours)]
        np.testing.assert_allclose(*poses, atol=1e-9)
        assert read.points is not None and ours.points is not None
        assert len(read.points.positions) == len(ours.points.positions)


def rerun(workspace: Workspace, distance_m: float) -> None:
    scale = {**SETTINGS["scale"], "known_distance_m": distance_m, "between": ["00000", "00009"]}
    pose_frames(workspace, **{**SETTINGS, "scale": scale})


def test_a_rerun_is_skipped_and_another_scale_costs_no_mapping(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, truth = posed
    distance = float(np.linalg.norm(truth[0][:3, 3] - truth[-1][:3, 3]))
    before = workspace.cameras_json.stat().st_mtime_ns
    workspace.poses_failed.write_text("what another attempt left")
    rerun(workspace, distance)
    assert workspace.cameras_json.stat().st_mtime_ns == before
    assert not workspace.poses_failed.exists()
    mapped, centers = (workspace.sfm / "stage.json").stat().st_mtime_ns, read_reconstruction(workspace).centers
    rerun(workspace, 2 * distance)
    np.testing.assert_allclose(read_reconstruction(workspace).centers, 2 * centers, atol=1e-9)
    assert (workspace.sfm / "stage.json").stat().st_mtime_ns == mapped
    rerun(workspace, distance)


def test_a_stopped_run_keeps_its_matches(posed: tuple[Workspace, list[np.ndarray]], capsys: Any) -> None:
    workspace, truth = posed
    (workspace.sfm / "stage.json").unlink()
    before = read_reconstruction(workspace).centers
    rerun(workspace, float(np.linalg.norm(truth[0][:3, 3] - truth[-1][:3, 3])))
    assert "going on with the features" in capsys.readouterr().out
    np.testing.assert_allclose(read_reconstruction(workspace).centers, before, atol=1e-6)


@pytest.mark.slow
def test_photos_with_distortion_by_global_mapping(tmp_path: Path) -> None:
    workspace, poses = Workspace(tmp_path), room.walk(12)
    room.film(workspace, poses, room.camera(distortion=-0.08), kind="photos", focal_prior_px=288.0)
    pose_frames(workspace, **{**SETTINGS, "mapper": "global"})
    assert camera_error(workspace, poses) < 0.02
    camera = read_reconstruction(workspace).views[0].camera
    assert camera.distortion[0] == pytest.approx(-0.08, abs=0.03)


def fails(workspace: Workspace, message: str, **changed: Any) -> None:
    with pytest.raises(UserError, match=message):
        pose_frames(workspace, **{**SETTINGS, **changed})
    assert not workspace.poses.exists()
    assert not any(path.name.startswith(".poses") for path in workspace.root.iterdir())


def test_pure_noise_says_so(tmp_path: Path) -> None:
    workspace, rng = Workspace(tmp_path), np.random.default_rng(0)
    room.write_frames(workspace, [rng.integers(0, 256, (120, 160, 3), dtype=np.uint8) for _ in range(8)])
    fails(workspace, "0 of 8 frames could be posed.*noise")


def test_bare_pictures_say_so(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    room.write_frames(workspace, [np.full((120, 160, 3), 100 + i, np.uint8) for i in range(6)])
    fails(workspace, "little texture")


def test_a_camera_on_a_tripod_says_so(tmp_path: Path) -> None:
    workspace, rng = Workspace(tmp_path), np.random.default_rng(0)
    still = room.render(room.camera((120, 160)), room.walk(3)[0], room.textures(0)).astype(float)
    noisy = [np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8) for _ in range(12)]
    room.write_frames(workspace, noisy)
    fails(workspace, "does not move")
    found = json.loads(workspace.poses_failed.read_text())
    assert "does not move" in found["failure"] and found["failure"] == found["advice"][0]["text"]
    assert not found["is_mapped"] and found["pairs"]["motion"] < 0.0015
    assert {frame["state"] for frame in found["frames"]} == {"linked"} and found["links"]["parts"] == [12]


@pytest.mark.slow
def test_what_lies_beyond_a_gap_is_named(tmp_path: Path) -> None:
    """Filming stops, and goes on where nothing of the first part is in the picture."""
    workspace = Workspace(tmp_path)
    other_side = [room.look_at(np.array([1.6 * s, 1.2, 0.1]), np.array([0.5 * s, -1.6, -0.8]), room.UP)
                  for s in np.linspace(-1, 1, 12)]  # fmt: skip
    room.film(workspace, [*room.walk(30)[:5], *other_side], room.camera())
    pose_frames(workspace, **{**SETTINGS, "mapper": "incremental", "pairs": "sequential"})
    found = json.loads((workspace.doctor_json).read_text())
    (stretch,) = found["stretches"]
    assert (stretch["first"], stretch["last"]) == (0, 4)
    assert (stretch["effect"], stretch["cause"]) == ("no pose", "overlap")
    assert found["links"]["parts"] == [12, 5]
    assert found["advice"][0]["text"].startswith("frames 00000 to 00004 (00:00.0 to 00:00.8): no pose: little overlap")
    with pytest.raises(UserError, match="only 12 of 17 frames"):
        pose_frames(workspace, **{**SETTINGS, "mapper": "incremental", "pairs": "sequential", "min_registered": 0.9})
    assert (workspace.doctor_json).exists(), "the good poses stay"
    failed = json.loads(workspace.poses_failed.read_text())
    assert [attempt["registered"] for attempt in failed["attempts"]] == [12]
    assert [frame["state"] for frame in failed["frames"]] == ["no pose"] * 5 + ["posed"] * 12


def test_turning_on_the_spot_says_so(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    eye = np.array([0.0, -1.0, 0.0])
    angles = np.linspace(-0.5, 0.5, 8)
    directions = [np.array([np.sin(a), np.cos(a), -0.2]) for a in angles]
    room.film(workspace, [room.look_at(eye, eye + d, room.UP) for d in directions], room.camera())
    fails(workspace, "parallax|barely moved")


def test_too_few_and_missing_frames(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "few")
    room.write_frames(workspace, [np.zeros((12, 16, 3), np.uint8)] * 2)
    fails(workspace, "2 frames kept")
    workspace = Workspace(tmp_path / "missing")
    room.write_frames(workspace, [np.zeros((12, 16, 3), np.uint8)] * 4)
    (workspace.frames / "00002.png").unlink()
    fails(workspace, r"00002\.png")
    workspace.root.joinpath("none").mkdir()
    fails(Workspace(workspace.root / "none"), r"capture\.py")


@pytest.mark.parametrize("change", [{"pairs": "all"}, {"mapper": "aliked"}, {"camera_model": "FOV"}])
def test_unknown_choices_are_named(tmp_path: Path, change: dict) -> None:
    room.write_frames(Workspace(tmp_path / "w"), [np.zeros((12, 16, 3), np.uint8)] * 4)
    fails(Workspace(tmp_path / "w"), "expected (one of )?auto, ", **change)
