"""Given poses through the stage: each format ends upright in poses/, pictures stay where they are."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.formats import colmap, seven_scenes, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.formats.images import read_image
from recon.formats.video_writing import write_video
from recon.geometry import Camera, Points, Reconstruction, Similarity, View, look_at
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.poses.world_frame.scale_defaults import SCALE
from tests.stages import import_dataset

UP = np.array([0.0, 0.0, 1.0])
SETTINGS: dict[str, Any] = {
    "images": None,
    "intrinsics": None,
    "time_tolerance_s": None,
    "unit_m": None,
    "align": "auto",
    "triangulate": "never",
    "refine": False,
    "refine_intrinsics": False,
    "image_size": None,
    "max_features": 1000,
    "seed": 0,
    "threads": 1,
    "scale": SCALE,
}


def capture(folder: Path, turn: np.ndarray | None = None) -> Reconstruction:
    """A ring of cameras in an upright world, then turned."""
    camera = Camera("OPENCV", (24, 36), 40.0, 41.0, 17.0, 12.5, (0.1, 0.02, 0.001, -0.002))
    views = []
    for i in range(6):
        image = folder / f"images/{i:03d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (36, 24)).save(image)
        eye = np.array([3 * np.cos(i), 3 * np.sin(i), 1.0 + 0.1 * i])
        views.append(View(f"{i:03d}", image, camera, look_at(eye, np.zeros(3), UP)))
    points = Points(np.random.default_rng(0).normal(size=(30, 3)), np.zeros((30, 3), np.uint8))
    scene = Reconstruction(tuple(views), points)
    return scene if turn is None else scene.transformed(Similarity(1.0, turn, np.zeros(3)))


def test_an_upright_world_is_kept_and_pictures_stay(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    given = capture(data, Rotation.from_euler("xz", (20, 50), degrees=True).as_matrix())
    transforms_json.write(data / "transforms.json", given)
    import_dataset(workspace, format="transforms", path=str(data), **SETTINGS)
    read = read_reconstruction(workspace)
    np.testing.assert_allclose(read.centers, given.centers, atol=1e-9)
    assert read.is_up_aligned and read.scale is None and read.points is not None
    assert read.views[2].image == (data / "images/002.png").resolve()
    assert sorted(p.name for p in workspace.poses.iterdir()) == [
        "cameras.json", "colmap", "points.ply", "report.json", "stage.json", "tracks.npz", "transforms.json",
    ]  # fmt: skip
    assert read_metrics(workspace)["poses"]["method"] == "given (transforms)"


def test_a_lying_world_is_turned_upright_unless_told_otherwise(tmp_path: Path) -> None:
    data = tmp_path / "data"
    given = capture(data, Rotation.from_euler("xy", (95, 20), degrees=True).as_matrix())
    colmap.write(data / "sparse/0", given, images=data / "images")
    turned, kept = Workspace(tmp_path / "turned"), Workspace(tmp_path / "kept")
    import_dataset(turned, format="colmap", path=str(data), **SETTINGS)
    import_dataset(kept, format="colmap", path=str(data), **{**SETTINGS, "align": "keep"})
    upright = read_reconstruction(turned)
    heights = upright.centers[:, 2]
    np.testing.assert_allclose(np.diff(heights), 0.1, atol=1e-4)
    back = upright.world_from_capture.inverse().points(upright.centers)
    np.testing.assert_allclose(back, given.centers, atol=1e-9)
    assert upright.is_up_aligned and not read_reconstruction(kept).is_up_aligned
    np.testing.assert_allclose(read_reconstruction(kept).centers, given.centers, atol=1e-9)


def test_known_distance_gives_metres(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    transforms_json.write(data / "transforms.json", capture(data))
    scale = {**SETTINGS["scale"], "known_distance_m": 12.0, "between": ["000", "003"]}
    import_dataset(workspace, format="transforms", path=str(data), **{**SETTINGS, "scale": scale})
    read = read_reconstruction(workspace)
    assert np.linalg.norm(read.centers[3] - read.centers[0]) == pytest.approx(12.0)
    assert read.scale is not None and read.scale.metres_per_unit == 1.0


def test_reruns_skip_until_the_file_changes(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    transforms_json.write(data / "transforms.json", capture(data))
    stamps = []
    for change in (False, False, True):
        if change:
            value = json.loads((data / "transforms.json").read_text())
            value["frames"].pop()
            (data / "transforms.json").write_text(json.dumps(value))
        import_dataset(workspace, format="transforms", path=str(data), **SETTINGS)
        stamps.append(workspace.cameras_json.stat().st_mtime_ns)
    assert stamps[0] == stamps[1] != stamps[2]


def test_a_known_unit_gives_metres_and_a_known_distance_wins_over_it(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    given = capture(data)
    transforms_json.write(data / "transforms.json", given)
    import_dataset(workspace, format="transforms", path=str(data), **{**SETTINGS, "unit_m": 0.01})
    read = read_reconstruction(workspace)
    np.testing.assert_allclose(read.centers, 0.01 * given.centers, atol=1e-12)
    assert read.scale is not None and (read.scale.metres_per_unit, "unit_m" in read.scale.source) == (1.0, True)
    scale = {**SETTINGS["scale"], "known_distance_m": 12.0, "between": ["000", "003"]}
    import_dataset(workspace, format="transforms", path=str(data), **{**SETTINGS, "unit_m": 0.01, "scale": scale})
    read = read_reconstruction(workspace)
    assert np.linalg.norm(read.centers[3] - read.centers[0]) == pytest.approx(12.0)
    assert read.scale is not None and "distance" in read.scale.source


def test_a_pose_that_changes_in_any_file_makes_the_stage_run_again(tmp_path: Path) -> None:
    workspace, settings = (
        Workspace(tmp_path / "run"),
        {**SETTINGS, "format": "seven_scenes", "path": str(tmp_path / "data")},
    )
    names = [f"seq-01_frame-{i:06d}" for i in range(4)]
    views = [replace(view, name=name) for name, view in zip(names, capture(tmp_path / "data").views, strict=False)]
    moved = []
    for i, view in enumerate(views):
        image = tmp_path / f"data/seq-01/frame-{i:06d}.color.png"
        image.parent.mkdir(exist_ok=True)
        view.image.rename(image)
        moved.append(replace(view, image=image))
    seven_scenes.write(tmp_path / "data", Reconstruction(tuple(moved)))
    import_dataset(workspace, **settings)
    before = workspace.cameras_json.stat().st_mtime_ns
    import_dataset(workspace, **settings)
    assert workspace.cameras_json.stat().st_mtime_ns == before
    pose = tmp_path / "data/seq-01/frame-000002.pose.txt"
    np.savetxt(pose, np.eye(4))
    import_dataset(workspace, **settings)
    assert workspace.cameras_json.stat().st_mtime_ns != before


def drive(folder: Path, n_poses: int, n_frames: int = 5) -> list[np.ndarray]:
    """A KITTI drive whose pictures are a video. The frames."""
    folder.mkdir()
    frames = [np.full((24, 36, 3), 40 * i, np.uint8) for i in range(n_frames)]
    write_video(folder / "drive.mp4", frames, fps=10)
    (folder / "calib.txt").write_text("40 0 17 0 0 41 11 0 0 0 1 0\n")
    (folder / "poses.txt").write_text("".join(f"1 0 0 0 0 1 0 0 0 0 1 {1.2 * i}\n" for i in range(n_poses)))
    return frames


def test_frames_of_a_video_beside_the_poses_go_into_the_run_folder(tmp_path: Path) -> None:
    frames, workspace = drive(tmp_path / "data", 5), Workspace(tmp_path / "run")
    settings = {**SETTINGS, "format": "kitti", "path": str(tmp_path / "data"), "unit_m": 1.0}
    import_dataset(workspace, **settings)
    read = read_reconstruction(workspace)
    assert [view.image.name for view in read.views] == [f"{i:05d}.jpg" for i in range(5)]
    assert [view.time_s for view in read.views] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    for view, frame in zip(read.views, frames, strict=True):
        assert np.abs(read_image(view.image).astype(int) - frame).max() < 6
    np.testing.assert_allclose(read.centers[3] - read.centers[0], [0, 3.6, 0], atol=1e-9)  # ahead, and level
    stamps = [path.stat().st_mtime_ns for path in (workspace.frames_json, workspace.cameras_json)]
    import_dataset(workspace, **settings)
    assert stamps == [path.stat().st_mtime_ns for path in (workspace.frames_json, workspace.cameras_json)]


def test_a_video_of_another_length_than_the_poses(tmp_path: Path) -> None:
    drive(tmp_path / "data", 6)
    workspace = Workspace(tmp_path / "run")
    with pytest.raises(UserError, match="6 poses, but 5 frames"):
        import_dataset(workspace, **{**SETTINGS, "format": "kitti", "path": str(tmp_path / "data")})
    assert not workspace.poses.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "bundler"}, "expected one of"),
        ({"unit_m": 0.0}, r"dataset\.unit_m"),
        ({"unit_m": "metres"}, r"dataset\.unit_m"),
        ({"intrinsics": [1, 2, 3, 4]}, "does not use it, only tum, kitti"),
        ({"format": "blender", "images": "pictures"}, "does not use it, only transforms"),
        ({"time_tolerance_s": 0.1}, "only tum"),
        ({"align": "sideways"}, "auto, keep, up"),
        ({"path": None}, r"dataset\.path"),
        ({"path": "nowhere"}, "does not exist"),
    ],
)
def test_bad_settings_write_nothing(tmp_path: Path, change: dict, message: str) -> None:
    workspace = Workspace(tmp_path / "run")
    transforms_json.write(tmp_path / "transforms.json", capture(tmp_path))
    settings = {"format": "transforms", "path": str(tmp_path), **SETTINGS, **change}
    with pytest.raises(UserError, match=message):
        import_dataset(workspace, **settings)
    assert not workspace.poses.exists()
