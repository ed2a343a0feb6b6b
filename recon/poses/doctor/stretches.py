"""Runs of frames that hang badly in the model, and why.

First what happened (no pose, hardly any points, a thin place along time), from the model alone, or from the matches
where nothing was mapped (no link to the rest). Only there is a cause looked for, so a soft or dark frame that does its
work is never complained about.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recon.poses.doctor.causes import CAUSES, Effect, Run
from recon.poses.doctor.findings import Findings

FEW_POINTS = 50  # 30 let COLMAP place a frame at all; the pose of a frame with fewer than this many is loose
FEW_CELLS = 0.1  # share of the picture with points: all of them in a corner hold the camera badly
THIN = 50  # points that hold what is before a moment and what is after it together
_BRIDGE = 2  # good frames among weak ones that are not worth a sentence of their own


@dataclass(frozen=True)
class Stretch(Run):
    """A weak run with the first cause that holds."""

    cause: str  # a key of CAUSES
    usual: float | None  # the number that gives the cause away: its median elsewhere, and here
    found: float | None


def find_stretches(findings: Findings) -> tuple[Stretch, ...]:
    """Weak stretches in the order of capture; none when all is well."""
    effects = effects_of_frames(findings)
    runs = _runs(effects, bridge=_BRIDGE if findings.is_video else -1)
    return tuple(_explained(findings, run) for run in runs)


def effects_of_frames(findings: Findings) -> list[Effect | None]:
    """What is weak about each frame, None where nothing is."""
    model, links = findings.model, findings.links
    is_mapped = bool(model.is_registered.any())
    missing = ~model.is_registered if is_mapped else ~np.isin(np.arange(len(model.is_registered)), links.parts[0])
    weak = model.is_registered & ((model.n_points < FEW_POINTS) | (model.occupancy < FEW_CELLS))
    effects: list[Effect | None] = [None] * len(weak)
    for i in np.flatnonzero(weak).tolist():
        effects[i] = "few points"
    for i in np.flatnonzero(missing).tolist():
        effects[i] = "no pose" if is_mapped else "no link"
    if findings.is_video:  # between frames that are good in themselves
        for t in np.flatnonzero((links.cuts < THIN) & ~(weak | missing)[:-1] & ~(weak | missing)[1:]).tolist():
            effects[t] = effects[t + 1] = "thin"
    return effects


def _runs(effects: Sequence[Effect | None], *, bridge: int) -> list[Run]:
    """Weak frames as runs with their worst effect; up to `bridge` good frames between two do not part them."""
    worst: tuple[Effect, ...] = ("no pose", "no link", "few points", "thin")
    runs: list[Run] = []
    for i, effect in enumerate(effects):
        if effect is None:
            continue
        if runs and i - runs[-1].last <= bridge + 1:
            runs[-1] = Run(runs[-1].first, i, min(runs[-1].effect, effect, key=worst.index))
        else:
            runs.append(Run(i, i, effect))
    return runs


def _explained(findings: Findings, run: Run) -> Stretch:
    cause, (usual, found) = next((c, e) for c, test in CAUSES.items() if (e := test(findings, run)) is not None)
    return Stretch(run.first, run.last, run.effect, cause, usual, found)
