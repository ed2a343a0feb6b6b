"""Two models tell the same where a similarity takes one into the other, and nothing else counts as the same."""

import numpy as np
import pycolmap
import pytest

from recon.geometry import Similarity
from recon.poses.sfm.same_model import is_same
from tests.poses import room, synthetic


@pytest.fixture(scope="module")
def scene() -> synthetic.Scene:
    return synthetic.scene(room.walk(10), points=300, noise_px=0.3)


def test_another_frame_and_unit_is_the_same(scene: synthetic.Scene) -> None:
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    other = synthetic.moved(synthetic.model_of(scene), Similarity(2.5, turn, np.array([1.0, -2, 3])))
    assert is_same(synthetic.model_of(scene), other) and is_same(other, synthetic.model_of(scene))


def test_a_frame_out_of_place_is_not(scene: synthetic.Scene) -> None:
    other = synthetic.model_of(scene)
    synthetic.move_frame(other, 4, [0.1, 0, 0])
    assert not is_same(synthetic.model_of(scene), other)


def test_a_frame_that_looks_elsewhere_is_not(scene: synthetic.Scene) -> None:
    other = synthetic.model_of(scene)
    frame = other.frame(other.image(synthetic.posed(other)[3] + 1).frame_id)
    turn = pycolmap.Rigid3d(pycolmap.Rotation3d(np.array([0.0, np.radians(0.5), 0.0])), np.zeros(3))
    frame.rig_from_world = turn * frame.rig_from_world  # the centre stays
    assert not is_same(synthetic.model_of(scene), other)


def test_a_model_without_one_of_the_frames_is_not(scene: synthetic.Scene) -> None:
    fewer = synthetic.model_of(scene, range(9))
    assert not is_same(synthetic.model_of(scene), fewer) and is_same(fewer, synthetic.model_of(scene))
