"""Two halves of one scene, each in a frame of its own, become the whole; halves of different scenes do not."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.geometry import Similarity, look_at
from recon.poses.sfm.mapping import Mapping
from recon.poses.sfm.merge import merge
from tests.poses import room, synthetic

N = 12
ELSEWHERE = Similarity(
    0.37, look_at(np.array([1.0, 2.0, 0.5]), np.zeros(3), room.UP)[:3, :3], np.array([5.0, -3.0, 2.0])
)


def given_by(given: synthetic.Scene, folder: Path, pairs: list[tuple[int, int]]) -> Mapping:
    database = synthetic.write_database(folder / "d.db", given, pairs)
    return Mapping(database, folder, folder, given.frames, seed=0, threads=1)


def halves(given: synthetic.Scene, first: range, second: range) -> list[pycolmap.Reconstruction]:
    return [synthetic.model_of(given, first), synthetic.moved(synthetic.model_of(given, second), ELSEWHERE)]


def within(*groups: range) -> list[tuple[int, int]]:
    return [pair for group in groups for pair in combinations(group, 2)]


@pytest.mark.parametrize("noise_px", [0.0, 0.3])
@pytest.mark.parametrize(
    ("first", "second", "across"),
    [
        (range(7), range(5, N), []),
        (range(7), range(7, N), [(5, 8), (6, 7)]),
        (range(7, N), range(7), [(6, 7)]),
    ],
    ids=["shared frames", "matches only", "smaller first"],
)
def test_halves_of_one_scene_become_the_whole(
    tmp_path: Path, noise_px: float, first: range, second: range, across: list[tuple[int, int]]
) -> None:
    given = synthetic.scene(room.walk(N), points=1200, noise_px=noise_px)
    mapping = given_by(given, tmp_path, sorted({*within(first, second), *across}))
    whole = merge(halves(given, first, second), mapping)
    assert whole is not None and synthetic.posed(whole) == list(range(N))
    assert synthetic.center_errors(whole, given).max() < (1e-5 if noise_px == 0 else 0.02)  # before any adjustment
    sides = [{element.image_id <= 7 for element in point.track.elements} for point in whole.points3D.values()]
    assert sum(len(side) == 2 for side in sides) > 20, "points hold the halves together"


def test_three_parts_are_attached_one_after_the_other(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1200)
    parts = [range(4, 8), range(4), range(8, N)]
    mapping = given_by(given, tmp_path, [*within(*parts), (3, 4), (7, 8)])
    models = [synthetic.model_of(given, part) for part in parts]
    synthetic.moved(models[1], ELSEWHERE)
    synthetic.moved(models[2], ELSEWHERE.inverse())
    whole = merge(models, mapping)
    assert whole is not None and synthetic.posed(whole) == list(range(N))
    assert synthetic.center_errors(whole, given).max() < 1e-5


def test_cameras_of_their_own_come_along(tmp_path: Path) -> None:
    """Photos of different cameras: the second half's camera is unknown to the first."""
    given = synthetic.scene(room.walk(N), points=1200, kind="photos")
    mapping = given_by(given, tmp_path, [*within(range(7), range(7, N)), (6, 7)])
    with pycolmap.Database.open(mapping.database) as opened:
        other = synthetic.camera(2)
        opened.write_camera(other, use_camera_id=True)
        rig = pycolmap.Rig()
        rig.rig_id = 2
        rig.add_ref_sensor(other.sensor_id)
        opened.write_rig(rig, use_rig_id=True)
        opened.clear_frames()
        for i in range(N):
            camera_id = 1 if i < 7 else 2
            image = opened.read_image(i + 1)
            image.camera_id = camera_id
            opened.update_image(image)
            frame = pycolmap.Frame()
            frame.frame_id, frame.rig_id = i + 1, camera_id
            frame.add_data_id(image.data_id)
            opened.write_frame(frame, use_frame_id=True)
    models = [synthetic.model_of(given, range(7)), synthetic.model_of(given, range(7, N), camera_id=2)]
    whole = merge(models, mapping)
    assert whole is not None and synthetic.posed(whole) == list(range(N))
    assert sorted(whole.cameras) == [1, 2]
    assert synthetic.center_errors(whole, given).max() < 1e-5


def test_unrelated_halves_are_refused(tmp_path: Path) -> None:
    """Matches across, but no similarity that most of them agree on: the second half's points are shuffled."""
    given = synthetic.scene(room.walk(N), points=1200)
    mapping = given_by(given, tmp_path, [*within(range(7), range(7, N)), (5, 8), (6, 7), (6, 8)])
    first, second = halves(given, range(7), range(7, N))
    keys = sorted(second.points3D)
    places = [second.point3D(key).xyz.copy() for key in keys]
    for key, place in zip(keys, np.random.default_rng(0).permutation(places), strict=True):
        second.point3D(key).xyz = place
    assert merge([first, second], mapping) is None


def test_too_few_points_in_common_are_refused(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1200)
    few = {(6, 7): given.shared(6, 7)[:15]}
    mapping = given_by(given, tmp_path, within(range(7), range(7, N)))
    assert merge(halves(given, range(7), range(7, N)), mapping) is None, "nothing in common"
    synthetic.write_database(tmp_path / "few.db", given, [*within(range(7), range(7, N)), (6, 7)], matches=few)
    mapping = Mapping(tmp_path / "few.db", tmp_path, tmp_path, given.frames, seed=0, threads=1)
    assert merge(halves(given, range(7), range(7, N)), mapping) is None
    assert merge(halves(given, range(7), range(5)), mapping) is None, "the second adds no frame"
