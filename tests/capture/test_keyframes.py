"""The sharpest frame of each window of equal motion, and true reasons for the rest."""

import numpy as np
import pytest

from recon.capture.keyframes import FrameScore, Spacing, choose_keyframes, count_windows

SPACING = Spacing(target_count=10, max_count=40, min_motion=0.01, max_motion=0.1)


def scores_of(travel: np.ndarray, sharpness: np.ndarray | None = None, change: float = 5.0) -> list[FrameScore]:
    sharpness = np.ones(len(travel)) if sharpness is None else sharpness
    return [
        FrameScore(i, i / 30, float(s), float(t), change)
        for i, (t, s) in enumerate(zip(travel, sharpness, strict=True))
    ]


def kept(scores: list[FrameScore], spacing: Spacing = SPACING) -> list[int]:
    return [i for i, reason in enumerate(choose_keyframes(scores, spacing)) if reason is None]


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.9])
def test_steady_motion_gives_the_target_count_evenly(speed: float) -> None:
    chosen = kept(scores_of(np.linspace(0, speed, 97)))
    assert len(chosen) == 10
    assert np.ptp(np.diff(chosen)) <= 1


def test_standing_still_gives_few_and_fast_motion_many() -> None:
    steps = np.concatenate([np.full(60, 0.0), np.full(60, 0.004), np.full(30, 0.02)])
    chosen = np.array(kept(scores_of(np.cumsum(steps))))
    still, slow, fast = (chosen < 60).sum(), ((chosen >= 60) & (chosen < 120)).sum(), (chosen >= 120).sum()
    assert still <= 1 and 2 <= slow <= 4 and fast >= 2 * slow


def test_gaps_of_motion_stay_within_two_windows() -> None:
    rng = np.random.default_rng(0)
    travel = np.cumsum(rng.uniform(0, 0.01, 400))
    chosen = kept(scores_of(travel, rng.uniform(0.5, 1, 400)))
    width = travel[-1] / count_windows(travel[-1], SPACING)
    assert np.diff(travel[chosen]).max() <= 2 * width + 0.01


def test_a_still_camera_gives_one_frame() -> None:
    reasons = choose_keyframes(scores_of(np.zeros(30)), SPACING)
    assert reasons.count(None) == 1 and reasons.count("too little motion") == 29


def test_blurred_frames_lose_to_their_neighbours() -> None:
    sharpness = np.ones(100)
    sharpness[2::5] = 0.4  # would be the middle of many windows
    reasons = choose_keyframes(scores_of(np.linspace(0, 0.8, 100), sharpness), SPACING)
    assert {reasons[i] for i in range(2, 100, 5)} == {"blurred"}
    assert reasons.count(None) == 10


def test_repeated_frames_are_called_duplicates() -> None:
    travel = np.repeat(np.linspace(0, 0.8, 50), 2)
    scores = [FrameScore(i, i / 30, 1.0, float(t), 0.0 if i % 2 else 5.0) for i, t in enumerate(travel)]
    reasons = choose_keyframes(scores, SPACING)
    assert {reasons[i] for i in range(1, 100, 2)} <= {"duplicate", None}
    assert reasons.count(None) == 10


@pytest.mark.parametrize(
    ("travel", "count"),
    [(0.0, 1), (0.005, 1), (0.05, 5), (0.5, 10), (2.0, 20), (100.0, 40)],
)
def test_window_count(travel: float, count: int) -> None:
    """Too little motion lowers the target, fast motion raises it up to the maximum."""
    assert count_windows(travel, SPACING) == count


def test_choice_is_deterministic() -> None:
    rng = np.random.default_rng(3)
    scores = scores_of(np.cumsum(rng.uniform(0, 0.02, 200)), rng.uniform(0.5, 1, 200))
    assert choose_keyframes(scores, SPACING) == choose_keyframes(scores, SPACING)
