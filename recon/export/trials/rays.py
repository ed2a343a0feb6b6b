"""Rays through the free space of a world: does contact geometry stand where the picture says?"""

from pathlib import Path
from typing import Any

import numpy as np

from recon.export.trials.engine_run import is_installed, run_program
from recon.export.zones import Reach
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array


def compare_rays(
    world: Path,
    surface: Surface,
    reach: Reach,
    origins: Array,
    scale: float,
    *,
    tolerance: float,
    per_origin: int = 20,
    seed: int = 0,
) -> dict[str, Any]:
    """Distances along rays from `origins` [n, 3] to MuJoCo's collision geometry against those to the visual mesh.

    Only rays that see the front of the visual mesh within reach count. The difference is measured across the surface, as a
    tolerance is: along a grazing ray a millimetre of height is a metre of range.

    world: the package's folder; surface: its visual mesh. per_origin: rays from each, over the whole sphere; seed: of their
    directions. scale: package units in a metre. tolerance: how far off is still right.
    """
    if not is_installed("mujoco") or not len(origins):
        return {}
    random = np.random.default_rng(seed)
    directions = random.normal(size=(len(origins) * per_origin, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    starts = np.repeat(origins, per_origin, 0)
    seen = surface.cast(starts, directions)
    across = -(seen.normals * directions).sum(1)
    counts = seen.is_hit & (across > 0.2)
    counts[counts] = reach.holds(starts[counts] + seen.distance[counts, None] * directions[counts])
    job = {
        "file": str((world / "scene.xml").resolve()),
        "origins": starts[counts].tolist(),
        "directions": directions[counts].tolist(),
    }
    answer = run_program("mujoco_rays.py", job)
    if isinstance(answer, str):
        return {"failed": answer}
    difference = np.abs(answer[1]["distances"] - seen.distance[counts]) * across[counts]
    return {
        "cast": int(counts.sum()),
        "median_mm": float(1000 * np.median(difference) / scale),
        "within_tolerance": float((difference <= tolerance).mean()),
    }
