"""Weak stretches: none where all is well, and the cause that was put in where it is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse

from recon.poses.doctor.causes import CAUSES
from recon.poses.doctor.findings import Findings
from recon.poses.doctor.stretches import effects_of_frames, find_stretches
from tests.poses.doctor.findings import chain_matching, findings, unlinked, walk_model, without_pose

N = 24
LOST = list(range(9, 14))


def lost() -> Findings:
    """Five frames without a pose and with few matches to the others, for no other reason."""
    return findings(without_pose(walk_model(N), LOST), unlinked(chain_matching(N), range(9, 14), inliers=20))


def changed(values: np.ndarray, value: float, places: list[int] = LOST) -> np.ndarray:
    values = np.array(values, np.float64)
    values[places] = value
    return values


def blurred(f: Findings) -> Findings:
    return replace(f, sharpness=changed(f.sharpness, 0.2))


def hidden(f: Findings) -> Findings:
    """By a mask, and soft besides, as what is hidden often is."""
    return replace(blurred(f), shown=changed(f.shown, 0.01))


def dark(f: Findings) -> Findings:
    return replace(f, brightness=replace(f.brightness, levels=changed(f.brightness.levels, 12.0)))


def exposure(f: Findings) -> Findings:
    return replace(f, brightness=replace(f.brightness, steps=changed(f.brightness.steps, -1.3, [9])))


def bare(f: Findings) -> Findings:
    return replace(f, matching=replace(f.matching, features=changed(f.matching.features, 90)))


def turned(f: Findings) -> Findings:
    poses = f.model.world_from_camera.copy()
    poses[14:, :3, :3] = np.array([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])  # 90 degrees in six steps is no fast turn
    poses[14:, :3, 2] = [0.0, -1.0, 0.0]  # 180 is: 30 a step
    return replace(f, model=replace(f.model, world_from_camera=poses))


def fast(f: Findings) -> Findings:
    is_there = np.isin(f.matching.pairs, LOST).any(1)
    inliers = np.where(is_there, 30, f.matching.inliers)
    return replace(f, matching=replace(f.matching, motion=np.where(is_there, 0.3, f.matching.motion), inliers=inliers))


def moving(f: Findings) -> Findings:
    is_there = np.isin(f.matching.pairs, LOST).any(1)
    return replace(
        f, matching=replace(f.matching, matches=np.where(is_there, 600, 500), inliers=np.where(is_there, 140, 400))
    )


def cut(f: Findings) -> Findings:
    """Another take that is dark besides: the cut explains more."""
    takes = np.where(np.arange(N) > LOST[-1], 2, np.where(np.isin(np.arange(N), LOST), 1, 0))
    return replace(dark(f), takes=takes)


def well_matched(f: Findings) -> Findings:
    return replace(f, matching=chain_matching(N))


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [(hidden, "hidden"),
     (blurred, "blur"), (dark, "dark"), (exposure, "exposure"), (bare, "texture"), (turned, "turn"), (fast, "fast"),
     (moving, "moving"), (cut, "cut"), (lambda f: f, "overlap"), (well_matched, "unexplained")],
)  # fmt: skip
def test_the_cause_that_was_put_in_is_found(spoil: Callable[[Findings], Findings], cause: str) -> None:
    (stretch,) = find_stretches(spoil(lost()))
    assert (stretch.first, stretch.last, stretch.effect, stretch.cause) == (9, 13, "no pose", cause)


def test_every_cause_is_tested() -> None:
    (mark,) = [m for m in test_the_cause_that_was_put_in_is_found.pytestmark if m.name == "parametrize"]
    assert {case[1] for case in mark.args[1]} == set(CAUSES)


@pytest.mark.parametrize("spoil", [blurred, dark, exposure, bare, moving])
def test_what_does_no_harm_is_not_complained_about(spoil: Callable[[Findings], Findings]) -> None:
    assert find_stretches(spoil(findings(walk_model(N)))) == ()


def test_one_direction_of_time_is_as_good_as_the_other() -> None:
    (stretch,) = find_stretches(lost())
    model = without_pose(walk_model(N), [N - 1 - i for i in LOST])
    (mirrored,) = find_stretches(findings(model, unlinked(chain_matching(N), range(10, 15), inliers=20)))
    assert (mirrored.first, mirrored.last) == (N - 1 - stretch.last, N - 1 - stretch.first)
    assert mirrored.cause == stretch.cause


def test_good_frames_between_weak_ones_do_not_part_a_stretch() -> None:
    found = find_stretches(findings(without_pose(walk_model(N), [5, 6, 9, 10, 16])))
    assert [(s.first, s.last) for s in found] == [(5, 10), (16, 16)]


def test_photos_stand_alone() -> None:
    model = without_pose(walk_model(N), [5, 6, 9])
    assert [(s.first, s.last) for s in find_stretches(findings(model, is_video=False))] == [(5, 5), (6, 6), (9, 9)]


def few_points(keep: int) -> Findings:
    model = walk_model(N)
    sees = model.sees.toarray()
    for i in LOST:
        sees[i, np.flatnonzero(sees[i])[keep:]] = 0
    return findings(replace(model, sees=scipy.sparse.csr_matrix(sees)))


def test_a_posed_frame_with_hardly_any_points_is_weak() -> None:
    assert [s.effect for s in find_stretches(few_points(20))] == ["few points"]
    assert find_stretches(few_points(200)) == ()


def test_two_good_halves_on_a_thread_are_thin_there() -> None:
    model = walk_model(N)
    sees = model.sees.toarray()
    across = np.flatnonzero(sees[:12].any(0) & sees[12:].any(0))
    sees[12:, across[20:]] = 0
    found = find_stretches(findings(replace(model, sees=scipy.sparse.csr_matrix(sees))))
    assert [(s.first, s.last, s.effect) for s in found] == [(11, 12, "thin")]


def test_without_a_model_what_hangs_on_nothing_is_named() -> None:
    nothing = without_pose(walk_model(N), list(range(N)))
    effects = effects_of_frames(findings(nothing, unlinked(chain_matching(N), range(6))))
    assert effects[:6] == ["no link"] * 6 and set(effects[6:]) <= {None, "thin"}
