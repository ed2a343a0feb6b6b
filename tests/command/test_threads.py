"""Threads that wait for each other must not take the cores: settings that count only before numpy and torch are loaded."""

import subprocess
import sys


def test_a_command_sets_them_before_numpy_is_loaded() -> None:
    told = "import recon, os, sys; print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    clean = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True, env=clean)
    assert done.stdout.split() == ["False", "1"]
