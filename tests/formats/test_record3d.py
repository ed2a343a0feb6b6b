"""Record3D's raw captures: both layouts, axes and quaternions, K by columns, intrinsics by frame, bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.formats import record3d
from recon.geometry import opengl_from_opencv
from recon.workspace.errors import UserError
from tests.formats.captures import picture, pose


def export(folder: Path, metadata: str = "metadata", pictures: str = "rgbd", n: int = 12) -> dict[str, Any]:
    poses = []
    for i in range(n):
        matrix = opengl_from_opencv(pose(i))
        poses.append([*Rotation.from_matrix(matrix[:3, :3]).as_quat(), *matrix[:3, 3]])  # scipy's order is xyzw too
        picture(folder / f"{pictures}/{i}.jpg")
    value = {"poses": poses, "K": [40.0, 0, 0, 0, 41.0, 0, 17.7, 12.3, 1], "w": 36, "h": 24, "fps": 20}
    (folder / metadata).write_text(json.dumps(value))
    return value


@pytest.mark.parametrize(("metadata", "pictures"), [("metadata", "rgbd"), ("metadata.json", "rgb")])
def test_poses_cameras_and_times(tmp_path: Path, metadata: str, pictures: str) -> None:
    export(tmp_path, metadata, pictures)
    views = record3d.read(tmp_path).views
    assert [view.name for view in views] == [str(i) for i in range(12)]
    for i, view in enumerate(views):
        np.testing.assert_allclose(view.world_from_camera, pose(i), atol=1e-12)
        assert view.time_s == pytest.approx(0.05 * i)
    camera = views[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 17.7, 12.3)


def test_intrinsics_and_times_by_frame_win(tmp_path: Path) -> None:
    value = export(tmp_path, n=3)
    value |= {
        "perFrameIntrinsicCoeffs": [[50.0 + i, 51.0, 18.0, 12.0] for i in range(3)],
        "frameTimestamps": [7, 7.5, 9],
    }
    (tmp_path / "metadata").write_text(json.dumps(value))
    views = record3d.read(tmp_path / "metadata").views
    assert [view.camera.fx for view in views] == [50, 51, 52]
    assert [view.time_s for view in views] == [0, 0.5, 2]


def test_pictures_go_by_their_number(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "rgbd/3.jpg").unlink()
    picture(tmp_path / "rgbd/4(2).jpg")
    views = record3d.read(tmp_path).views
    assert len(views) == 11
    np.testing.assert_allclose(views[3].world_from_camera, pose(4), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("poses"), "'poses' is not a table of 7 columns"),
        (lambda v: v.update(poses=[[0, 0, 0, 1, 0, 0]]), "7 columns"),
        (lambda v: v.update(poses=[]), "'poses' is empty"),
        (lambda v: v["poses"][1].__setitem__(5, float("nan")), "NaN"),
        (lambda v: v["poses"][1].__setitem__(slice(0, 4), [0, 0, 0, 0]), "pose 1.*all zeros"),
        (lambda v: v["poses"].pop(), "2 poses, from 0"),
        (lambda v: v.pop("K"), "'K'"),
        (lambda v: v.pop("w"), "'w', 'h'"),
        (lambda v: v.update(w=24, h=36), "turned"),
        (lambda v: v.update(frameTimestamps=[0, 1]), "2 rows under 'frameTimestamps', but 3 poses"),
    ],
)
def test_bad_metadata_are_named(tmp_path: Path, change: object, message: str) -> None:
    value = export(tmp_path, n=3)
    change(value)  # type: ignore[operator]
    (tmp_path / "metadata").write_text(json.dumps(value))
    with pytest.raises(UserError, match=message):
        record3d.read(tmp_path)


def test_an_archive_and_missing_pictures(tmp_path: Path) -> None:
    (tmp_path / "walk.r3d").write_bytes(b"PK")
    with pytest.raises(UserError, match="Unpack"):
        record3d.read(tmp_path / "walk.r3d")
    export(tmp_path, n=1)
    (tmp_path / "rgbd/0.jpg").unlink()
    with pytest.raises(UserError, match=r"no pictures 0\.jpg"):
        record3d.read(tmp_path)
