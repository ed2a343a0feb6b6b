"""The poses stage on a room with exact truth, and on captures that cannot be posed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
import pytest

from recon.errors import UserError
from recon.formats.cameras_json import read_reconstruction
from recon.geometry import align_points
from recon.poses import pose_frames
from recon.workspace import Workspace, read_metrics
from tests.poses import room
from tests.poses.scale_defaults import SCALE

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
    "retry_below": 0.9,
    "min_registered": 0.6,
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
    workspace = Workspace(tmp_path_factory.mktemp("room"))
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
    assert names == {"cameras.json", "points.ply", "colmap", "colmap.log", "report.json", "stage.json"}
    report = json.loads((workspace.poses / "report.json").read_text())
    assert report["registered"] == report["total"] == 10 and report["reprojection_error_px"] < 1
    assert report["method"] == "incremental" and report["mean_track_length"] > 2
    assert read_metrics(workspace)["poses"]["registered"] == 10
    model = pycolmap.Reconstruction(workspace.poses / "colmap")
    view = read_reconstruction(workspace).views[3]
    center = model.find_image_with_name("00003.png").projection_center()
    np.testing.assert_allclose(center, view.world_from_camera[:3, 3], atol=1e-9)


def test_a_rerun_is_skipped(posed: tuple[Workspace, list[np.ndarray]]) -> None:
    workspace, truth = posed
    before = workspace.cameras_json.stat().st_mtime_ns
    scale = {**SETTINGS["scale"], "between": ["00000", "00009"]}
    scale["known_distance_m"] = float(np.linalg.norm(truth[0][:3, 3] - truth[-1][:3, 3]))
    pose_frames(workspace, **{**SETTINGS, "scale": scale})
    assert workspace.cameras_json.stat().st_mtime_ns == before


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
    fails(Workspace(tmp_path / "w"), "expected one of", **change)
