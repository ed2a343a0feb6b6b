"""Matches that agree wherever the film is cut leave no doubt; a slip that no single half shows does."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.geometry import Similarity, invert_rigid
from recon.poses.sfm.doubt import is_settled, weakest_cut
from tests.poses import room, synthetic

N = 12


@pytest.fixture(scope="module")
def scene() -> synthetic.Scene:
    return synthetic.scene(room.walk(N), points=900, noise_px=0.3)


@pytest.fixture(scope="module")
def database(scene: synthetic.Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_database(tmp_path_factory.mktemp("doubt") / "d.db", scene, combinations(range(N), 2))


def slipped(given: synthetic.Scene, first: int, by: list[float]) -> pycolmap.Reconstruction:
    """From frame `first` on all lies `by` [3] metres off, with the points that those frames see: each half fits in itself."""
    model = pycolmap.Reconstruction()
    model.add_camera_with_trivial_rig(synthetic.camera())
    tracks: dict[tuple[bool, int], pycolmap.Track] = {}
    for i, pose in enumerate(given.poses):
        moved = pose.copy()
        moved[:3, 3] += np.array(by) * (i >= first)
        image = pycolmap.Image(name=given.frames.images[i], keypoints=given.pixels[i], camera_id=1, image_id=i + 1)
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(invert_rigid(moved)[:3]))
        for feature, point in enumerate(given.seen[i].tolist()):
            tracks.setdefault((i >= first, point), pycolmap.Track()).add_element(i + 1, feature)
    for (is_after, point), track in sorted(tracks.items()):
        if track.length() >= 2:
            model.add_point3D(given.points[point] + np.array(by) * is_after, track)
    return model


def test_a_right_model_is_settled_in_any_frame(scene: synthetic.Scene, database: Path) -> None:
    model = synthetic.model_of(scene)
    assert weakest_cut(model, database, scene.frames.images) > 0.97
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    share = weakest_cut(synthetic.moved(model, Similarity(3.0, turn, np.ones(3))), database, scene.frames.images)
    assert share > 0.97 and is_settled(share)


@pytest.mark.parametrize("first", [3, 6, 9])
def test_a_slip_between_two_halves_that_fit_leaves_doubt(scene: synthetic.Scene, database: Path, first: int) -> None:
    assert is_settled(weakest_cut(slipped(scene, first, [0, 0, 0]), database, scene.frames.images))
    assert not is_settled(weakest_cut(slipped(scene, first, [0.15, 0, 0]), database, scene.frames.images))


def test_one_pair_whose_matches_contradict_the_model_leaves_doubt(scene: synthetic.Scene, tmp_path: Path) -> None:
    """Two far frames that show the same print in two places: few matches among many, and nobody else links those frames."""
    n = min(len(scene.seen[0]), len(scene.seen[N - 1]), 60)
    false = {(0, N - 1): np.stack([np.arange(n), np.arange(n)[::-1]], 1).astype(np.uint32)}
    database = synthetic.write_database(tmp_path / "d.db", scene, combinations(range(N), 2), matches=false)
    assert weakest_cut(synthetic.model_of(scene), database, scene.frames.images) == 0


def test_too_few_matches_settle_nothing(scene: synthetic.Scene, tmp_path: Path) -> None:
    model = synthetic.model_of(scene)
    gap = [(i, i + 1) for i in range(N - 1) if i != 5]
    database = synthetic.write_database(tmp_path / "d.db", scene, gap)
    assert weakest_cut(model, database, scene.frames.images) == 0
    assert weakest_cut(synthetic.model_of(scene, [4]), database, scene.frames.images) == 0
