"""How long the stages to come will take, told from those that are over: a measured run's shares, scaled."""

from collections.abc import Mapping

from recon.train.quality import SHARES
from recon.train.settings import TrainSettings

# Seconds of the sample on two cores (docs/performance.md). Only their ratios count.
_SECONDS = {
    "capture": 6.0,
    "pose": 90.0,
    "match": 102.0,
    "train": 306.0,
    "evaluate": 6.0,
    "render": 12.0,
    "mesh": 42.0,
    "export": 54.0,
    "score": 3.0,
    "report": 3.0,
}
_STEPS = 4700  # of that training
_AT_ONCE = 2.0  # seconds; a stage that takes less was done before, and tells nothing


def seconds_left(taken: Mapping[str, float], to_come: list[str], training: TrainSettings) -> float | None:
    """Seconds that the stages named `to_come` will take; None while nothing tells how fast this machine and capture are.

    taken: seconds of each stage that is over.
    """
    expected = _SECONDS | {"train": _training_seconds(training)}
    worked = {
        name: seconds for name, seconds in taken.items() if seconds > _AT_ONCE and not _is_limited(name, training)
    }
    if not worked or set(worked) == {"capture"}:  # a film's decoding says little of its mesh
        return None
    pace = sum(worked.values()) / sum(expected[name] for name in worked)
    left = sum(pace * expected[name] for name in to_come)
    if "train" in to_come and training.max_seconds is not None:
        of_steps = pace * expected["train"]
        is_by_time = training.quality is None and training.max_steps is None
        limited = training.max_seconds if is_by_time else min(training.max_seconds, of_steps)
        left += limited - of_steps
    return left


def _training_seconds(training: TrainSettings) -> float:
    steps = training.max_steps or _STEPS * SHARES[training.quality or "standard"]
    return _SECONDS["train"] * steps / _STEPS


def _is_limited(name: str, training: TrainSettings) -> bool:
    """Whether the stage's time is what a person set."""
    return name == "train" and training.max_seconds is not None
