"""Single frames that are not where their poses say: left out where the pictures tell, told where they cannot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.geometry import Reconstruction, View
from recon.poses.given.leaping import leaps
from recon.poses.given.points import GivenPoints, PointSearch, find_points
from recon.poses.sfm.settings import PoseSettings
from recon.workspace.console import take_warnings
from tests.default_settings import default_settings
from tests.poses import room

N = 12  # places 0, 5 and 10 are held out


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    torch.set_num_threads(1)
    folder, lens, walls = tmp_path_factory.mktemp("data"), room.camera((180, 240)), room.textures(0)
    views = []
    for i, pose in enumerate(room.walk(N)):
        Image.fromarray(room.render(lens, pose, walls)).save(folder / f"{i:02d}.png")
        views.append(View(f"{i:02d}", folder / f"{i:02d}.png", lens, pose))
    return Reconstruction(tuple(views))


def moved(pose: np.ndarray, offset: tuple[float, float, float] = (0, 0, 0), turn_deg: float = 0) -> np.ndarray:
    wrong = pose.copy()
    wrong[:3, :3] = Rotation.from_euler("z", turn_deg, degrees=True).as_matrix() @ wrong[:3, :3]
    wrong[:3, 3] += offset
    return wrong


def find(given: Reconstruction, wrong: dict[int, np.ndarray], scratch: Path) -> GivenPoints:
    views = [replace(v, world_from_camera=wrong.get(i, v.world_from_camera)) for i, v in enumerate(given.views)]
    features = default_settings(PoseSettings, "poses", max_features=600, image_size=None)
    search = PointSearch(is_refined=False, intrinsics=False, at_most=None, features=features, seed=0, threads=1)
    scratch.mkdir()
    return find_points(replace(given, views=tuple(views)), search, scratch=scratch)


@pytest.mark.parametrize(
    ("places", "offset", "turn_deg"),
    [
        ((3,), (0.0, 0.0, 9.0), 0.0),  # far away
        ((3,), (0.6, 0.5, 0.0), 0.0),  # among the others
        ((3,), (0.0, 0.0, 0.0), 40.0),  # at its place, but turned
        ((6, 7), (0.3, 0.3, 0.5), 20.0),  # in a row, so that they fit one another
        ((2, 5), (0.0, 4.0, 2.0), 130.0),  # one of them held out
    ],
)
def test_frames_that_the_pictures_contradict_are_left_out(
    given: Reconstruction, tmp_path: Path, places: tuple[int, ...], offset: tuple[float, float, float], turn_deg: float
) -> None:
    wrong = {i: moved(given.views[i].world_from_camera, offset, turn_deg) for i in places}
    found = find(given, wrong, tmp_path / "scratch")
    left = [view.name for view in given.views if view.name not in {v.name for v in found.reconstruction.views}]
    assert left == [f"{i:02d}" for i in places]
    (told,) = take_warnings()
    assert f"{len(places)} of {N} poses are contradicted by their pictures" in told and ", ".join(left) in told
    assert found.agreement.warning() is None and found.agreement.fitting > 0.95


def test_sound_poses_all_stay_without_a_word(given: Reconstruction, tmp_path: Path) -> None:
    found = find(given, {}, tmp_path / "scratch")
    assert len(found.reconstruction.views) == N and not found.contradicted.any() and not take_warnings()
    assert found.confirmed.sum() == N - 3  # the held-out ones are not asked


def test_a_leap_that_no_match_explains_is_told_by_name(given: Reconstruction, tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    Image.new("RGB", given.views[5].camera.size_hw[::-1], (90, 90, 90)).save(plain)
    views = [replace(view, image=plain) if i == 6 else view for i, view in enumerate(given.views)]
    far = moved(given.views[6].world_from_camera, (0, 0, 9.0))
    found = find(replace(given, views=tuple(views)), {6: far}, tmp_path / "scratch")
    assert len(found.reconstruction.views) == N
    (told,) = take_warnings()
    assert f"1 of {N} poses leap away" in told and "(06)" in told


def test_leaps_are_rare_things() -> None:
    walk = np.stack(room.walk(30))
    assert not leaps(walk).any()
    assert not leaps(walk[np.random.default_rng(0).permutation(30)]).any()  # photos in no order
    rig = np.repeat(walk, 2, axis=0)
    rig[1::2] = [moved(pose, (0, 0, 20.0), 180) for pose in walk]  # two cameras that take turns
    assert not leaps(rig).any()
    parts = walk.copy()
    parts[15:, :3, 3] += 50  # a second walk elsewhere
    assert not leaps(parts).any()
