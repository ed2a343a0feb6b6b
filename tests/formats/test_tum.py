"""TUM trajectories: round trip, pictures by time, poses between entries, intrinsics, bad input."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.formats import tum
from recon.geometry import Camera, Reconstruction
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import FISHEYE, OPENCV, PINHOLE, assert_same_views, capture, picture

OPTIONS = {"images": None, "intrinsics": None, "time_tolerance_s": 0.02}


def made(folder: Path, camera: Camera = PINHOLE) -> Reconstruction:
    names = [f"{100 + 0.1 * i:.6f}" for i in range(4)]
    return capture([folder / f"rgb/{name}.png" for name in names], names, camera)


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda camera: camera.model)
@pytest.mark.parametrize("listed", [True, False], ids=["rgb.txt", "names are times"])
def test_round_trip(tmp_path: Path, camera: Camera, listed: bool) -> None:
    written = made(tmp_path, camera)
    tum.write(tmp_path, written)
    if not listed:
        (tmp_path / "rgb.txt").unlink()
    assert_same_views(tum.read(tmp_path, **OPTIONS), written)
    assert_same_views(tum.read(tmp_path / "groundtruth.txt", **OPTIONS), written)


def test_quaternions_are_xyzw_and_poses_world_from_camera(tmp_path: Path) -> None:
    picture(tmp_path / "rgb/5.0.png")
    turn = Rotation.from_euler("xyz", (20, -50, 70), degrees=True)
    numbers = " ".join(map(str, turn.as_quat()))  # scipy's order is xyzw too
    (tmp_path / "trajectory.txt").write_text(f"# comment\n5.0 1 2 3 {numbers}\n")
    (view,) = tum.read(tmp_path, **{**OPTIONS, "intrinsics": [40, 41, 17.5, 11.5]}).views
    np.testing.assert_allclose(view.world_from_camera[:3, :3], turn.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(view.world_from_camera[:3, 3], [1, 2, 3])
    assert (view.camera.cx, view.camera.cy) == (18, 12)


def test_poses_between_two_entries_are_interpolated_and_nanoseconds_are_seconds(tmp_path: Path) -> None:
    picture(tmp_path / "rgb/1403636579010000000.png")
    half = Rotation.from_euler("z", 3, degrees=True)
    rows = [
        ("1403636579000000000", 0.0, Rotation.identity()),
        ("1403636579016000000", 0.8, Rotation.from_euler("z", 4.8, degrees=True)),
    ]
    text = "".join(f"{t},{x},0,0,{','.join(map(str, q.as_quat()))}\n" for t, x, q in rows)
    (tmp_path / "trajectory.txt").write_text(text)
    (view,) = tum.read(tmp_path, **{**OPTIONS, "intrinsics": [40, 41, 18, 12]}).views
    # A double holds seconds since 1970 to 2e-7; at 50 units and 300 degrees per second that is 1e-5.
    np.testing.assert_allclose(view.world_from_camera[:3, 3], [0.5, 0, 0], atol=1e-5)
    np.testing.assert_allclose(view.world_from_camera[:3, :3], half.as_matrix(), atol=1e-5)
    assert view.time_s == pytest.approx(1403636579.01, abs=1e-6)


def test_pictures_without_a_pose_near_in_time_are_skipped(tmp_path: Path) -> None:
    tum.write(tmp_path, made(tmp_path))
    picture(tmp_path / "rgb/100.25.png")
    (tmp_path / "rgb.txt").write_text((tmp_path / "rgb.txt").read_text() + "100.25 rgb/100.25.png\n9 rgb/none.png\n")
    take_warnings()
    assert len(tum.read(tmp_path, **OPTIONS).views) == 4
    assert ["do not exist" in take_warnings()[0]] == [True]
    assert len(tum.read(tmp_path, **{**OPTIONS, "time_tolerance_s": 0.06}).views) == 5
    with pytest.raises(UserError, match=r"no picture is within 0\.02 s"):
        (tmp_path / "rgb.txt").write_text("9.5 rgb/100.25.png\n")
        tum.read(tmp_path, **OPTIONS)


def test_lost_poses_are_told_in_the_one_warning_about_the_pictures_that_they_leave(tmp_path: Path) -> None:
    tum.write(tmp_path, made(tmp_path))
    rows = (tmp_path / "groundtruth.txt").read_text().splitlines()
    rows[2] = rows[2].split()[0] + " nan" * 7
    (tmp_path / "groundtruth.txt").write_text("\n".join(rows) + "\n")
    take_warnings()
    assert len(tum.read(tmp_path, **OPTIONS).views) == 3
    (told,) = take_warnings()
    assert "1 of 4 poses were lost" in told and "1 of 4 pictures have no pose within 0.02 s and are skipped" in told


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("groundtruth.txt", "1 2 3\n", "line 1: expected 8 numbers, found 3"),
        ("groundtruth.txt", "# t\n100 0 0 zero 0 0 0 1\n", "line 2, column 4"),
        ("groundtruth.txt", "100 0 0 nan 0 0 0 1\n", "every pose was lost"),
        ("groundtruth.txt", "100 0 0 0 0 0 0 0\n", "every pose was lost"),
        ("groundtruth.txt", "", "holds no numbers"),
        ("rgb.txt", "100 rgb/100.000000.png more\n", "3 words"),
        ("rgb.txt", "then rgb/100.000000.png\n", "line 1, column 1"),
        ("rgb.txt", "100 ../100.000000.png\n", "leads out"),
        ("rgb.txt", "100 rgb/none.png\n", "none of its 1 listed pictures"),
        ("calibration.txt", "40 41 18\n", "found 3"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    tum.write(tmp_path, made(tmp_path))
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=f"{re.escape(file)}.*{message}|{message}"):
        tum.read(tmp_path, **OPTIONS)


def test_missing_parts_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trajectory"):
        tum.read(tmp_path, **OPTIONS)
    tum.write(tmp_path, made(tmp_path))
    for tolerance in (None, -1.0, "short"):
        with pytest.raises(UserError, match="time_tolerance_s"):
            tum.read(tmp_path, **{**OPTIONS, "time_tolerance_s": tolerance})
    with pytest.raises(UserError, match=r"dataset\.images"):
        tum.read(tmp_path, **{**OPTIONS, "images": "nowhere"})
    (tmp_path / "calibration.txt").unlink()
    with pytest.raises(UserError, match=r"dataset\.intrinsics"):
        tum.read(tmp_path, **OPTIONS)
    picture(tmp_path / "rgb/100.000000.png", (30, 36))
    with pytest.raises(UserError, match="36x24 and 36x30"):
        tum.read(tmp_path, **{**OPTIONS, "intrinsics": [40, 41, 18, 12]})


def test_what_the_format_cannot_hold_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no OPENCV_FISHEYE lens"):
        tum.write(tmp_path, made(tmp_path, FISHEYE))
    with pytest.raises(UserError, match="is not below"):
        tum.write(tmp_path / "elsewhere", made(tmp_path))
