"""Straight motion does not tell the focal length, motion with turns or from the side does; a measured one is believed."""

from pathlib import Path

import numpy as np
import pytest

from recon.formats.cameras_json import read_reconstruction
from recon.geometry import look_at
from recon.poses.sfm.focal import is_focal_told
from recon.poses.sfm.lens import adjust
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room, synthetic
from tests.poses.test_sfm import SETTINGS
from tests.stages import pose_frames


def drive(n: int, *, turn_deg: float = 0.0) -> list[np.ndarray]:
    """Straight along the length of the room, looking ahead, turning evenly from one side to the other."""
    poses = []
    for s in np.linspace(-1, 1, n):
        eye, angle = np.array([-1.2 + 1.2 * s, 0.1, 0.0]), np.radians(turn_deg) * s
        poses.append(look_at(eye, eye + np.array([np.cos(angle), np.sin(angle), 0.0]), room.UP))
    return poses


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("poses", "is_told"),
    [(drive(10), False), (drive(10, turn_deg=8.0), True), (drive(10, turn_deg=20.0), True), (room.walk(10), True)],
    ids=["straight", "bend", "corner", "walk"],
)
def test_only_turning_or_walking_past_tells(poses: list[np.ndarray], is_told: bool, seed: int) -> None:
    model = synthetic.model_of(synthetic.scene(poses, points=3000, noise_px=0.3, seed=seed))
    adjust(model)
    before = [image.cam_from_world().matrix() for image in model.images.values()]
    assert is_focal_told(model) == is_told
    after = [image.cam_from_world().matrix() for image in model.images.values()]
    np.testing.assert_array_equal(before, after)


@pytest.mark.slow
def test_a_straight_drive_wants_the_focal_length_given(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    room.film(workspace, drive(8), room.camera())
    with pytest.raises(UserError, match=r"straight ahead.*poses\.focal_px"):
        pose_frames(workspace, **{**SETTINGS, "camera_model": "SIMPLE_RADIAL"})
    pose_frames(workspace, **{**SETTINGS, "camera_model": "SIMPLE_RADIAL", "focal_px": 288.0})
    reconstruction = read_reconstruction(workspace)
    assert len(reconstruction.views) == 8 and reconstruction.views[0].camera.fx == 288.0
    steps = np.linalg.norm(np.diff(reconstruction.centers, axis=0), axis=1)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.05)
