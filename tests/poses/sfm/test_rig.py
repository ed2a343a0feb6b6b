"""Panoramas are posed as rigs: their views share a centre, and no more of them are matched than can look alike."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon.formats.cameras_json import read_reconstruction
from recon.formats.frame_set import FrameImage, FrameSet, read_frame_set
from recon.geometry import align_points, look_at
from recon.geometry.panorama import cube_views
from recon.poses.sfm.rig import rig_pairs
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.capture.test_stage import SETTINGS as CAPTURE
from tests.poses import room
from tests.poses.test_sfm import SETTINGS
from tests.stages import capture_frames, pose_frames


def rig_of(n_views: int) -> dict[str, np.ndarray]:
    rig = {}
    for view in cube_views(n_views, has_up=False, has_down=False):
        rig[view.name] = np.eye(4)
        rig[view.name][:3, :3] = view.panorama_from_camera
    return rig


def frame_set(n_moments: int, n_views: int) -> FrameSet:
    rig = rig_of(n_views)
    frames = [
        FrameImage(
            f"{moment}_{sensor}", f"{moment}_{sensor}.jpg", None, 32.0, (64, 64), sensor=sensor, rig_frame=str(moment)
        )
        for moment in range(n_moments)
        for sensor in rig
    ]
    return FrameSet("photos", tuple(frames), is_camera_shared=True, is_lens_exact=True, rig=rig)


def test_views_of_one_moment_are_not_matched_and_opposite_ones_neither(tmp_path: Path) -> None:
    frames = frame_set(3, 5)
    pairs = rig_pairs(tmp_path / "none.db", frames, kind="exhaustive", overlap=1, neighbours=1, seed=0)
    assert (
        pairs == sorted(set(pairs)) and len(pairs) == 3 * 5 * 3
    )  # pairs of moments, views, the same view and two beside
    for i, j in pairs:
        assert i < j and i // 5 != j // 5
        assert (i % 5 - j % 5) % 5 in (0, 1, 4)


def test_each_sensor_has_a_camera_and_each_moment_its_views() -> None:
    frames = frame_set(3, 4)
    assert [len(group) for group in frames.camera_groups()] == [3, 3, 3, 3]
    assert frames.moments() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def write_views(workspace: Workspace, **changes: Any) -> None:
    """`frames/` with two moments of two views, as capture leaves it."""
    room.write_frames(workspace, [np.full((64, 64, 3), 40 * i, np.uint8) for i in range(4)], kind="photos")
    value = json.loads(workspace.frames_json.read_text())
    for i, frame in enumerate(value["frames"]):
        frame |= {"sensor": "ab"[i % 2], "rig_frame": f"m{i // 2}"}
    value |= {"is_focal_exact": True, "focal_prior_px": 32.0, "rig": {"a": np.eye(4).tolist(), "b": np.eye(4).tolist()}}
    workspace.frames_json.write_text(json.dumps(value | changes))


def test_the_rig_is_read_and_checked(tmp_path: Path) -> None:
    write_views(Workspace(tmp_path / "good"))
    frames = read_frame_set(Workspace(tmp_path / "good"))
    assert frames.rig is not None and list(frames.rig) == ["a", "b"] and frames.is_lens_exact
    assert [frame.sensor for frame in frames.frames] == ["a", "b", "a", "b"] and frames.moments() == [[0, 1], [2, 3]]
    write_views(Workspace(tmp_path / "lacks"), rig={"a": np.eye(4).tolist()})
    with pytest.raises(UserError, match="sensor 'b' is not in its rig"):
        read_frame_set(Workspace(tmp_path / "lacks"))
    write_views(Workspace(tmp_path / "sheared"), rig={"a": np.eye(4).tolist(), "b": np.diag([1.0, 2, 1, 1]).tolist()})
    with pytest.raises(UserError, match=r"rig: b.*not rigid"):
        read_frame_set(Workspace(tmp_path / "sheared"))


def test_an_exact_lens_is_not_for_choosing(tmp_path: Path) -> None:
    write_views(Workspace(tmp_path))
    with pytest.raises(UserError, match=r"exact pinholes.*expected auto"):
        pose_frames(Workspace(tmp_path), **{**SETTINGS, "camera_model": "OPENCV"})


def walk(n: int) -> list[np.ndarray]:
    """Through the room, turning by 100 degrees on the way, the panorama a little off level."""
    poses = []
    for s in np.linspace(-1, 1, n):
        eye = np.array([1.4 * s, -0.4 + 0.5 * np.cos(2 * s), 0.15 * np.sin(5 * s)])
        ahead = np.array([np.cos(0.9 * s), np.sin(0.9 * s), 0.05 * np.sin(7 * s)])
        poses.append(look_at(eye, eye + ahead, room.UP))
    return poses


@pytest.mark.slow
@pytest.mark.parametrize("mapper", ["incremental", "global"])
def test_panoramas_are_posed_as_one_rig(tmp_path: Path, mapper: str) -> None:
    truth, workspace = walk(5), Workspace(tmp_path / "run")
    room.photograph_panoramas(tmp_path / "photos", truth, (400, 800))
    capture_frames(workspace, source=tmp_path / "photos", **{**CAPTURE, "projection": "equirectangular"})
    pose_frames(workspace, **{**SETTINGS, "max_features": 1000, "mapper": mapper})
    reconstruction, frames = read_reconstruction(workspace), read_frame_set(workspace)
    assert frames.rig is not None and len(reconstruction.views) == 25
    by_name = {frame.name: frame for frame in frames.frames}
    seen_by = [by_name[view.name] for view in reconstruction.views]
    true_poses = np.stack([truth[int(frame.rig_frame)] @ frames.rig[frame.sensor] for frame in seen_by])
    aligned = align_points(reconstruction.centers, true_poses[:, :3, 3])
    centers = aligned.points(reconstruction.centers)
    assert np.linalg.norm(centers - true_poses[:, :3, 3], axis=1).max() < 0.002  # of a walk of 2.8 m
    assert np.linalg.norm(centers.reshape(5, 5, 3) - centers.reshape(5, 5, 3)[:, :1], axis=-1).max() < 1e-9
    turned = np.stack([aligned.rotation @ view.world_from_camera[:3, :3] for view in reconstruction.views])
    assert np.abs(turned - true_poses[:, :3, :3]).max() < 1e-3
    cameras = {view.camera for view in reconstruction.views}
    assert len(cameras) == 1 and frames.frames[0].focal_px == pytest.approx(cameras.pop().fx)
