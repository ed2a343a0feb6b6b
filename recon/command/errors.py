"""How a program ends: a user's mistake in one line with exit code 2, Ctrl-C with 130, a bug with its traceback."""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from recon.workspace.errors import UserError

ROOT = Path(__file__).resolve().parents[2]  # of the checkout, or what an installed wheel lies in
IS_CHECKOUT = (ROOT / "scripts" / "command.py").is_file()
_SCRIPT = re.compile(r"python scripts/(\w+)\.py")


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A user's mistake ends the program with one line and exit code 2, Ctrl-C with 130; a bug keeps its traceback.

    A full disk is nobody's bug either, wherever it was met: most files are written by `recon.workspace.files`, which names them,
    but scratch files and databases are not.
    """
    try:
        yield
    except UserError as error:
        fail(str(error))
    except (OSError, RuntimeError) as error:
        from recon.workspace.files import is_full_disk  # late, so that Ctrl-C meets a program that expects it

        if not is_full_disk(error):
            raise
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        fail(
            f"{where}cannot write: the disk is full or may not be written. Free it or choose another workspace=..., then run the "
            "same command again: finished stages are kept."
        )
    except KeyboardInterrupt:
        print("\nStopped. Finished stages are kept: run the same command again to go on.", file=sys.stderr)
        sys.exit(130)


def fail(message: str) -> None:
    """End with this line. Commands that it names are spelled as this installation has them: scripts/ is not in a wheel."""
    told = message if IS_CHECKOUT else _SCRIPT.sub(r"recon \1", message)
    print(f"error: {told}", file=sys.stderr)
    sys.exit(2)


def be_quiet_when_interrupted() -> None:
    """Ctrl-C while everything is still being imported is no bug, and a full disk is told once, not by every thread."""
    hook, thread_hook = sys.excepthook, threading.excepthook

    def quiet(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not _was_interrupted(error):
            hook(kind, error, trace)
            return
        print("\nStopped.", file=sys.stderr, flush=True)
        os._exit(130)  # as later on; left to itself, Python ends by the signal

    def quiet_thread(ended: threading.ExceptHookArgs) -> None:
        from recon.workspace.files import is_full_disk

        if ended.exc_value is None or not is_full_disk(ended.exc_value):
            thread_hook(ended)

    sys.excepthook, threading.excepthook = quiet, quiet_thread


def _was_interrupted(error: BaseException | None) -> bool:
    """By Ctrl-C, or for a reason that goes back to it: compiled modules make an ImportError of it."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None
