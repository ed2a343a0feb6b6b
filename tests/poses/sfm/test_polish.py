"""Polishing brings exact models to numerical precision, noisy ones to a stated bound, and takes out what is wrong."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.poses.sfm.polish import drop_wrong_frames, keep_largest_part, keep_long_tracks, polish
from recon.poses.sfm.resection import position_sigma
from tests.poses import room, synthetic

N = 9


def database_of(given: synthetic.Scene, folder: Path, **changes: object) -> Path:
    pairs = combinations(range(len(given.poses)), 2)
    return synthetic.write_database(folder / "d.db", given, pairs, **changes)  # type: ignore[arg-type]


def disturbed(given: synthetic.Scene, *, metres: float, seed: int = 0) -> pycolmap.Reconstruction:
    """The model with cameras and points moved at random, as mapping leaves them before the last adjustment."""
    model, rng = synthetic.model_of(given), np.random.default_rng(seed)
    for place in range(len(given.poses)):
        synthetic.move_frame(model, place, rng.normal(0, metres, 3))
    for point in model.points3D.values():
        point.xyz = point.xyz + rng.normal(0, metres, 3)
    return model


def test_a_disturbed_model_comes_back_exactly(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1500)
    model, lens = polish(
        disturbed(given, metres=0.003), database_of(given, tmp_path), given.frames, camera_model="SIMPLE_RADIAL"
    )
    assert lens == "SIMPLE_RADIAL" and synthetic.posed(model) == list(range(N))
    assert synthetic.center_errors(model, given).max() < 1e-5  # metres; adjustment ends where a step gains a millionth
    assert model.camera(1).mean_focal_length() == pytest.approx(synthetic.FOCAL_PX, abs=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_the_features_is_averaged_out(tmp_path: Path, seed: int) -> None:
    given = synthetic.scene(room.walk(N), points=1500, noise_px=0.3, seed=seed)
    model, _ = polish(
        disturbed(given, metres=0.002, seed=seed), database_of(given, tmp_path), given.frames, camera_model="auto"
    )
    assert synthetic.center_errors(model, given).max() < 0.005  # a third of a pixel at 3 m is 1.6 mm, a ray
    assert len(model.reg_image_ids()) == N


@pytest.mark.parametrize("noise_px", [0.2, 1.0])
@pytest.mark.parametrize("n", [5, 12])
def test_the_stated_certainty_is_honest(tmp_path: Path, n: int, noise_px: float) -> None:
    errors, sigmas = [], []
    for seed in range(4):
        given = synthetic.scene(room.walk(n), points=1000, noise_px=noise_px, seed=seed)
        (tmp_path / "d.db").unlink(missing_ok=True)
        model, _ = polish(
            synthetic.model_of(given), database_of(given, tmp_path), given.frames, camera_model="SIMPLE_RADIAL"
        )
        errors.append((synthetic.center_errors(model, given) ** 2).mean() / 3)
        sigmas.append(position_sigma(model))
    assert 0.5 < np.mean(sigmas) / np.sqrt(np.mean(errors)) < 2
    assert max(sigmas) < 2 * min(sigmas)


def test_certainty_scales_with_the_model_and_falls_with_points() -> None:
    many, few = (synthetic.scene(room.walk(N), points=points, noise_px=0.5) for points in (4000, 1000))
    sigma = position_sigma(synthetic.model_of(few))
    assert position_sigma(synthetic.model_of(many)) == pytest.approx(sigma / 2, rel=0.25)
    half = synthetic.moved(synthetic.model_of(few), synthetic.Similarity(0.5, np.eye(3), np.ones(3)))
    assert position_sigma(half) == pytest.approx(sigma / 2, rel=1e-6)
    assert position_sigma(synthetic.model_of(few, places=())) == float("inf")


def test_a_frame_that_its_matches_contradict_is_taken_out(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1500)
    model, database = synthetic.model_of(given), database_of(given, tmp_path)
    assert drop_wrong_frames(model, database) == 0
    synthetic.move_frame(model, 3, (0.2, 0.5, 0.0))
    assert drop_wrong_frames(model, database) == 1
    assert synthetic.posed(model) == [0, 1, 2, 4, 5, 6, 7, 8]


def test_a_wrong_frame_does_not_bend_the_others(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1500)
    model = synthetic.model_of(given)
    synthetic.move_frame(model, 0, (0.2, 0.5, 0.0))
    model, _ = polish(model, database_of(given, tmp_path), given.frames, camera_model="SIMPLE_RADIAL")
    assert synthetic.posed(model) == list(range(1, N))
    assert synthetic.center_errors(model, given).max() < 1e-5


def test_a_frame_that_sees_hardly_a_point_is_taken_out(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1500)
    model = synthetic.model_of(given)
    with_point = [k for k, point in enumerate(model.image(6).points2D) if point.has_point3D()]
    for feature in with_point[14:]:
        model.delete_observation(6, feature)
    assert drop_wrong_frames(model, database_of(given, tmp_path)) == 1
    assert synthetic.posed(model) == [0, 1, 2, 3, 4, 6, 7, 8]


def add_false_points(model: pycolmap.Reconstruction, places: tuple[int, int], features: list[tuple[int, int]]) -> None:
    """Points that two frames only have seen, anywhere."""
    for i, j in features:
        track = pycolmap.Track()
        track.add_element(places[0] + 1, i)
        track.add_element(places[1] + 1, j)
        model.add_point3D(np.array([9.0, 9.0, 9.0]), track)


def two_view_points(model: pycolmap.Reconstruction) -> int:
    return sum(point.track.length() == 2 for point in model.points3D.values())


def test_points_of_two_frames_go_but_for_those_of_poor_frames() -> None:
    """Frames 0 to 5 share many points; frame 8 has few that are long enough, and keeps what it has."""
    given = synthetic.scene(room.walk(N), points=1500)
    for i, kept in ((7, 40), (8, 40)):
        given.seen[i], given.pixels[i] = given.seen[i][:kept], given.pixels[i][:kept]
    model = synthetic.model_of(given)
    keep_long_tracks(model)  # what chance left at the edges of pictures
    long_ones = model.num_points3D()
    for key in list(model.points3D)[:60]:
        seen = [(e.image_id, e.point2D_idx) for e in model.point3D(key).track.elements]
        assert len(seen) >= 3 or {image for image, _ in seen} & {8, 9}
    rich = free_features(model, 0, 1)
    poor = free_features(model, 2, 8)
    add_false_points(model, (0, 1), rich)
    add_false_points(model, (2, 8), poor)
    before = two_view_points(model)
    keep_long_tracks(model)
    assert before - two_view_points(model) == len(rich) >= 1
    assert model.num_points3D() == long_ones + len(poor)


def free_features(model: pycolmap.Reconstruction, i: int, j: int) -> list[tuple[int, int]]:
    """Features of two frames that see no point yet, as pairs."""
    free = [[k for k, p in enumerate(model.image(place + 1).points2D) if not p.has_point3D()] for place in (i, j)]
    return list(zip(*free, strict=False))[:5]


def test_the_larger_part_is_kept(tmp_path: Path) -> None:
    """Six frames of one walk and three that share only a few points with them."""
    given = synthetic.scene(room.walk(N), points=1500)
    shared = set(np.intersect1d(given.seen[0], given.seen[8])[:10].tolist())
    for i in range(N):  # the two groups see different points but for a few
        mine = np.array([(p % 2 == (i < 3)) or p in shared for p in given.seen[i].tolist()])
        given.seen[i], given.pixels[i] = given.seen[i][mine], given.pixels[i][mine]
    model = synthetic.model_of(given)
    keep_largest_part(model)
    assert synthetic.posed(model) == [3, 4, 5, 6, 7, 8]
    polished, _ = polish(
        synthetic.model_of(given), database_of(given, tmp_path), given.frames, camera_model="SIMPLE_RADIAL"
    )
    assert synthetic.posed(polished) == [3, 4, 5, 6, 7, 8]


def test_a_known_focal_length_stays(tmp_path: Path) -> None:
    given = synthetic.scene(room.walk(N), points=1500, noise_px=0.3)
    frames = given.frames.with_focal(synthetic.FOCAL_PX)
    model, _ = polish(synthetic.model_of(given), database_of(given, tmp_path), frames, camera_model="SIMPLE_RADIAL")
    assert model.camera(1).mean_focal_length() == synthetic.FOCAL_PX
