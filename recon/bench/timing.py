"""Wall-clock seconds of calls."""

import statistics
import time
from collections.abc import Callable


def seconds_once(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def seconds(call: Callable[[], object], *, repeats: int = 7) -> float:
    """Median of `repeats` calls, after one to warm up."""
    call()
    return statistics.median(seconds_once(call) for _ in range(repeats))
