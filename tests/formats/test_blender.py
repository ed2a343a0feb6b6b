"""Blender synthetic scenes: splits, intrinsics, axes, missing and broken parts."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats import blender
from recon.geometry import look_at, opengl_from_opencv
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError

ANGLE = 0.7


def pose(i: int) -> np.ndarray:
    return look_at(np.array([4.0, i - 1.0, 2.0]), np.zeros(3), np.array([0.0, 0.0, 1.0]))


def write_split(folder: Path, split: str, n: int) -> dict:
    (folder / split).mkdir(parents=True)
    frames = []
    for i in range(n):
        Image.new("RGBA", (30, 20), (10, 20, 30, 128)).save(folder / f"{split}/r_{i}.png")
        frames.append({"file_path": f"./{split}/r_{i}", "transform_matrix": opengl_from_opencv(pose(i)).tolist()})
    value = {"camera_angle_x": ANGLE, "frames": frames}
    save(folder, split, value)
    return value


def save(folder: Path, split: str, value: dict) -> None:
    (folder / f"transforms_{split}.json").write_text(json.dumps(value))


def test_splits_camera_and_axes(tmp_path: Path) -> None:
    write_split(tmp_path, "train", 3)
    write_split(tmp_path, "val", 2)
    write_split(tmp_path, "test", 4)
    read = blender.read(tmp_path)
    assert [(view.name, view.split) for view in read.views] == [
        *((f"test_r_{i}", "test") for i in range(4)),
        *((f"train_r_{i}", "train") for i in range(3)),
    ]
    camera = read.views[0].camera
    assert camera.fx == pytest.approx(15 / np.tan(0.35)) and (camera.cx, camera.cy) == (15, 10)
    assert read.is_up_aligned and read.scale is None
    np.testing.assert_allclose(read.views[5].world_from_camera, pose(1), atol=1e-12)


def test_intrinsics_beyond_the_angle_count(tmp_path: Path) -> None:
    """As instant-ngp and nerfstudio write them, also into lists by split."""
    value = write_split(tmp_path, "train", 3)
    save(tmp_path, "train", value | {"fl_x": 31.0, "fl_y": 32.0, "cx": 14.0, "cy": 9.0, "w": 30, "h": 20, "k1": 0.1})
    camera = blender.read(tmp_path).views[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (31, 32, 14, 9)
    assert camera.model == "OPENCV" and camera.distortion == (0.1, 0, 0, 0)
    assert "angle of view" in " ".join(take_warnings())  # 0.7 says 41 px


def test_without_test_list_every_eighth_is_held_out(tmp_path: Path) -> None:
    write_split(tmp_path, "train", 3)
    take_warnings()
    assert {view.split for view in blender.read(tmp_path / "transforms_train.json").views} == {None}
    assert len(take_warnings()) == 1


def test_missing_pictures_are_skipped(tmp_path: Path) -> None:
    write_split(tmp_path, "train", 3)
    write_split(tmp_path, "test", 2)
    (tmp_path / "train/r_1.png").unlink()
    assert [view.name for view in blender.read(tmp_path).views] == ["test_r_0", "test_r_1", "train_r_0", "train_r_2"]
    assert "1 of 3" in take_warnings()[-1]


@pytest.mark.parametrize(
    ("message", "change"),
    [
        ("camera_angle_x", lambda v: v.pop("camera_angle_x")),
        ("camera_angle_x", lambda v: v.update(camera_angle_x=7.0)),
        ("frames", lambda v: v.update(frames=[])),
        ("NaN", lambda v: v["frames"][0].update(transform_matrix=np.full((4, 4), np.nan).tolist())),
        ("leads out", lambda v: v["frames"][0].update(file_path="../../r_0")),
        ("none of its", lambda v: [f.update(file_path="train/no") for f in v["frames"]]),
    ],
)
def test_bad_input_is_named(tmp_path: Path, message: str, change: object) -> None:
    value = write_split(tmp_path, "train", 2)
    change(value)  # type: ignore[operator]
    save(tmp_path, "train", value)
    with pytest.raises(UserError, match=message):
        blender.read(tmp_path)


def test_no_train_list(tmp_path: Path) -> None:
    write_split(tmp_path, "test", 2)
    with pytest.raises(UserError, match=r"transforms_train\.json does not exist"):
        blender.read(tmp_path)
