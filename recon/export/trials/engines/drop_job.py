"""Dropping spheres in an engine: the job, the loop, the answer. Imported by the programs beside it; needs numpy only.

job.json: `file` to load, `answer` to write (an .npz; facts go to a .json beside it), `starts` [n, 3], `radii` [n],
`velocities` [n, 3], `gravity`, `timestep`, `steps`, `record_every`, `damping_s`, `friction`. While any sphere is
in free fall, time goes on, for twice as many steps at most, so that what rolled off a table late has its time to land.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

MASS = 1.0  # of every sphere


@dataclass(frozen=True)
class Job:
    """Which spheres are dropped where, and for how long."""

    file: str
    answer: str
    starts: np.ndarray
    radii: np.ndarray
    velocities: np.ndarray
    gravity: float
    timestep: float
    steps: int
    record_every: int
    damping_s: float
    friction: float  # of the spheres


class Engine(Protocol):
    """A loaded world with spheres in it. Spheres touch the world and never each other."""

    version: str
    warnings: list[str]  # of loading
    bounds: np.ndarray  # [2, 3]: least and greatest corner of the collision geometry, as the engine has it
    n_collisions: int  # shapes of the world that collide, as the engine counts them

    def step(self) -> None:
        """Go on by one time step."""

    def positions(self) -> np.ndarray:
        """Sphere centres [n, 3]."""

    def velocities(self) -> np.ndarray:
        """Their velocities [n, 3]."""

    def slow(self, factor: float) -> None:
        """Multiply sideways velocities and spins; falling is left alone."""


def falls_freely(before: np.ndarray, now: np.ndarray, job: Job) -> bool:
    """Whether any sphere has gained, since its velocities `before`, most of the speed that gravity alone would give it."""
    gained = before[:, 2] - now[:, 2]
    return bool((gained > 0.7 * job.gravity * job.timestep * job.record_every).any())


def run(load: Callable[[Job], Engine]) -> None:
    """The program: read the job named on the command line, drop, write the answer."""
    values: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    values["radii"] = np.array(values["radii"], float)
    for name in ("starts", "velocities"):
        values[name] = np.array(values[name], float).reshape(-1, 3)
    job = Job(**values)
    engine = load(job)
    # Air-like drag brings spheres to rest without bending their fall.
    decay = float(np.exp(-job.timestep * job.record_every / job.damping_s))
    tracks = [engine.positions()]
    velocities = engine.velocities()
    for step in range(1, 2 * job.steps + 1):
        engine.step()
        if step % job.record_every:
            continue
        tracks.append(engine.positions())
        engine.slow(decay)
        before, velocities = velocities, engine.velocities()
        if step >= job.steps and not falls_freely(before, velocities, job):
            break
    tracks.append(engine.positions())
    np.savez(job.answer, tracks=np.stack(tracks), speeds=np.linalg.norm(engine.velocities(), axis=1))
    facts = {
        "version": engine.version,
        "n_collisions": engine.n_collisions,
        "bounds": np.asarray(engine.bounds, float).tolist(),
        "warnings": engine.warnings,
    }
    Path(job.answer).with_suffix(".json").write_text(json.dumps(facts))
