"""KITTI odometry: round trip, the pixel convention, the other cameras, the benchmark's layout, bad input."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats import kitti
from recon.formats.video_writing import write_video
from recon.geometry import Reconstruction
from recon.workspace.errors import UserError
from tests.formats.captures import OPENCV, assert_same_views, capture, picture, pose


def made(folder: Path, n: int = 4, pictures: str = "image_0") -> Reconstruction:
    names = [f"{i:06d}" for i in range(n)]
    return capture([folder / pictures / f"{name}.png" for name in names], names)


def read(path: Path, images: str | None = None, intrinsics: list[float] | None = None) -> Reconstruction:
    return kitti.read(path, pictures=kitti.find_pictures(path, images), intrinsics=intrinsics, times_s=None)


def test_round_trip(tmp_path: Path) -> None:
    written = made(tmp_path)
    kitti.write(tmp_path, written)
    assert_same_views(read(tmp_path), written)
    assert_same_views(read(tmp_path / "poses.txt", "image_0"), written)
    (tmp_path / "times.txt").unlink()
    assert [view.time_s for view in read(tmp_path).views] == [None] * 4


def test_integer_pixels_become_ours_and_intrinsics_may_be_given(tmp_path: Path) -> None:
    kitti.write(tmp_path, made(tmp_path))
    (tmp_path / "calib.txt").write_text("P0: 40 0 17 0  0 41 11 0  0 0 1 0\n")
    camera = read(tmp_path).views[0].camera
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 17.5, 11.5)
    (tmp_path / "calib.txt").unlink()
    assert read(tmp_path, intrinsics=[50, 51, 17, 11]).views[0].camera.fx == 50


@pytest.mark.parametrize("named", [True, False], ids=["P0:", "bare rows"])
def test_poses_of_another_camera_are_moved_by_its_baseline(tmp_path: Path, named: bool) -> None:
    kitti.write(tmp_path, made(tmp_path))
    for i in range(4):
        (tmp_path / "image_1").mkdir(exist_ok=True)
        picture(tmp_path / f"image_1/{i:06d}.png")
    rows = ["40 0 17 0 0 41 11 0 0 0 1 0", "40 0 17 -21.6 0 41 11 0 0 0 1 0"]  # the right camera, 0.54 m to the right
    (tmp_path / "calib.txt").write_text("\n".join(f"P{i}: {row}" if named else row for i, row in enumerate(rows)))
    for i, view in enumerate(read(tmp_path, "image_1").views):
        camera_0_from_camera_1 = np.linalg.inv(pose(i)) @ view.world_from_camera
        expected = np.eye(4)
        expected[0, 3] = 0.54
        np.testing.assert_allclose(camera_0_from_camera_1, expected, atol=1e-12)


def test_the_layout_of_the_benchmark(tmp_path: Path) -> None:
    sequence = tmp_path / "sequences/07"
    written = made(sequence)
    kitti.write(sequence, written)
    (tmp_path / "poses").mkdir()
    (sequence / "poses.txt").rename(tmp_path / "poses/07.txt")
    (sequence / "calib.txt").write_text((sequence / "calib.txt").read_text() + "Tr: 1 0 0 0 0 1 0 0 0 0 1 0\n")
    assert_same_views(read(sequence), written)


def test_a_video_is_found_where_there_are_no_pictures(tmp_path: Path) -> None:
    kitti.write(tmp_path, made(tmp_path))
    video = write_video(tmp_path / "drive.mp4", [np.zeros((24, 36, 3), np.uint8)] * 4, fps=10)
    assert kitti.find_pictures(tmp_path, None) == tmp_path / "image_0"
    assert kitti.find_pictures(tmp_path, "drive.mp4") == video
    (tmp_path / "image_0").rename(tmp_path / "left")
    assert kitti.find_pictures(tmp_path, None) == video
    assert kitti.find_pictures(tmp_path, "left") == tmp_path / "left"
    write_video(tmp_path / "second.mp4", [np.zeros((24, 36, 3), np.uint8)] * 4, fps=10)
    with pytest.raises(UserError, match="found 2 videos"):
        kitti.find_pictures(tmp_path, None)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("poses.txt", "1 0 0 0 0 1 0 0 0 0 1 0\n", "1 poses, but 4 frames"),
        ("poses.txt", "1 0 0 0 0 1 0 0 0 0 1\n" * 4, "line 1: expected 12 numbers, found 11"),
        ("poses.txt", "1 0 0 0 0 1 0 0 0 0 one 0\n" * 4, "line 1, column 11"),
        ("poses.txt", "2 0 0 0 0 2 0 0 0 0 2 0\n" * 4, "line 1: the pose is not rigid"),
        ("poses.txt", "1 0 0 0 0 1 0 0 0 0 -1 0\n" * 4, "mirrored"),
        ("calib.txt", "P1: 40 0 17 0 0 41 11 0 0 0 1 0\n", "no row P0"),
        ("calib.txt", "P0: 40 0 17 0 0 41 11 0 0 0 1\n", "line 1: expected 12 numbers, found 11"),
        ("calib.txt", "P0: 40 3 17 0 0 41 11 0 0 0 1 0\n", r"K \[I \| t\]"),
        ("calib.txt", "P0: 0 0 17 0 0 0 11 0 0 0 1 0\n", r"K \[I \| t\]"),
        ("times.txt", "0.0\n0.1\n", "2 times, but 4 poses"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    kitti.write(tmp_path, made(tmp_path))
    (tmp_path / file).write_text(text)
    with pytest.raises(UserError, match=message):
        read(tmp_path)


def test_missing_parts_say_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found 0 videos"):
        read(tmp_path)
    made(tmp_path)
    with pytest.raises(UserError, match=r"no poses\.txt"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"dataset\.images=image_9"):
        read(tmp_path, "image_9")
    with pytest.raises(UserError, match=r"dataset\.images=xxx"):
        read(tmp_path, "x" * 300)
    with pytest.raises(UserError, match="leads out"):
        read(tmp_path, "../image_0")


def test_what_the_format_cannot_hold_is_not_written(tmp_path: Path) -> None:
    written = made(tmp_path)
    picture(tmp_path / "image_0/one_more.png")
    with pytest.raises(UserError, match="order"):
        kitti.write(tmp_path, written)
    with pytest.raises(UserError, match="OPENCV"):
        kitti.write(tmp_path, capture([tmp_path / "image_0/a.png"], ["a"], OPENCV))


def test_the_drive(tmp_path: Path) -> None:
    drive = Path(__file__).resolve().parents[3] / "shared/data/kitti_drive"
    if not drive.is_dir():
        pytest.skip(f"{drive} is not on this machine")
    frames = tmp_path / "frames"
    for i in range(51):
        picture(frames / f"{i:05d}.png", (370, 1226))
    views = kitti.read(drive, pictures=frames, intrinsics=None, times_s=None).views
    steps = np.linalg.norm(np.diff([view.world_from_camera[:3, 3] for view in views], axis=0), axis=1)
    assert steps.sum() == pytest.approx(59.9, abs=0.1) and views[0].camera.cx == pytest.approx(602.3873)
