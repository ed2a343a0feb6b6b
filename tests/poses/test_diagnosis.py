"""Captures that fit a wrong model, or none, are told apart from good ones, and said to be."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.errors import UserError
from recon.geometry import Camera
from recon.poses import pose_frames
from recon.poses.diagnosis import check_lens
from recon.workspace import Workspace
from tests.poses import room
from tests.poses.test_sfm import SETTINGS

H, W = 540, 960


def lens(fx: float, fy: float, *coefficients: float) -> Camera:
    return Camera("OPENCV", (H, W), fx, fy, W / 2, H / 2, coefficients)


@pytest.mark.parametrize(
    "camera",
    [
        lens(860, 872, 0.0, 0.0, 0.0, 0.0),
        lens(690, 691, 0.058, -0.081, -0.001, 0.0),  # a phone
        lens(480, 480, -0.278, 0.07, 0.0, 0.0),  # an action camera
        Camera("PINHOLE", (H, W), 700.0, 700.0, W / 2, H / 2, ()),
        Camera("OPENCV_FISHEYE", (H, W), 300.0, 300.0, W / 2, H / 2, (0.03, -0.01, 0.002, 0.0)),
    ],
)
def test_real_lenses_pass(camera: Camera) -> None:
    assert check_lens(camera) is None


@pytest.mark.parametrize(
    ("camera", "named"),
    [
        (lens(302, 574, 0.80, -0.10, -0.008, -0.048), "302 and 574 px"),  # a drive down a straight highway
        (lens(700, 700, 2.0, 0.0, 0.0, 0.0), "corners"),
        (lens(500, 500, -0.5, 0.0, 0.0, 0.0), "corners"),  # folds back inside the picture
    ],
)
def test_impossible_lenses_are_named(camera: Camera, named: str) -> None:
    problem = check_lens(camera)
    assert problem is not None and named in problem and "model is wrong" in problem


def test_a_person_walking_past_a_tripod_is_no_camera_motion(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = room.render(room.camera((180, 260)), room.walk(3)[0], room.textures(0)).astype(float)
    person = cv2.resize(rng.integers(0, 255, (30, 12, 3), dtype=np.uint8), (40, 100), interpolation=cv2.INTER_CUBIC)
    frames = []
    for i in range(12):
        frame = np.clip(still + rng.normal(0, 2, still.shape), 0, 255).astype(np.uint8)
        frame[60:160, 18 * i : 18 * i + 40] = person
        frames.append(frame)
    room.write_frames(Workspace(tmp_path), frames)
    with pytest.raises(UserError, match="does not move"):
        pose_frames(Workspace(tmp_path), **SETTINGS)
    assert not Workspace(tmp_path).poses.exists()
