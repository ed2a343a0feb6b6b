"""Whether things rest where they stood once they are free to move."""

from pathlib import Path
from typing import Any

import numpy as np

from recon.export.trials.checkers import PASS
from recon.export.trials.engine_run import is_installed, run_program

_SECONDS = 5.0
_MOVED_M = 0.01


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
    moved = answer[1]["moved"] / scale
    has_moved = ~(moved <= _MOVED_M)  # also where it is not a number
    worst = ", ".join(f"{things[i]} {100 * moved[i]:.1f} cm" for i in np.argsort(-moved) if has_moved[i])
    return {
        "moved_mm": {name: round(1000 * float(value), 2) for name, value in zip(things, moved, strict=True)},
        "turned_deg": {
            name: round(float(np.degrees(angle)), 2) for name, angle in zip(things, answer[1]["turned"], strict=True)
        },
        "rests": int((~has_moved).sum()),
        "verdict": f"fail: {int(has_moved.sum())} of {len(things)} things do not rest where they stood ({worst})"
        if has_moved.any()
        else PASS,
    }
