"""What a model is judged by, on exact ones that are spoilt in one way at a time."""

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from recon.geometry import Similarity
from recon.poses.sfm.quality import Quality, agreement, judge, parts, shared_points, triangulation_angles_deg
from tests.poses import room, synthetic

N = 9


@pytest.fixture(scope="module")
def scene() -> synthetic.Scene:
    return synthetic.scene(room.walk(N), points=1500)


@pytest.fixture(scope="module")
def database(scene: synthetic.Scene, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.write_database(tmp_path_factory.mktemp("quality") / "d.db", scene, combinations(range(N), 2))


def judged(model: pycolmap.Reconstruction, database: Path, scene: synthetic.Scene) -> Quality:
    return judge(model, database, scene.frames, min_registered=0.9)


def test_an_exact_model_is_fine_in_any_frame(scene: synthetic.Scene, database: Path) -> None:
    for change in (
        Similarity.identity(),
        Similarity(0.3, room.look_at(np.ones(3), np.zeros(3), room.UP)[:3, :3], np.ones(3)),
    ):
        quality = judged(synthetic.moved(synthetic.model_of(scene), change), database, scene)
        assert quality.problems == () and quality.agreement == 1.0
        assert (quality.registered, quality.total, quality.parts) == (N, N, 1)
        assert quality.reprojection_error_px < 1e-9 and quality.mean_track_length > 6


def test_agreement_falls_for_the_frame_that_moved_only(scene: synthetic.Scene, database: Path) -> None:
    model = synthetic.model_of(scene)
    matches = {(i, j): len(scene.shared(i, j)) for i, j in combinations(range(N), 2)}
    assert agreement(model, database)[3] == (sum(n for pair, n in matches.items() if 2 in pair),) * 2
    synthetic.move_frame(model, 4, (0.0, 0.4, 0.0))
    shares = {frame: agree / all_ for frame, (agree, all_) in agreement(model, database).items()}
    assert shares.pop(5) < 0.2
    assert min(shares.values()) > 1 - 1.5 / (N - 1)  # they lose their matches with that frame


def test_agreement_is_measured_in_pixels(scene: synthetic.Scene, tmp_path: Path) -> None:
    """Matches two pixels of 1280 off their epipolar lines are about where they stop to count."""
    for noise, low, high in ((0.2, 0.99, 1.0), (1.0, 0.5, 0.9), (10.0, 0.0, 0.3)):
        noisy = synthetic.scene(room.walk(3), points=1500, noise_px=noise)
        database = synthetic.write_database(tmp_path / f"{noise}.db", noisy, combinations(range(3), 2))
        exact = replace(noisy, pixels=synthetic.scene(room.walk(3), points=1500).pixels)
        assert low <= judged(synthetic.model_of(exact), database, noisy).agreement <= high


def test_parts_are_told_apart_by_the_points_they_share(scene: synthetic.Scene) -> None:
    model = synthetic.model_of(scene)
    assert parts(model).tolist() == [0] * N
    counts = shared_points(model)
    assert counts[1, 3] == counts[3, 1] == len(scene.shared(1, 3)) and counts.shape == (N, N)
    cut(model, keep_across=14)
    assert sorted(parts(model).tolist()) == [0] * 6 + [1] * 3
    assert [part for _, part in sorted(zip(model.reg_frame_ids(), parts(model).tolist(), strict=True))] == [1] * 3 + [
        0
    ] * 6


def see_only(model: pycolmap.Reconstruction, key: int, elements: list[tuple[int, int]]) -> None:
    """Leave a point only these observations."""
    xyz = model.point3D(key).xyz.copy()  # deleting frees it
    model.delete_point3D(key)
    track = pycolmap.Track()
    for image_id, feature in elements:
        track.add_element(image_id, feature)
    if track.length() >= 2:
        model.add_point3D(xyz, track)


def tracks(model: pycolmap.Reconstruction) -> list[tuple[int, list[tuple[int, int]]]]:
    return [(key, [(e.image_id, e.point2D_idx) for e in p.track.elements]) for key, p in model.points3D.items()]


def cut(model: pycolmap.Reconstruction, *, keep_across: int) -> None:
    """Of all but a few points, let every other be seen by the first three frames only, and the rest by the others only."""
    for key, track in sorted(tracks(model))[keep_across:]:
        see_only(model, key, [element for element in track if (element[0] <= 3) == (key % 2 == 0)])


def spoilt_lens(model: pycolmap.Reconstruction, place: int, value: float) -> pycolmap.Reconstruction:
    camera = model.camera(1)
    camera.params = [value if i == place else old for i, old in enumerate(camera.params)]
    return model


def without_frames(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    model.deregister_frame(1)
    return model


def with_short_tracks(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    for key, track in tracks(model):
        start = key % (len(track) - 1)
        see_only(model, key, track[start : start + 2])
    model.update_point_3d_errors()
    return model


def with_shaken_pixels(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    rng = np.random.default_rng(0)
    for point in model.points3D.values():
        point.xyz = point.xyz + rng.normal(0, 0.01, 3)
    model.update_point_3d_errors()
    return model


def halved(model: pycolmap.Reconstruction) -> pycolmap.Reconstruction:
    cut(model, keep_across=0)
    return model


SPOILT = {
    r"^8 of 9 frames posed$": without_frames,
    r"^points are \d\.\d px off$": with_shaken_pixels,
    r"^points are seen by 2\.0 frames only$": with_short_tracks,
    r"^it falls into 2 parts": halved,
    r"^the focal length is implausible$": lambda model: spoilt_lens(model, 0, 150.0),
    r"^the lens distortion is implausible$": lambda model: spoilt_lens(model, 3, -1.2),
}


@pytest.mark.parametrize("problem", SPOILT)
def test_each_problem_is_named(scene: synthetic.Scene, database: Path, problem: str) -> None:
    problems = judged(SPOILT[problem](synthetic.model_of(scene)), database, scene).problems
    named = [text for text in problems if not text.startswith("only")]  # a spoilt lens makes matches disagree as well
    assert len(named) == 1
    assert re.search(problem, named[0])


def test_hardly_any_parallax_is_a_problem(tmp_path: Path) -> None:
    start, end = room.walk(2)
    poses = [start.copy() for _ in range(4)]
    for i, pose in enumerate(poses):
        pose[:3, 3] += (end - start)[:3, 3] * 0.005 * i
    scene = synthetic.scene(poses, points=1500)
    database = synthetic.write_database(tmp_path / "d.db", scene, combinations(range(4), 2))
    quality = judged(synthetic.model_of(scene), database, scene)
    assert (
        quality.problems == (f"rays meet at {quality.median_angle_deg:.1f} degrees",) and quality.median_angle_deg < 1.5
    )


def test_angles_are_those_of_the_widest_rays(scene: synthetic.Scene) -> None:
    model = synthetic.model_of(scene, places=(0, 4, 8))
    (first, *_), centers = model.points3D.values(), {i + 1: scene.poses[i][:3, 3] for i in (0, 4, 8)}
    rays = [centers[element.image_id] - first.xyz for element in first.track.elements]
    widest = min(a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in combinations(rays, 2))
    assert triangulation_angles_deg(model)[0] == pytest.approx(np.degrees(np.arccos(widest)))
    assert len(triangulation_angles_deg(model, at_most=10)) <= 20 < model.num_points3D()


def test_frames_count_before_agreement() -> None:
    base = Quality(50, 100, 0.9, 0.8, 0.5, 5.0, 1000, 20.0, 1, ())
    assert replace(base, registered=80, close_matches=0.6).rank > base.rank
    assert replace(base, close_matches=0.85).rank > base.rank
    assert (
        replace(base, registered=251, total=500, close_matches=0.7).rank < base.rank
    )  # one frame in 500 does not decide
