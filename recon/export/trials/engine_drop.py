"""The drop test of a package in one engine after another: the spheres, the job each engine gets, the verdict on its answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.export.trials.checkers import ABSENT, PASS, same_size
from recon.export.trials.drop_test import DropResult, judge
from recon.export.trials.engine_run import Trial, is_installed, run_program
from recon.export.trials.marble import DAMPING_S
from recon.export.trials.places import Places, plan_places
from recon.export.zones import Reach
from recon.formats.mesh_obj import read_obj
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_SMALL_M, FAST_M_S = 0.02, 20.0  # radius; speed
_SLOWEST_M_S = 0.05  # a sphere that moves faster is not at rest
_EXTRA_SHARE = 0.25  # of the promised spheres: as many small ones, and as many fast ones, again
_GRAVITY = 9.81
_FEWEST = 0.1  # of the promised spheres: with held places for fewer, on the finest grid, nothing is level
NOTHING_LEVEL = "nothing level to stand on"
_FAULTS = {
    "through": "fell through",
    "lost": "were lost",
    "flung": "were flung up",
    "falling": "were still falling",
}


@dataclass(frozen=True)
class Spheres:
    """Spheres of one job; `group` [n] says which of the three tests each belongs to. `promised`: of the normal ones."""

    starts: Array
    radii: Array
    velocities: Array
    group: np.ndarray
    places: Places  # of the normal ones
    promised: int

    @property
    def is_level_anywhere(self) -> bool:
        """Whether the world has held places worth the name."""
        return len(self.places.starts) >= max(1.0, _FEWEST * self.promised)

    @property
    def words(self) -> str:
        """How many places hold, for people."""
        places = self.places
        return f"of {places.tried} places {places.off_edge} lie at the edge of what was seen, or a marble rolls off it from there"


@dataclass(frozen=True)
class TriedWorld:
    """A package as its trials see it: lengths are package units, `scale` of them are a metre."""

    folder: Path
    scale: float
    tolerance: float
    reach: Reach  # where spheres are dropped and the robot drives
    surface: Surface  # what is seen and what is filled
    spheres: Spheres


def plan_spheres(
    surface: Surface, reach: Reach, *, n: int, radius_m: float, scale: float, tolerance: float, thickness: float
) -> Spheres:
    """`n` normal spheres, a quarter as many small and as many fast ones, each kind over held places of its own within reach.

    surface: of what is seen and what is filled. radius_m: of a normal sphere in metres, of
    which `scale` units make one. tolerance, thickness: that collision geometry is allowed before and behind a surface.
    """
    extra = max(1, round(_EXTRA_SHARE * n))
    kinds = [(n, radius_m, 0.0), (extra, min(_SMALL_M, radius_m), 0.0), (extra, radius_m, FAST_M_S)]
    places = [
        plan_places(
            surface,
            reach,
            radius=radius * scale,
            tolerance=tolerance,
            thickness=thickness,
            n_spheres=count,
            speed=speed * scale,
            gravity=_GRAVITY * scale,
            seed=seed,
        )
        for seed, (count, radius, speed) in enumerate(kinds)
    ]
    counts = [len(of_kind.starts) for of_kind in places]
    speeds = np.repeat([speed for *_, speed in kinds], counts) * scale
    return Spheres(
        np.concatenate([of_kind.starts for of_kind in places]),
        np.repeat([radius for _, radius, _ in kinds], counts) * scale,
        np.stack([0 * speeds, 0 * speeds, -speeds], -1),
        np.repeat(["normal", "small", "fast"], counts),
        places[0],
        n,
    )


def drop_in(trial: Trial, world: TriedWorld, *, seconds: float) -> tuple[str, dict[str, Any]]:
    """The verdict of one engine, and its numbers when it ran."""
    if not is_installed(trial.package):
        return ABSENT, {}
    if not (world.folder / trial.file).exists():
        return f"fail: the package has no {trial.file}", {}
    spheres = world.spheres
    job = {
        "file": str((world.folder / trial.file).resolve()),
        "starts": spheres.starts.tolist(),
        "radii": spheres.radii.tolist(),
        "velocities": spheres.velocities.tolist(),
        # Lengths and gravity scale together, so a scene of unknown scale moves as a metric one would.
        "gravity": _GRAVITY * world.scale,
        "timestep": trial.timestep_s,
        "steps": round(seconds / trial.timestep_s),
        "record_every": 10,
        "damping_s": DAMPING_S,
        "friction": 1.0,
    }
    answer = run_program(trial.program, job)
    if isinstance(answer, str):
        return f"fail: {answer}", {}
    facts, arrays = answer
    tracks, speeds = arrays["tracks"], arrays["speeds"]
    if not np.isfinite(tracks).all():
        return "fail: positions became infinite", facts
    results = {
        group: judge(
            world.surface,
            tracks[:, spheres.group == group],
            speeds[spheres.group == group],
            radii=spheres.radii[spheres.group == group],
            slowest=_SLOWEST_M_S * world.scale,
            tolerance=world.tolerance,
            free_fall=_GRAVITY * world.scale * (job["timestep"] * job["record_every"]) ** 2,
            may_bounce=group == "fast",
        )
        for group in ("normal", "small", "fast")
    }
    expected = read_obj(world.folder / trial.geometry).vertices
    bounds = [expected.min(0).tolist(), expected.max(0).tolist()]
    size = same_size(facts["bounds"], bounds, trial.file, slack=world.tolerance / 4)
    details = {**facts, **{group: result.as_dict() for group, result in results.items()}}
    return _verdict(results, facts, size, world), details


def _verdict(results: dict[str, DropResult], facts: dict[str, Any], size: str, world: TriedWorld) -> str:
    """What rolls off where next to nothing is level is said, not failed; what falls through fails everywhere."""
    if facts["warnings"]:
        return f"fail: the engine warned of {', '.join(facts['warnings'])}"
    if size != PASS:
        return size
    faults = [fault for group, result in results.items() for fault in _faults(group, result)]
    if not world.spheres.is_level_anywhere and not any(result.through for result in results.values()):
        return _said(results, world)
    if results["normal"].p95 > world.tolerance:
        faults.append(
            f"one sphere in twenty rests {results['normal'].p95 / world.scale:.3f} m or more off the surface, "
            f"tolerance {world.tolerance / world.scale:.3f} m"
        )
    return f"fail: {', '.join(faults)}" if faults else PASS


def _said(results: dict[str, DropResult], world: TriedWorld) -> str:
    """Of a world where nothing is level: how many places were looked at, and how many of the few spheres stayed on something."""
    dropped = sum(result.dropped for result in results.values())
    flung = sum(result.flung for result in results.values())
    rolled_off = sum(result.lost + result.falling for result in results.values())
    tails = [f"{rolled_off} of {dropped} spheres that were dropped all the same rolled off"] if dropped else []
    tails += [f"{flung} were flung up"] if flung else []
    return "; ".join([f"{NOTHING_LEVEL}: {world.spheres.words}", *tails])


def _faults(group: str, result: DropResult) -> list[str]:
    kind = "" if group == "normal" else f"{group} "
    return [
        f"{getattr(result, what)} of {result.dropped} {kind}spheres {words}"
        for what, words in _FAULTS.items()
        if getattr(result, what)
    ]
