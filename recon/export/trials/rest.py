"""Whether things rest where they stood once they are free to move, and begin beside what is about them, not inside it."""

from pathlib import Path
from typing import Any

import numpy as np

from recon.export.trials.checkers import PASS
from recon.export.trials.engine_run import is_installed, run_program

_SECONDS = 5.0
_MOVED_M = 0.01
_DEEPEST_M = 0.002  # into the floor or another body at the start: engines throw out what begins deeper
_FELL = 0.5  # of free fall's way: nothing held it


def rest(world: Path, things: list[str], *, scale: float) -> dict[str, Any]:
    """Let all things go in MuJoCo for five seconds; how far each moved (the middle of its foot or of its mass), and a verdict.

    `{}` without things or without MuJoCo.
    """
    if not things or not is_installed("mujoco"):
        return {}
    job = {
        "file": str((world / "scene.xml").resolve()),
        "things": things,
        "seconds": _SECONDS,
        "gravity": 9.81 * scale,
    }
    answer = run_program("mujoco_rest.py", job)
    if isinstance(answer, str):
        return {"verdict": f"fail: {answer}"}
    moved, depths = answer[1]["moved"] / scale, answer[1]["depths"] / scale
    faults = _faults(things, moved, depths)
    return {
        "moved_mm": _by_name(things, 1000 * moved),
        "turned_deg": _by_name(things, np.degrees(answer[1]["turned"])),
        "inside_mm": _by_name(things, 1000 * depths),
        "rests": int((moved <= _MOVED_M).sum()),
        "verdict": f"fail: {'; '.join(faults)}" if faults else PASS,
    }


def _faults(things: list[str], moved: np.ndarray, depths: np.ndarray) -> list[str]:
    """What is wrong with things that `moved` [n] so far, and began so deep [n] inside something, in metres."""
    has_moved, is_inside = ~(moved <= _MOVED_M), depths > _DEEPEST_M  # also where it is not a number
    way = 0.5 * 9.81 * _SECONDS**2
    worst = ", ".join(
        f"{things[i]} fell: nothing is below it" if moved[i] > _FELL * way else f"{things[i]} {100 * moved[i]:.1f} cm"
        for i in np.argsort(-moved)
        if has_moved[i]
    )
    deep = ", ".join(f"{things[i]} {1000 * depths[i]:.0f} mm" for i in np.argsort(-depths) if is_inside[i])
    faults = [f"{has_moved.sum()} of {len(things)} things do not rest where they stood ({worst})"] if worst else []
    return faults + ([f"{is_inside.sum()} of {len(things)} begin inside something ({deep})"] if deep else [])


def _by_name(things: list[str], values: np.ndarray) -> dict[str, float]:
    return {name: round(float(value), 2) for name, value in zip(things, values, strict=True)}
