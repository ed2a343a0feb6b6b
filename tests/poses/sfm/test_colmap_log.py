"""What COLMAP's library would print to the terminal of a program that loads it."""

import subprocess
import sys

_ASKED_TO_END = """
import os, signal
import pycolmap
import recon.poses.captured, recon.poses.imported
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_program_that_is_asked_to_end_prints_no_native_trace() -> None:
    """By `kill`, `timeout` or a scheduler, also in a stage that never calls COLMAP."""
    ended = subprocess.run([sys.executable, "-c", _ASKED_TO_END], capture_output=True, text=True, check=False)
    assert ended.returncode == -15, ended.stderr
    assert not ended.stderr
