"""Features lie where things are, to a hundredth of a pixel, in pictures of any size; and no more are kept than asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from PIL import Image
from scipy.spatial import cKDTree

from recon.formats.frame_set import FrameImage, FrameSet
from recon.poses.sfm import features
from recon.poses.sfm.features import Features, FeatureSettings, detect, extract, feature_settings
from recon.poses.sfm.settings import PoseSettings
from tests.default_settings import default_settings
from tests.poses import room

HW = (301, 401)


def texture() -> np.ndarray:
    """A picture [h, w, 3] with detail of many sizes."""
    return np.clip(room.textures(3, 512)[0][: HW[0], : HW[1]], 0, 255).astype(np.uint8)


def find(folder: Path, picture: np.ndarray, settings: FeatureSettings, mask: np.ndarray | None = None) -> Features:
    Image.fromarray(picture).save(folder / "picture.png")
    if mask is not None:
        Image.fromarray(mask).save(folder / "mask.png")
    size_hw = (picture.shape[0], picture.shape[1])
    frame = FrameImage("picture", "picture.png", None, None, size_hw, mask=None if mask is None else "mask.png")
    return detect(folder, frame, settings)


def spots(centers: np.ndarray, sigma: float) -> np.ndarray:
    """Bright Gaussian spots with exact centres [n, 2], half-pixel convention."""
    y, x = np.mgrid[: HW[0], : HW[1]] + 0.5
    total = sum(np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centers)
    return np.repeat(np.round(60 + 150 * total)[..., None], 3, 2).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("sigma", "image_size"), [(2.0, None), (4.0, None), (3.0, 250), (4.0, 200)])
def test_a_spot_is_found_at_its_centre(tmp_path: Path, sigma: float, image_size: int | None) -> None:
    grid = np.stack(np.meshgrid(np.arange(50, 380, 70), np.arange(50, 280, 70)), -1).reshape(-1, 2)
    centers = grid + np.random.default_rng(0).uniform(-0.5, 0.5, grid.shape)
    found = find(tmp_path, spots(centers, sigma), FeatureSettings(500, image_size)).keypoints
    distances, nearest = cKDTree(found[:, :2]).query(centers)
    assert distances.max() < 0.1
    errors = found[nearest, :2] - centers
    assert np.abs(errors.mean(0)).max() < 0.02, "no pixel convention is off by a part of a pixel"
    radius = np.hypot(found[nearest, 2], found[nearest, 4])
    np.testing.assert_allclose(radius, 0.9 * sigma, rtol=0.1)  # SIFT's scale for a spot, at any size of the copy


def mirrored(places: np.ndarray) -> np.ndarray:
    return np.column_stack([HW[1] - places[:, 0], places[:, 1]])


@pytest.mark.parametrize("image_size", [None, 250])
@pytest.mark.parametrize(
    ("change", "undo"),
    [
        (lambda picture: picture[:, ::-1], mirrored),
        (lambda picture: picture.transpose(1, 0, 2), lambda places: places[:, ::-1]),
        (lambda picture: picture[8:, 5:], lambda places: places + np.array([5, 8])),
    ],
    ids=["mirrored", "transposed", "shifted"],
)
def test_features_move_with_the_picture(tmp_path: Path, image_size: int | None, change, undo) -> None:  # type: ignore[no-untyped-def]
    settings = FeatureSettings(800, image_size)
    before = find(tmp_path, texture(), settings).keypoints[:, :2]
    after = undo(find(tmp_path, np.ascontiguousarray(change(texture())), settings).keypoints[:, :2].astype(float))
    distances, nearest = cKDTree(after).query(before)
    same = distances < 1
    assert len(before) > 400 and same.mean() > 0.8
    moved = (after[nearest] - before)[same]
    assert np.median(distances[same]) < 0.1
    assert np.abs(moved.mean(0)).max() < 0.02  # OpenCV's inexact upscaling shifts all by 0.25 pixels


def test_nothing_is_found_where_the_mask_is_black(tmp_path: Path) -> None:
    mask = np.full(HW, 255, np.uint8)
    mask[:, 200:] = 0
    for image_size in (None, 250):
        places = find(tmp_path, texture(), FeatureSettings(800, image_size), mask).keypoints
        assert len(places) > 100 and places[:, 0].max() < 202


def test_the_strongest_are_kept_first(tmp_path: Path) -> None:
    all_, few = (find(tmp_path, texture(), FeatureSettings(count, None)) for count in (800, 200))
    assert len(few.keypoints) == 200 < len(all_.keypoints) <= 800
    np.testing.assert_array_equal(few.keypoints[:, :2], all_.keypoints[:200, :2])
    with_directions = {row.tobytes() for row in np.column_stack([all_.keypoints, all_.descriptors])}
    assert sum(row.tobytes() in with_directions for row in np.column_stack([few.keypoints, few.descriptors])) >= 199


def test_descriptors_are_root_sift(tmp_path: Path) -> None:
    found = find(tmp_path, texture(), FeatureSettings(300, None))
    assert found.descriptors.dtype == np.uint8 and found.descriptors.shape == (len(found.keypoints), 128)
    norms = np.linalg.norm(found.descriptors.astype(float), axis=1)
    np.testing.assert_allclose(norms, 512, rtol=0.01)


def test_faint_pictures_get_features_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faint = np.round(30 + 0.12 * texture()).astype(np.uint8)  # thirty grey levels
    settings = FeatureSettings(1000, None)
    n_found, n_relaxed = (len(find(tmp_path, faint, s).keypoints) for s in (settings, settings.relaxed))
    assert n_relaxed > 1.5 * n_found > 75
    monkeypatch.setattr(features, "_FAINT", 1.0)
    assert len(find(tmp_path, faint, settings).keypoints) < 0.2 * n_found
    bare = np.full((*HW, 3), 30, np.uint8)
    none = find(tmp_path, bare, settings)
    assert none.keypoints.shape == (0, 6) and none.descriptors.shape == (0, 128)


def frame_set(folder: Path, n: int) -> FrameSet:
    for i in range(n):
        Image.fromarray(np.roll(texture(), 20 * i, 1)).save(folder / f"{i}.png")
    frames = tuple(FrameImage(str(i), f"{i}.png", None, 300.0, HW) for i in range(n))
    return FrameSet("photos", frames, is_camera_shared=True)


def features_in(database: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    with pycolmap.Database.open(database) as opened:
        ids = sorted(image.image_id for image in opened.read_all_images())
        return [(opened.read_keypoints(i), opened.read_descriptors(i).data) for i in ids]


def test_any_number_of_threads_finds_the_same(tmp_path: Path) -> None:
    frames = frame_set(tmp_path, 5)
    for threads in (1, 2):
        extract(tmp_path / f"{threads}.db", tmp_path, frames, FeatureSettings(200, None), threads=threads)
    one, two = (features_in(tmp_path / f"{threads}.db") for threads in (1, 2))
    assert len(one) == 5
    for (places, descriptors), (others, other_descriptors) in zip(one, two, strict=True):
        np.testing.assert_array_equal(places, others)
        np.testing.assert_array_equal(descriptors, other_descriptors)


def test_found_features_stay_and_missing_ones_are_found(tmp_path: Path) -> None:
    """So a run that was stopped in the middle goes on: one frame's features are gone, another's are marked."""
    frames, settings = frame_set(tmp_path, 3), FeatureSettings(200, None)
    extract(tmp_path / "d.db", tmp_path, frames, settings, threads=1)
    complete = features_in(tmp_path / "d.db")
    marked = np.full((7, 6), 5.0, np.float32)
    with pycolmap.Database.open(tmp_path / "d.db") as opened:
        kept = [(opened.read_keypoints(i), opened.read_descriptors(i)) for i in (1, 2, 3)]
        opened.clear_keypoints()
        opened.clear_descriptors()
        opened.write_keypoints(1, marked)
        opened.write_descriptors(1, kept[0][1])
        opened.write_keypoints(2, kept[1][0])
        opened.write_descriptors(2, kept[1][1])
    extract(tmp_path / "d.db", tmp_path, frames, settings, threads=1)
    found = features_in(tmp_path / "d.db")
    np.testing.assert_array_equal(found[0][0], marked)
    np.testing.assert_array_equal(found[2][0], complete[2][0])
    with pycolmap.Database.open(tmp_path / "d.db") as opened:
        (camera,) = opened.read_all_cameras()
    assert (camera.model_name, camera.height, camera.width) == ("SIMPLE_RADIAL", *HW)
    assert list(camera.params) == [300.0, HW[1] / 2, HW[0] / 2, 0.0]


def test_a_database_that_a_full_disk_ended_early_is_begun_anew(tmp_path: Path) -> None:
    frames, settings = frame_set(tmp_path, 3), FeatureSettings(200, None)
    features.register(tmp_path / "d.db", tmp_path, replace(frames, frames=frames.frames[:2]))
    extract(tmp_path / "d.db", tmp_path, frames, settings, threads=1)
    extract(tmp_path / "whole.db", tmp_path, frames, settings, threads=1)
    for (places, _), (expected, _) in zip(*map(features_in, (tmp_path / "d.db", tmp_path / "whole.db")), strict=True):
        np.testing.assert_array_equal(places, expected)


def test_the_number_of_features_goes_by_the_number_of_frames() -> None:
    frame = FrameImage("a", "a.png", None, None, HW)
    for n, expected in ((10, 4096), (80, 2500), (1000, 2048)):
        frames = FrameSet("video", (frame,) * n, is_camera_shared=True)
        assert (
            feature_settings(frames, default_settings(PoseSettings, "poses", max_features=None)).max_features
            == expected
        )
        assert feature_settings(frames, default_settings(PoseSettings, "poses", max_features=99)).max_features == 99
