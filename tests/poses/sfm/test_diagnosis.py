"""Captures that cannot be posed are told apart from good ones, and said to be."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room
from tests.poses.test_sfm import SETTINGS
from tests.stages import pose_frames


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
