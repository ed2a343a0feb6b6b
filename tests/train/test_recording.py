"""Steps that are recorded once and replayed: when that happens, and what happens where it cannot."""

from collections.abc import Callable

import pytest
import torch

from recon.train.recording import Recorder
from recon.train.sample_counts import rounded

DEVICE_RANDOM = torch.Generator()


class Tape:
    """A recording that counts: it runs its work again, as a GPU would."""

    made = 0

    def __init__(self, work: Callable[[], int], generator: torch.Generator, pool: object) -> None:
        assert generator is DEVICE_RANDOM
        Tape.made += 1
        self._work, self.replays = work, 0

    def replay(self) -> int:
        self.replays += 1
        return self._work() + 100


def test_a_size_is_done_by_hand_once_then_recorded_and_then_replayed() -> None:
    Tape.made = 0
    recorder = Recorder(DEVICE_RANDOM, record=Tape)
    assert [recorder.run((8, "coarse"), lambda: 1) for _ in range(4)] == [1, 101, 101, 101]
    assert recorder.run((16, "coarse"), lambda: 2) == 2 and Tape.made == 1
    assert recorder.run((16, "coarse"), lambda: 2) == 102 and Tape.made == 2
    recorder.forget()  # as after the memory of a GPU has ended
    assert recorder.run((8, "coarse"), lambda: 1) == 1


def test_where_recording_fails_it_is_said_once_and_steps_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_arguments: object) -> Tape:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    recorder = Recorder(DEVICE_RANDOM, record=refuse)
    assert [recorder.run(size, lambda: 5) for size in (1, 1, 1, 2, 2)] == [5] * 5
    shown = capsys.readouterr().out
    assert shown.count("cannot be recorded") == 1 and "not permitted when stream" in shown and "and more" not in shown


def test_the_end_of_the_memory_is_for_those_who_can_make_steps_smaller() -> None:
    def full(*_arguments: object) -> Tape:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    recorder = Recorder(DEVICE_RANDOM, record=full)
    recorder.run(1, lambda: 5)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        recorder.run(1, lambda: 5)


def test_few_numbers_of_rays_occur_and_none_is_far_below_what_was_asked() -> None:
    numbers = range(1, 5000)
    assert all(0.88 * n < rounded(n) <= n for n in numbers)
    assert len({rounded(n) for n in range(1000, 100_000)}) < 60
    assert all(rounded(rounded(n)) == rounded(n) for n in numbers)
