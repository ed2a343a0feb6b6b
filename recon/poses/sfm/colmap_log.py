"""Keeping COLMAP's own chatter out of the terminal: it goes to a file, our progress bars go to the screen."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pycolmap


def _give_back_sigterm() -> None:
    """Asked to end (`kill`, `timeout`, a scheduler), the program ends as Python was told to, without a trace.

    COLMAP's library, once loaded, prints thirty lines of native frames then, in every later stage too.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))


_give_back_sigterm()


@contextmanager
def colmap_log(file: Path) -> Iterator[None]:
    """Send what COLMAP logs inside the block to `file`; only what ends the process still reaches the terminal."""
    logging = pycolmap.logging
    levels = (logging.Level.INFO, logging.Level.WARNING, logging.Level.ERROR)
    before = logging.logtostderr, logging.alsologtostderr, logging.stderrthreshold, logging.minloglevel
    logging.logtostderr = logging.alsologtostderr = False
    logging.stderrthreshold, logging.minloglevel = int(logging.Level.FATAL), int(logging.Level.INFO)
    prefix = f".{file.name}."  # glog adds time and process to the name it is given
    for level in levels:
        logging.set_log_destination(level, str(file.with_name(prefix)) if level == logging.Level.INFO else "")
    try:
        yield
    finally:
        for level in levels:
            logging.set_log_destination(level, "")  # closes and flushes the file
        logging.logtostderr, logging.alsologtostderr, logging.stderrthreshold, logging.minloglevel = before
        parts = sorted(file.parent.glob(f"{prefix}*"))
        if parts:
            file.write_bytes(b"".join(part.read_bytes() for part in parts))
        for part in parts:
            part.unlink()
