"""Load a world package in every physics engine that is installed, drop spheres, compare with ray casts.

Engines run as programs of their own (`recon.export.engines`): an engine that crashes or chatters fails its own line of the
result and nothing else.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.export.drop_test import judge, plan_starts
from recon.export.place import VISUAL
from recon.export.surface import Array, Surface
from recon.formats.mesh_obj import read_obj
from recon.workspace import read_json

_HOW = "python scripts/export.py"


@dataclass(frozen=True)
class _Trial:
    """One way to load the package: the Python package it needs, the program that drops, the file it loads."""

    package: str
    program: str
    file: str


TRIALS = {
    "mujoco": _Trial("mujoco", "mujoco_drop.py", "scene.xml"),
    "pybullet": _Trial("pybullet", "pybullet_drop.py", "scene.urdf"),
    "pybullet_concave": _Trial("pybullet", "pybullet_drop.py", "scene_concave.urdf"),
}


def verify_world(world: Path, *, n_spheres: int, sphere_radius_m: float, seconds: float) -> dict[str, Any]:
    """Drop `n_spheres` spheres for `seconds` of simulated time in each engine; what came of it, by engine and overall.

    `sphere_radius_m` is multiplied by the manifest's `length_scale` (1 unless the capture's scale is unknown). Overall
    numbers are the worst of the engines that ran. `loads` is true for an engine that loaded and stepped the world, false
    for one that did not, None for one that is not installed; `verdicts` says "pass", "fail: why" or "not installed".
    """
    manifest = read_json(world / "manifest.json", made_by=_HOW)
    try:
        length_scale, tolerance = float(manifest["length_scale"]), float(manifest["collision"]["tolerance"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{world}/manifest.json: expected length_scale and collision.tolerance. Run: {_HOW}") from error
    mesh = read_obj(world / VISUAL)
    surface, radius = Surface(mesh), sphere_radius_m * length_scale
    starts = plan_starts(mesh, surface, radius=radius, n_spheres=n_spheres)
    verdicts: dict[str, str] = {}
    engines: dict[str, Any] = {}
    for name, trial in TRIALS.items():
        if importlib.util.find_spec(trial.package) is None:
            verdicts[name] = "not installed"
            continue
        answer = _run(world, trial, starts, radius=radius, seconds=seconds, length_scale=length_scale)
        if isinstance(answer, str):
            verdicts[name] = f"fail: {answer}"
            continue
        details, tracks, speeds = answer
        result = judge(surface, tracks, speeds, radius=radius, slowest=0.05 * length_scale)
        engines[name] = {**result.as_dict(), **details}
        verdicts[name] = _verdict(result.n_fell_through, result.max_error, tolerance + 0.005 * length_scale, details)
    return _summary(verdicts, engines, n_dropped=len(starts))


def _verdict(n_fell_through: int, max_error: float, tolerance: float, details: dict[str, Any]) -> str:
    if details["warnings"]:
        return f"fail: the engine warned of {', '.join(details['warnings'])}"
    if n_fell_through:
        return f"fail: {n_fell_through} spheres fell through"
    if not np.isfinite(max_error):
        return "fail: it loads and steps, but no sphere came to rest on the surface"
    if max_error > tolerance:
        return f"fail: a sphere rests {max_error:.3f} off the surface, more than {tolerance:.3f}"
    return "pass"


def _summary(verdicts: dict[str, str], engines: dict[str, Any], *, n_dropped: int) -> dict[str, Any]:
    for name, verdict in verdicts.items():
        (say if verdict in ("pass", "not installed") else warn)(f"world in {name}: {verdict}")

    def worst(key: str) -> Any:
        return max((engine[key] for engine in engines.values()), default=None)

    return {
        "loads": {name: None if v == "not installed" else name in engines for name, v in verdicts.items()},
        "verdicts": verdicts,
        "n_dropped": n_dropped,
        "n_fell_through": worst("n_fell_through"),
        "drop_test_max_error_m": worst("max_error"),
        "drop_test_median_error_m": worst("median_error"),
        "engines": engines,
    }


def _run(
    world: Path, trial: _Trial, starts: Array, *, radius: float, seconds: float, length_scale: float
) -> tuple[dict[str, Any], Array, Array] | str:
    """Run one engine; its details, tracks and final speeds, or why it failed."""
    timestep = 0.002
    with tempfile.TemporaryDirectory() as folder:
        job = {
            "file": str((world / trial.file).resolve()),
            "answer": str(Path(folder, "answer.npz")),
            "starts": starts.tolist(),
            "radius": radius,
            "mass": 1.0,
            # Lengths and gravity scale together, so a scene of unknown scale moves as a metric one would.
            "gravity": 9.81 * length_scale,
            "timestep": timestep,
            "steps": round(seconds / timestep),
            "record_every": 5,
            "damping_s": 0.2,
        }
        job_file = Path(folder, "job.json")
        job_file.write_text(json.dumps(job))
        program = Path(__file__).parent / "engines" / trial.program
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, str(program), str(job_file)],
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=900,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
            )
        except subprocess.TimeoutExpired:
            return "no answer within 15 minutes"
        if done.returncode:
            return _last_line(done.stderr or done.stdout) or f"the engine ended with code {done.returncode}"
        details = json.loads(Path(folder, "answer.json").read_text())
        with np.load(job["answer"], allow_pickle=False) as answer:
            tracks, speeds = answer["tracks"], answer["speeds"]
    if not np.isfinite(tracks).all():
        return "positions became infinite"
    return {**details, "seconds": round(time.perf_counter() - started, 3)}, tracks, speeds


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
