"""Why a run of frames hangs badly in the model: one test per cause, asked in order.

Numbers are compared with the rest of the capture: what is usual differs from scene to scene.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recon.poses.doctor.findings import Findings
from recon.poses.doctor.matching import Floats

Effect = Literal["no pose", "no link", "few points", "thin"]


@dataclass(frozen=True)
class Run:
    """Frames `first` to `last` (places, both included) and what is wrong with the worst of them."""

    first: int
    last: int
    effect: Effect

    @property
    def frames(self) -> range:
        return range(self.first, self.last + 1)


Evidence = tuple[float | None, float | None]  # usual, found
Test = Callable[[Findings, Run], Evidence | None]

_SOFT = 0.75  # of the usual sharpness: as the capture stage calls a frame blurred
_SHOWN = 0.1  # of the picture: less shows no scene
_DARK = 35.0  # mean grey level
_FEW_FEATURES, _POOR = 150, 0.3  # features, or this share of the usual number
_STOPS = 0.5  # SIFT copes with half a stop; more changes which features are found
_TURN_DEG = 15.0  # between frames: a third of a phone's field of view leaves the picture
_MOTION = 0.15  # of the picture's diagonal between frames
_MANY, _DISAGREE = 100, 0.5  # matches, and the share of them that one camera motion must explain


def _inside(values: NDArray, run: Run) -> Floats:
    return np.asarray(values, np.float64)[run.first : run.last + 1]


def _outside(values: NDArray, run: Run) -> Floats:
    """The values of all other frames; of all frames where the run is most of the capture."""
    rest = np.delete(np.asarray(values, np.float64), run.frames)
    return rest if len(rest) >= len(run.frames) else np.asarray(values, np.float64)


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _steps_into(values: Floats, run: Run) -> Floats:
    """The values [n - 1] between neighbouring frames that lie inside a run, lead into it or out of it."""
    return values[max(run.first - 1, 0) : run.last + 1]


def _cut(findings: Findings, run: Run) -> Evidence | None:
    """A take without any frame that has a pose: what it shows was not found in the others."""
    posed = set(findings.takes[findings.model.is_registered].tolist())
    return (None, None) if posed and posed.isdisjoint(_inside(findings.takes, run).astype(int).tolist()) else None


def _hidden(findings: Findings, run: Run) -> Evidence | None:
    found, usual = (_median(part(findings.shown, run)) for part in (_inside, _outside))
    return (usual, found) if found < min(_SHOWN, usual) else None


def _blur(findings: Findings, run: Run) -> Evidence | None:
    found, usual = (_median(part(findings.sharpness, run)) for part in (_inside, _outside))
    return (usual, found) if found < _SOFT * usual else None


def _dark(findings: Findings, run: Run) -> Evidence | None:
    found, usual = (_median(part(findings.brightness.levels, run)) for part in (_inside, _outside))
    return (usual, found) if found < _DARK else None


def _texture(findings: Findings, run: Run) -> Evidence | None:
    found, usual = (_median(part(findings.matching.features, run)) for part in (_inside, _outside))
    return (usual, found) if found < max(_FEW_FEATURES, _POOR * usual) else None


def _exposure(findings: Findings, run: Run) -> Evidence | None:
    """Known steps of the same things count; where nothing matches, the jump of the whole picture's level does."""
    levels = np.log2(np.maximum(findings.brightness.levels, 1.0))
    steps = np.where(np.isfinite(findings.brightness.steps[1:]), findings.brightness.steps[1:], np.diff(levels))
    found = float(np.abs(_steps_into(steps, run)).max(initial=0.0))
    return (_median(np.abs(steps)), found) if found > _STOPS else None


def _turn(findings: Findings, run: Run) -> Evidence | None:
    if not findings.is_video:
        return None
    between = float(np.nanmax(np.append(_steps_into(findings.turns_deg, run), -1.0)))
    found = max(between, _turn_across(findings, run))
    return (_median(findings.turns_deg), found) if found > _TURN_DEG else None


def _turn_across(findings: Findings, run: Run) -> float:
    """Degrees per frame between the posed frames around a run without poses; -1 where there are none."""
    before, after = run.first - 1, run.last + 1
    if before < 0 or after >= len(findings.model.is_registered):
        return -1.0
    a, b = findings.model.world_from_camera[[before, after], :3, 2]
    if not np.isfinite([a, b]).all():
        return -1.0
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1)))) / (after - before)


def _fast(findings: Findings, run: Run) -> Evidence | None:
    if not findings.is_video:
        return None
    m = findings.matching
    between = np.full(m.n_frames - 1, np.nan)
    is_next = (m.pairs[:, 1] == m.pairs[:, 0] + 1) & (m.inliers > 0)
    between[m.pairs[is_next, 0]] = m.motion[is_next]
    found, usual = _median(_steps_into(between, run)), _median(between)
    return (usual, found) if found > _MOTION else None


def _moving(findings: Findings, run: Run) -> Evidence | None:
    inliers, share = findings.best_matches
    found, usual = (_median(part(share, run)) for part in (_inside, _outside))
    alike = _median(_inside(inliers / np.maximum(share, 1e-9), run))
    return (usual, found) if alike >= _MANY and found < _DISAGREE else None


def _overlap(findings: Findings, run: Run) -> Evidence | None:
    """How many matches the strongest pair of a frame inside and one outside has."""
    weights = findings.matching.weights()[run.first : run.last + 1]
    if weights.shape[0] == weights.shape[1]:
        return None
    found = float(np.delete(weights, run.frames, axis=1).max(initial=0))
    usual = _median(findings.best_matches[0].astype(np.float64))
    return (usual, found) if run.effect == "thin" or found < _MANY else None


def _unexplained(findings: Findings, run: Run) -> Evidence | None:
    return None, None


CAUSES: dict[str, Test] = {  # the first that holds is named: blur and darkness also lower the number of features
    "cut": _cut,
    "hidden": _hidden,
    "blur": _blur,
    "dark": _dark,
    "exposure": _exposure,
    "texture": _texture,
    "turn": _turn,
    "fast": _fast,
    "moving": _moving,
    "overlap": _overlap,
    "unexplained": _unexplained,
}
