"""The time left is told from the stages that are over, and a limit that a person set is kept."""

from typing import Any

import pytest

from recon.pipeline.forecast import seconds_left
from recon.train.settings import TrainSettings
from recon.workspace import console
from tests.default_settings import default_settings

AFTER_MATCHING = {"capture": 5.4, "pose": 95.0, "match": 147.0}  # of the walk through a bookshop
TO_COME = ["train", "evaluate", "render", "mesh", "export", "score", "report"]


def training(**changes: Any) -> TrainSettings:
    return default_settings(TrainSettings, "train", **changes)


def test_a_run_that_was_measured_is_forecast_within_a_third() -> None:
    took = 132 + 9.5 + 3 + 77 + 30  # with 1,500 steps
    left = seconds_left(AFTER_MATCHING, TO_COME, training(max_steps=1500))
    assert left is not None and took / 1.34 < left < took * 1.34


def test_twice_as_slow_takes_twice_as_long() -> None:
    left = seconds_left(AFTER_MATCHING, TO_COME, training())
    slow = seconds_left({name: 2 * seconds for name, seconds in AFTER_MATCHING.items()}, TO_COME, training())
    assert left is not None and slow == pytest.approx(2 * left)


def test_the_quality_counts_for_the_training_only() -> None:
    draft, standard, high = (
        seconds_left(AFTER_MATCHING, TO_COME, training(quality=quality)) for quality in ("draft", "standard", "high")
    )
    assert draft is not None and standard is not None and high is not None
    assert high - standard == pytest.approx(4 * (standard - draft))
    rest = [name for name in TO_COME if name != "train"]
    of_rest = {seconds_left(AFTER_MATCHING, rest, training(quality=q)) for q in ("draft", "high")}
    assert len(of_rest) == 1


def test_a_training_takes_no_longer_than_it_may() -> None:
    rest = seconds_left(AFTER_MATCHING, TO_COME[1:], training())
    limited = seconds_left(AFTER_MATCHING, TO_COME, training(max_seconds=100))
    by_time = seconds_left(AFTER_MATCHING, TO_COME, training(quality=None, max_seconds=3600))
    assert rest is not None and limited == pytest.approx(rest + 100) and by_time == pytest.approx(rest + 3600)
    longer = seconds_left(AFTER_MATCHING, TO_COME, training(max_seconds=1e6))
    assert longer == seconds_left(AFTER_MATCHING, TO_COME, training())


def test_stages_that_were_done_before_tell_nothing() -> None:
    assert seconds_left({"capture": 6.0}, ["pose", *TO_COME], training()) is None
    assert seconds_left({"capture": 0.1, "pose": 0.5, "match": 0.4}, TO_COME, training()) is None
    some = seconds_left({"pose": 0.5, "match": 147.0}, TO_COME, training())
    assert some == seconds_left({"match": 147.0}, TO_COME, training())


def test_a_training_that_a_person_limited_does_not_tell_the_pace() -> None:
    assert seconds_left({"train": 30.0}, TO_COME[1:], training(max_seconds=30)) is None
    assert seconds_left({"train": 30.0}, TO_COME[1:], training()) is not None


def test_each_turn_is_told_with_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    def first() -> None: ...
    def second() -> None: ...

    asked = []

    def left(taken: Any, to_come: list[str]) -> float:
        asked.append((list(taken), to_come))
        return 200.0

    assert list(console.in_turn((first, second), left)) == [first, second]
    assert asked == [([], ["first", "second"]), (["first"], ["second"])]
    told = capsys.readouterr().out.splitlines()
    assert told == ["stage 1 of 2: first", "stage 2 of 2: second (0.0 minutes so far, about 3 left)"]
