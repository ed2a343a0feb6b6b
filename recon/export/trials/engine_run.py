"""One engine, one file of the package, one process: what it answers, or why it failed in its own words."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.export.place import CONVEX, STATIC
from recon.geometry.transforms import Array

_TIMEOUT_S = 900
_PROGRAMS = Path(__file__).parent / "engines"


@dataclass(frozen=True)
class Trial:
    """One way to load the package: the Python package it needs, the program, the file, and whose bounds it should have."""

    package: str
    program: str
    file: str
    geometry: str
    timestep_s: float = 0.001  # fast spheres go less than half their radius in it


TRIALS = {
    "mujoco": Trial("mujoco", "mujoco_drop.py", "scene.xml", CONVEX),
    "pybullet": Trial("pybullet", "pybullet_drop.py", "scene.urdf", CONVEX),
    "pybullet_concave": Trial("pybullet", "pybullet_drop.py", "scene_concave.urdf", STATIC),
    "drake_sdf": Trial("pydrake", "drake_drop.py", "model.sdf", CONVEX),
    "drake_urdf": Trial("pydrake", "drake_drop.py", "scene.urdf", CONVEX),
    "newton_usd": Trial("newton", "newton_drop.py", "scene.usd", STATIC),
    "sapien": Trial("sapien", "sapien_drop.py", CONVEX, CONVEX),
    "sapien_concave": Trial("sapien", "sapien_drop.py", STATIC, STATIC),
}


def is_installed(package: str) -> bool:
    """Whether the Python package can be found, without importing it."""
    return importlib.util.find_spec(package) is not None


def run_program(program: str, job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Array]] | str:
    """Run a program of engines/ on a job; its facts and arrays, or why it failed."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder, "answer.npz")
        job_file = Path(folder, "job.json")
        job_file.write_text(json.dumps({**job, "answer": str(answer)}))
        try:
            done = subprocess.run(
                [sys.executable, str(_PROGRAMS / program), str(job_file)],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                env={**os.environ, "PYTHONWARNINGS": "ignore", "MUJOCO_GL": "disable"},  # nothing is drawn
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {_TIMEOUT_S // 60} minutes"
        if done.returncode:
            return last_line(done.stderr or done.stdout) or f"the engine ended with code {done.returncode}"
        facts = json.loads(answer.with_suffix(".json").read_text())
        with np.load(answer, allow_pickle=False) as arrays:
            return facts, {name: arrays[name] for name in arrays.files}


def last_line(text: str) -> str:
    """The last line of an engine's chatter that says anything, cut to a readable length."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
