"""Every trial of a finished package, and what came of it: the section "world" of metrics.json."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from recon.export.place import CONVEX, FILLED, VISUAL
from recon.export.trials.checkers import ABSENT, PASS, UNUSABLE, check_files
from recon.export.trials.drive import drive
from recon.export.trials.engine_drop import TriedWorld, drop_in, plan_spheres
from recon.export.trials.engine_run import TRIALS
from recon.export.trials.rays import compare_rays
from recon.export.trials.rest import rest
from recon.export.zones import Reach
from recon.formats import cameras_json
from recon.formats.mesh_obj import read_obj
from recon.geometry.mesh import TriangleMesh, joined
from recon.kernels.surfaces import AskedSurface
from recon.workspace import read_json
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

_HOW = "python scripts/export.py"


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

    world: the package's folder. sphere_radius_m: of a normal sphere.
    """
    manifest = read_json(world / "manifest.json", made_by=_HOW)
    tried = _read(world, manifest, n_spheres=n_spheres, radius_m=sphere_radius_m)
    verdicts: dict[str, str] = {}
    drops: dict[str, dict[str, Any]] = {}
    for name in TRIALS if engines is None else engines:
        verdicts[name], details = drop_in(TRIALS[name], tried, seconds=seconds)
        if details:
            drops[name] = details
    if engines is None:
        drawn = tried.surface.mesh.vertices
        bounds = [drawn.min(0).tolist(), drawn.max(0).tolist()]
        verdicts |= check_files(world, n_collisions=_count_objects(world / CONVEX), bounds=bounds)
    near = tried.reach.within(tried.surface.mesh)
    driven = drive(world, near, tried.surface, scale=tried.scale, walk_steps=walk_steps)
    rays = compare_rays(
        world, tried.surface, tried.reach, tried.spheres.starts[:100], tried.scale, tolerance=tried.tolerance
    )
    rested = rest(world, list(_things(manifest)), scale=tried.scale)
    for name, trial in (("drive", driven), ("things", rested)):
        if trial:
            verdicts[name] = trial.pop("verdict")
    for name, verdict in verdicts.items():
        (say if verdict == PASS or verdict.startswith((ABSENT, UNUSABLE)) else warn)(f"world in {name}: {verdict}")
    if tried.spheres.places.off_edge:
        say(f"world: {tried.spheres.words}")
    return _summary(verdicts, drops, driven, rays, tried) | {"things": rested}


def _read(world: Path, manifest: dict[str, Any], *, n_spheres: int, radius_m: float) -> TriedWorld:
    try:
        scale, radius = float(manifest["length_scale"]), float(manifest["reach"])
        tolerance, thickness = (float(manifest["collision"][key]) for key in ("asked_tolerance", "thickness"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{world}/manifest.json: expected length_scale, reach, collision.asked_tolerance and collision.thickness. Run: {_HOW}"
        ) from error
    surface = AskedSurface(_drawn(world, manifest))
    reach = Reach(cameras_json.read(world / "cameras.json", root=world).centers, radius)
    spheres = plan_spheres(
        surface, reach, n=n_spheres, radius_m=radius_m, scale=scale, tolerance=tolerance, thickness=thickness
    )
    return TriedWorld(world, scale, tolerance, reach, surface, spheres)


def _drawn(world: Path, manifest: dict[str, Any]) -> TriangleMesh:
    """What is drawn of the building, of its floor that nobody saw, and of the things in it."""
    meshes = [
        read_obj(world / file, is_shape_only=True)
        for file in (VISUAL, FILLED)
        if file == VISUAL or (world / file).exists()
    ]
    for thing in _things(manifest).values():
        visual = read_obj(world / thing["file"], is_shape_only=True)
        meshes.append(replace(visual, vertices=visual.vertices + np.array(thing["origin"])))
    return joined(meshes)


def _things(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return (manifest.get("things") or {}).get("bodies") or {}


def _summary(
    verdicts: dict[str, str],
    drops: dict[str, dict[str, Any]],
    driven: dict[str, Any],
    rays: dict[str, Any],
    tried: TriedWorld,
) -> dict[str, Any]:
    """Overall numbers are the worst of the engines that ran; `loads`: None for one that is not installed.

    verdicts: of every engine and checker. drops: of the engines, lengths in package units. driven, rays: of those trials. tried:
    the world, whose unit is no metre where its scale is unknown.
    """
    places = tried.spheres.places

    def worst(key: str, group: str = "normal") -> Any:
        values = [drop[group][key] for drop in drops.values() if group in drop]
        return max(values, default=None)

    def millimetres(key: str) -> float | None:
        value = worst(key)
        return None if value is None else round(1000 * value / tried.scale, 2)

    return {
        "loads": {name: None if verdicts[name] == ABSENT else name in drops for name in TRIALS if name in verdicts},
        "engines": verdicts,
        "drop": {
            "places": {"tried": places.tried, "off_edge": places.off_edge},
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
