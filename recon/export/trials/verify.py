"""Every trial of a finished package, and what came of it: the section "world" of metrics.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recon.console import say, warn
from recon.errors import UserError
from recon.export.place import CONVEX, FILLED, VISUAL
from recon.export.trials.checkers import ABSENT, PASS, UNUSABLE, check_files, same_size
from recon.export.trials.drive import drive
from recon.export.trials.drop_test import DropResult, judge, plan_starts
from recon.export.trials.engine_run import TRIALS, Trial, is_installed, run_program
from recon.export.trials.rays import compare_rays
from recon.formats.mesh_obj import read_obj
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.transforms import Array
from recon.surface import Surface
from recon.workspace import read_json

_HOW = "python scripts/export.py"
_SMALL_M, _FAST_M_S = 0.02, 20.0
_SLOWEST_M_S = 0.05  # a sphere that moves faster is not at rest
_EXTRA_SHARE = 0.25  # of the promised spheres: as many small ones, and as many fast ones, again
NOTHING_LEVEL = "nothing level to stand on"


@dataclass(frozen=True)
class _Spheres:
    """Spheres of one job; `group` [n] says which of the three tests each belongs to."""

    starts: Array
    radii: Array
    velocities: Array
    group: np.ndarray


@dataclass(frozen=True)
class _World:
    """A package as its trials see it: lengths are package units, `scale` of them are a metre."""

    folder: Path
    scale: float
    tolerance: float
    solid: TriangleMesh  # what is seen and what is filled
    surface: Surface
    spheres: _Spheres


def verify_world(
    world: Path,
    *,
    n_spheres: int,
    sphere_radius_m: float,
    seconds: float,
    walk_steps: int,
    engines: list[str] | None = None,
) -> dict[str, Any]:
    """Try a package in the named `engines` (None: all of `TRIALS`) and checkers, those that are installed.

    In each engine `n_spheres` spheres fall for `seconds` of simulated time, with a quarter as many small and as many fast
    ones beside them. A robot drives lanes in MuJoCo and walks for `walk_steps` steps. Lengths are multiplied by the
    manifest's `length_scale` (1 unless the scale is unknown).
    """
    tried = _read(world, n_spheres=n_spheres, radius_m=sphere_radius_m)
    verdicts: dict[str, str] = {}
    drops: dict[str, dict[str, Any]] = {}
    for name in TRIALS if engines is None else engines:
        verdicts[name], details = _try_engine(tried, TRIALS[name], seconds=seconds)
        if details:
            drops[name] = details
    visual = read_obj(world / VISUAL).vertices
    n_collisions = _count_objects(world / CONVEX)
    if engines is None:
        verdicts |= check_files(
            world, n_collisions=n_collisions, bounds=[visual.min(0).tolist(), visual.max(0).tolist()]
        )
    driven = drive(world, tried.solid, tried.surface, scale=tried.scale, walk_steps=walk_steps)
    rays = compare_rays(world, tried.surface, tried.spheres.starts[:100], tolerance=tried.tolerance)
    if driven:
        verdicts["drive"] = driven.pop("verdict")
    for name, verdict in verdicts.items():
        (say if verdict == PASS or verdict.startswith((ABSENT, UNUSABLE)) else warn)(f"world in {name}: {verdict}")
    return _summary(verdicts, drops, driven, rays)


def _read(world: Path, *, n_spheres: int, radius_m: float) -> _World:
    manifest = read_json(world / "manifest.json", made_by=_HOW)
    try:
        scale, tolerance = float(manifest["length_scale"]), float(manifest["collision"]["asked_tolerance"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{world}/manifest.json: expected length_scale and collision.asked_tolerance. Run: {_HOW}"
        ) from error
    solid = read_obj(world / VISUAL)
    if (world / FILLED).exists():
        solid = joined([solid, read_obj(world / FILLED)])
    surface = Surface(solid)
    return _World(world, scale, tolerance, solid, surface, _plan(solid, surface, n_spheres, radius_m, scale, tolerance))


def _plan(solid: TriangleMesh, surface: Surface, n: int, radius_m: float, scale: float, tolerance: float) -> _Spheres:
    extra = max(1, round(_EXTRA_SHARE * n))
    kinds = [(n, radius_m, 0.0), (extra, min(_SMALL_M, radius_m), 0.0), (extra, radius_m, _FAST_M_S)]
    starts = [
        plan_starts(solid, surface, radius=radius * scale, tolerance=tolerance, n_spheres=count, seed=seed)
        for seed, (count, radius, _) in enumerate(kinds)
    ]
    counts = [len(places) for places in starts]
    speeds = np.repeat([speed for *_, speed in kinds], counts) * scale
    return _Spheres(
        np.concatenate(starts),
        np.repeat([radius for _, radius, _ in kinds], counts) * scale,
        np.stack([0 * speeds, 0 * speeds, -speeds], -1),
        np.repeat(["normal", "small", "fast"], counts),
    )


def _try_engine(world: _World, trial: Trial, *, seconds: float) -> tuple[str, dict[str, Any]]:
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
        "gravity": 9.81 * world.scale,
        "timestep": trial.timestep_s,
        "steps": round(seconds / trial.timestep_s),
        "record_every": 10,
        "damping_s": 0.2,
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
            may_bounce=group == "fast",
        )
        for group in ("normal", "small", "fast")
    }
    expected = read_obj(world.folder / trial.geometry).vertices
    bounds = [expected.min(0).tolist(), expected.max(0).tolist()]
    size = same_size(facts["bounds"], bounds, trial.file, slack=world.tolerance / 4)
    details = {**facts, **{group: result.as_dict() for group, result in results.items()}}
    return _verdict(results, facts, size, world), details


def _verdict(results: dict[str, DropResult], facts: dict[str, Any], size: str, world: _World) -> str:
    if facts["warnings"]:
        return f"fail: the engine warned of {', '.join(facts['warnings'])}"
    if size != PASS:
        return size
    if not results["normal"].dropped:
        return f"fail: it loads and steps, but there is {NOTHING_LEVEL}"
    faults = [
        f"{getattr(result, what)} of {result.dropped} {'' if group == 'normal' else group + ' '}spheres {words}"
        for group, result in results.items()
        for what, words in (
            ("through", "fell through"),
            ("lost", "were lost"),
            ("flung", "were flung up"),
            ("falling", "were still falling"),
        )
        if getattr(result, what)
    ]
    if results["normal"].p95 > world.tolerance:
        faults.append(
            f"one sphere in twenty rests {results['normal'].p95 / world.scale:.3f} m or more off the surface, "
            f"tolerance {world.tolerance / world.scale:.3f} m"
        )
    return f"fail: {', '.join(faults)}" if faults else PASS


def _summary(
    verdicts: dict[str, str], drops: dict[str, dict[str, Any]], driven: dict[str, Any], rays: dict[str, Any]
) -> dict[str, Any]:
    """Overall numbers are the worst of the engines that ran; `loads`: None for one that is not installed."""

    def worst(key: str, group: str = "normal") -> Any:
        values = [drop[group][key] for drop in drops.values() if group in drop]
        return max(values, default=None)

    def millimetres(key: str) -> float | None:
        value = worst(key)
        return None if value is None else round(1000 * value, 2)

    return {
        "loads": {name: None if verdicts[name] == ABSENT else name in drops for name in TRIALS if name in verdicts},
        "engines": verdicts,
        "drop": {
            "dropped": worst("dropped"),
            "through": worst("through"),
            "lost": worst("lost"),
            "flung": worst("flung"),
            "falling": worst("falling"),
            "median_mm": millimetres("median"),
            "p95_mm": millimetres("p95"),
            "max_mm": millimetres("max"),
            "small_through": worst("through", "small"),
            "fast_through": worst("through", "fast"),
            "by_engine": drops,
        },
        "drive": driven,
        "lanes_free": driven.get("lanes_free"),
        "rays": rays,
    }


def _count_objects(path: Path) -> int:
    return sum(line.startswith("o ") for line in path.read_text().splitlines())
