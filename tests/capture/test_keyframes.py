"""The sharpest frame of each window of equal motion, and true reasons for the rest."""

from dataclasses import replace

import numpy as np
import pytest

from recon.capture.keyframes import FrameScore, Spacing, choose_keyframes, count_windows
from recon.capture.motion import Motion

SPACING = Spacing(target_count=10, min_count=5, max_count=40, max_parallax=0.05, min_overlap=0.8)
AUTO = Spacing(target_count=None, min_count=5, max_count=40, max_parallax=0.05, min_overlap=0.8)


def scores_of(progress: np.ndarray, sharpness: np.ndarray | None = None, change: float = 5.0) -> list[FrameScore]:
    sharpness = np.ones(len(progress)) if sharpness is None else sharpness
    return [
        FrameScore(i, i / 30, float(s), 0.2, change, Motion(0.05 * p, 0.0), float(p))
        for i, (p, s) in enumerate(zip(progress, sharpness, strict=True))
    ]


def kept(scores: list[FrameScore], spacing: Spacing = SPACING) -> list[int]:
    return [i for i, reason in enumerate(choose_keyframes(scores, spacing)) if reason is None]


@pytest.mark.parametrize("speed", [4.0, 10.0, 18.0])
def test_steady_motion_gives_the_target_count_evenly(speed: float) -> None:
    chosen = kept(scores_of(np.linspace(0, speed, 97)))
    assert len(chosen) == 10
    assert np.ptp(np.diff(chosen)) <= 1


def test_standing_still_gives_few_and_fast_motion_many() -> None:
    steps = np.concatenate([np.full(60, 0.0), np.full(60, 0.04), np.full(30, 0.2)])
    chosen = np.array(kept(scores_of(np.cumsum(steps))))
    still, slow, fast = (chosen < 60).sum(), ((chosen >= 60) & (chosen < 120)).sum(), (chosen >= 120).sum()
    assert still <= 1 and 2 <= slow <= 4 and fast >= 2 * slow


def test_gaps_of_motion_stay_within_two_windows() -> None:
    rng = np.random.default_rng(0)
    progress = np.cumsum(rng.uniform(0, 0.1, 400))
    chosen = kept(scores_of(progress, rng.uniform(0.5, 1, 400)))
    width = progress[-1] / count_windows(progress[-1], SPACING)
    assert np.diff(progress[chosen]).max() <= 2 * width + 0.1


def test_a_still_camera_gives_one_frame() -> None:
    reasons = choose_keyframes(scores_of(np.zeros(30)), SPACING)
    assert reasons.count(None) == 1 and reasons.count("too little motion") == 29


def test_blurred_frames_lose_to_their_neighbours() -> None:
    sharpness = np.ones(100)
    sharpness[2::5] = 0.4  # would be the middle of many windows
    reasons = choose_keyframes(scores_of(np.linspace(0, 16, 100), sharpness), SPACING)
    assert {reasons[i] for i in range(2, 100, 5)} == {"blurred"}
    assert reasons.count(None) == 10


def test_repeated_frames_are_called_duplicates() -> None:
    progress = np.repeat(np.linspace(0, 16, 50), 2)
    scores = [replace(score, change=0.0 if score.source_index % 2 else 5.0) for score in scores_of(progress)]
    reasons = choose_keyframes(scores, SPACING)
    assert {reasons[i] for i in range(1, 100, 2)} <= {"duplicate", None}
    assert reasons.count(None) == 10


@pytest.mark.parametrize("n_frozen", [1, 40])
def test_a_frozen_stretch_gives_no_more_frames_than_one(n_frozen: int) -> None:
    """The camera moved on while the recording stood still: one picture many times, then a jump."""
    progress = np.concatenate([np.linspace(0, 4, 40), np.full(n_frozen, 4.0), np.linspace(7, 11, 40)])
    chosen = np.array(kept(scores_of(progress)))
    assert ((chosen >= 39) & (chosen < 40 + n_frozen)).sum() <= 1
    assert (chosen < 39).sum() >= 3 and (chosen >= 40 + n_frozen).sum() >= 3


def test_uneven_times_change_nothing() -> None:
    """What is chosen depends on what is seen, not on when: phones film at a variable rate."""
    rng = np.random.default_rng(5)
    scores = scores_of(np.cumsum(rng.uniform(0, 0.2, 150)), rng.uniform(0.5, 1, 150))
    times = np.cumsum(rng.uniform(0.005, 0.2, 150))
    uneven = [replace(score, time_s=float(t)) for score, t in zip(scores, times, strict=True)]
    assert choose_keyframes(uneven, AUTO) == choose_keyframes(scores, AUTO)


def test_only_candidates_are_kept() -> None:
    scores = scores_of(np.linspace(0, 20, 200))
    candidates = frozenset(range(1, 200, 3))
    chosen = {i for i, reason in enumerate(choose_keyframes(scores, AUTO, candidates=candidates)) if reason is None}
    assert chosen <= candidates and len(chosen) == 20


@pytest.mark.parametrize(
    ("n_steps", "asked", "automatic"),
    [(0.0, 1, 1), (0.25, 1, 1), (0.5, 10, 5), (1.0, 10, 5), (2.0, 10, 5), (12.5, 10, 13), (1000.0, 10, 40)],
)
def test_window_count(n_steps: float, asked: int, automatic: int) -> None:
    """Too little motion lowers any target; on its own it is one per step within the limits."""
    assert (count_windows(n_steps, SPACING), count_windows(n_steps, AUTO)) == (asked, automatic)


def test_steps_are_of_parallax_or_of_overlap_whichever_asks_for_more() -> None:
    assert AUTO.steps(Motion(parallax=0.1, turnover=0.0)) == pytest.approx(2)
    turning = Motion(parallax=0.01, turnover=-3 * np.log(0.8))
    assert AUTO.steps(turning) == pytest.approx(3)


def test_choice_is_deterministic() -> None:
    rng = np.random.default_rng(3)
    scores = scores_of(np.cumsum(rng.uniform(0, 0.4, 200)), rng.uniform(0.5, 1, 200))
    assert choose_keyframes(scores, SPACING) == choose_keyframes(scores, SPACING)


def test_a_long_slow_film_of_one_step_gives_enough_for_a_field() -> None:
    """A drone that circles ten degrees in 22 seconds; one that hardly moves at all still gives nothing."""
    spacing = Spacing(target_count=None, min_count=90, max_count=300, max_parallax=0.03, min_overlap=0.85)
    reasons = choose_keyframes(scores_of(np.linspace(0, 1.06, 660)), spacing)
    kept = np.flatnonzero([reason is None for reason in reasons])
    assert len(kept) == 40 and np.diff(kept).min() > 8
    assert sum(reason is None for reason in choose_keyframes(scores_of(np.linspace(0, 0.12, 660)), spacing)) == 1
