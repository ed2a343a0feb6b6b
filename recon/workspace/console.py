"""What a person sees while a stage works: messages, warnings, progress bars with rate and time left.

Warnings are printed and kept, so that the stage that raised them can write them beside its results
(`mark_finished`) and the report can show them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_console = Console(soft_wrap=True, highlight=False)
_warnings: list[str] = []


def say(message: str) -> None:
    """Print one message."""
    _console.print(_printable(message), markup=False)


def warn(message: str) -> None:
    """Print a warning and keep it for `take_warnings`."""
    message = _printable(message)
    _warnings.append(message)
    _console.print(f"warning: {message}", style="yellow", markup=False)


def _printable(message: str) -> str:
    """The message without surrogates, by which Python spells names that are not UTF-8."""
    return message.encode("utf-8", "replace").decode("utf-8")


def take_warnings() -> list[str]:
    """The warnings since the last call, oldest first; they are forgotten here."""
    taken = list(_warnings)
    _warnings.clear()
    return taken


SecondsLeft = Callable[[Mapping[str, float], list[str]], float | None]


def in_turn(stages: Sequence[Callable[..., Any]], seconds_left: SecondsLeft) -> Iterator[Callable[..., Any]]:
    """Each of `stages`, told by its name when its turn has come: "stage 4 of 9: evaluate (6.1 minutes so far, about 2 left)".

    seconds_left: from the seconds that each stage before took, and the names of those to come; None: not to be told.
    """
    began = time.monotonic()
    taken: dict[str, float] = {}
    names = [stage.__name__ for stage in stages]
    for number, stage in enumerate(stages):
        started = time.monotonic()
        left = seconds_left(taken, names[number:])
        say(f"stage {number + 1} of {len(stages)}: {names[number]}{_so_far(started - began, left) if number else ''}")
        yield stage
        taken[names[number]] = time.monotonic() - started


def _so_far(seconds: float, left: float | None) -> str:
    """
    >>> _so_far(366, 100), _so_far(366, None), _so_far(366, 12)
    (' (6.1 minutes so far, about 2 left)', ' (6.1 minutes so far)', ' (6.1 minutes so far, less than one left)')
    """
    told = "" if left is None else ", less than one left" if left < 60 else f", about {left / 60:.0f} left"
    return f" ({seconds / 60:.1f} minutes so far{told})"


class _Rate(ProgressColumn):
    """The column of a progress bar with its steps per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")


@contextmanager
def progress(label: str, total: float | None) -> Iterator["Bar"]:
    """A progress bar with rate and time left: `with progress("rendering", 20) as bar: bar.advance()`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=_console, transient=not _console.is_terminal) as bars:
        yield Bar(bars, bars.add_task(label, total=total, note=""))


class Bar:
    """Handle of one running progress bar."""

    def __init__(self, bars: Progress, task: TaskID) -> None:
        self._bars, self._task = bars, task

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        """Move on by `steps`; `note` replaces the short text behind the bar."""
        self._bars.advance(self._task, steps)
        self._write(note)

    def move_to(self, done: float, note: str | None = None) -> None:
        """Move to a position, in steps from the beginning."""
        self._bars.update(self._task, completed=done)
        self._write(note)

    def _write(self, note: str | None) -> None:
        if note is not None:
            self._bars.update(self._task, note=note)
