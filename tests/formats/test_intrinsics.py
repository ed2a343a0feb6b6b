"""Intrinsics apart from poses: OpenCV's pixel convention, files and numbers, and lenses with a third coefficient."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from recon.formats.intrinsics import camera_of, read_intrinsics, write_intrinsics
from recon.geometry import Camera
from recon.geometry.lenses import LENSES
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import OPENCV, PINHOLE, SIZE_HW

NUMBERS = (40.0, 41.0, 17.2, 11.8, 0.1, 0.02, 0.001, -0.002)


def opencv_pixels(numbers: tuple[float, ...], points: np.ndarray) -> np.ndarray:
    """Where OpenCV itself puts points [n, 3], in our convention. [n, 2]"""
    fx, fy, cx, cy, *distortion = numbers
    matrix = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
    zero = np.zeros(3)
    return cv2.projectPoints(points, zero, zero, matrix, np.array(distortion or [0.0] * 4))[0][:, 0] + 0.5


@pytest.mark.parametrize("count", [4, 8])
def test_numbers_mean_what_opencv_means(count: int) -> None:
    points = np.array([[0.2, -0.1, 1.3], [-0.3, 0.25, 0.9], [0.0, 0.0, 2.0]])
    camera = camera_of(NUMBERS[:count], SIZE_HW, "here")
    assert camera.model == ("PINHOLE" if count == 4 else "OPENCV")
    np.testing.assert_allclose(
        camera.project(torch.from_numpy(points)), opencv_pixels(NUMBERS[:count], points), atol=1e-9
    )


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV], ids=lambda camera: camera.model)
def test_round_trip(tmp_path: Path, camera: Camera) -> None:
    write_intrinsics(tmp_path / "camera.txt", camera)
    numbers = read_intrinsics(None, tmp_path, names=("calibration.txt", "camera.txt"))
    assert numbers is not None and camera_of(numbers, SIZE_HW, "here") == camera


def test_numbers_win_over_files_and_files_may_hold_a_matrix(tmp_path: Path) -> None:
    (tmp_path / "k.txt").write_text("# K\n585 0 320\n0, 586, 240\n0 0 1\n")
    assert read_intrinsics(None, tmp_path, names=("camera.txt",)) is None
    assert read_intrinsics("k.txt", tmp_path, names=()) == (585, 586, 320, 240)
    assert read_intrinsics([1, 2, 3, 4], tmp_path, names=("k.txt",)) == (1, 2, 3, 4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([1.0, 2.0, 3.0], "found 3"),
        (500, "expected a file, or numbers"),
        ([1.0, 2.0, 3.0, float("nan")], "expected a file, or numbers"),
        ("nowhere.txt", "does not exist"),
        ("text.txt", "line 2, column 3"),
        ("empty.txt", "holds no numbers"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, given: Any, message: str) -> None:
    (tmp_path / "text.txt").write_text("# fx fy cx cy\n500 500 wide 240\n")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(UserError, match=message):
        read_intrinsics(given, tmp_path, names=())


def test_a_camera_that_cannot_be_is_named() -> None:
    with pytest.raises(UserError, match=r"calib\.txt: camera intrinsics"):
        camera_of((-40.0, 40.0, 1.0, 1.0), SIZE_HW, "calib.txt")


def test_a_third_coefficient_bends_rays_as_opencv_says(tmp_path: Path) -> None:
    numbers = (520.9, 521.0, 325.1, 249.7, 0.2312, -0.7849, -0.0033, -0.0001, 0.9172)  # a Kinect
    camera = camera_of(numbers, (480, 640), "calibration.txt")
    assert not take_warnings()
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 11), np.linspace(-0.4, 0.4, 9))
    points = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
    off = camera.project(torch.from_numpy(points)).numpy() - opencv_pixels(numbers, points)
    assert np.abs(off).max() < 1e-9
    write_intrinsics(tmp_path / "calibration.txt", camera)
    again = read_intrinsics("calibration.txt", tmp_path, names=())
    assert again is not None and camera_of(again, (480, 640), "calibration.txt") == camera


@pytest.mark.parametrize("model", ["OPENCV_FISHEYE", "FOV", "THIN_PRISM_FISHEYE", "FULL_OPENCV"])
def test_lenses_that_the_file_cannot_hold_are_refused(tmp_path: Path, model: str) -> None:
    coefficients = tuple(0.01 for _ in LENSES[model].coefficients)
    with pytest.raises(UserError, match=f"no {model} lens"):
        write_intrinsics(tmp_path / "calibration.txt", Camera(model, (48, 64), 50.0, 50.0, 32.0, 24.0, coefficients))
