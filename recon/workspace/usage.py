"""What a piece of work costs: time, processor time, peak memory."""

import resource
import time
from pathlib import Path

_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")  # Linux


class Usage:
    """Counts from its making on.

    The peak of memory is that of the work alone where the system can start it anew (Linux); elsewhere that of the process.
    """

    def __init__(self) -> None:
        _restart_peak()
        self._started, self._cpu = time.perf_counter(), _cpu_seconds()

    def spent(self) -> dict[str, float]:
        """`seconds`, `cpu_seconds` (user and system, all threads and ended children), `peak_rss_mb`."""
        return {
            "seconds": round(time.perf_counter() - self._started, 3),
            "cpu_seconds": round(_cpu_seconds() - self._cpu, 3),
            "peak_rss_mb": round(_peak_rss_mb(), 1),
        }


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _restart_peak() -> None:
    try:
        _CLEAR.write_text("5")  # proc(5): resets VmHWM, the peak resident set size
    except OSError:  # another system, or not allowed in this container: the peak stays that of the process
        return


def _peak_rss_mb() -> float:
    try:
        lines = _STATUS.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
