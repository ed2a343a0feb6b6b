"""The doctor's part of the poses stage: what was found, frame by frame, as a file for the report page.

A stage that succeeds gets `poses/doctor.json`. One that fails leaves `poses_failed.json` in the run folder, with the
reason and as much as there was to see by then; an older good `poses/` stays as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recon.formats.frame_set import FrameImage, FrameSet
from recon.formats.frames_json import read_capture
from recon.formats.masks import read_mask
from recon.geometry import Reconstruction
from recon.poses.doctor.advice import give_advice, time_code
from recon.poses.doctor.brightness import measure_brightness
from recon.poses.doctor.coverage import measure_coverage
from recon.poses.doctor.findings import Findings
from recon.poses.doctor.links import LINK, links_of, turns_deg
from recon.poses.doctor.matching import Floats, read_matching
from recon.poses.doctor.model import read_model
from recon.poses.doctor.stretches import effects_of_frames, find_stretches
from recon.poses.sfm.colmap_model import largest_model
from recon.poses.sfm.structure import ATTEMPTS, DATABASE
from recon.workspace import Workspace, read_json, write_json
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

FORMAT, VERSION = "recon-doctor", 1
_RETURNS_KEPT = 60  # pairs that close loops: a few show where, a walk round a table has thousands


@contextmanager
def failure_told(workspace: Workspace, frames: FrameSet, *, models: Path) -> Iterator[None]:
    """Around what may fail: a `UserError` is written to `poses_failed.json` and raised on.

    `models` is where mapping leaves its models and ATTEMPTS; the matches are those in `sfm/`. Any of it may be missing.
    """
    try:
        yield
    except UserError as error:
        database = workspace.sfm / DATABASE
        model = largest_model(models, frames, workspace.frames)
        value = diagnose(workspace, frames, database=database, model=model, unit="units", failure=str(error))
        write_json(workspace.poses_failed, {**value, "attempts": _attempts(models)})
        raise


def examine(workspace: Workspace, frames: FrameSet, reconstruction: Reconstruction, *, folder: Path) -> None:
    """Write doctor.json beside the cameras.json and report.json of `folder`."""
    report = read_json(folder / "report.json", made_by="python scripts/poses.py")
    database = workspace.sfm / Path(report["database"]).name
    unit = "m" if reconstruction.scale else "units"
    problems = tuple(map(str, report.get("problems") or ()))
    value = diagnose(
        workspace, frames, database=database, model=reconstruction, unit=unit, failure=None, problems=problems
    )
    write_json(folder / workspace.doctor_json.name, value)


def diagnose(
    workspace: Workspace,
    frames: FrameSet,
    *,
    database: Path,
    model: Reconstruction | None,
    unit: str,
    failure: str | None,
    problems: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Everything that the page draws, as plain values; frames go by their place in the order of capture.

    `database` has the matches that `model` is made of. `model` is in the world frame unless the stage failed, when it is the
    largest there was; `unit` is what its lengths are called. `problems`: why the model may be wrong.

    workspace, frames: the run folder and its frames. failure: why the stage failed, None where it did not.
    """
    findings = _findings(workspace, frames, database, model)
    coverage = measure_coverage(findings.model) if failure is None else None
    stretches = find_stretches(findings)
    advice = give_advice(
        findings, stretches, frames.frames, coverage=coverage, unit=unit, failure=failure, doubts=problems
    )
    return {
        "format": FORMAT,
        "version": VERSION,
        "failure": failure,
        "kind": "video" if findings.is_video else "photos",
        "unit": unit,
        "is_mapped": bool(findings.model.is_registered.any()),
        "advice": [asdict(a) for a in advice],
        "frames": _frames(findings, frames),
        "links": _links(findings),
        "pairs": _pairs(findings),
        "stretches": [_stretch(asdict(s), frames) for s in stretches],
        "coverage": coverage and asdict(coverage),
    }


def _findings(
    workspace: Workspace, frames: FrameSet, database: Path, reconstruction: Reconstruction | None
) -> Findings:
    matching = read_matching(database, frames)
    model = read_model(reconstruction, frames)
    return Findings(
        is_video=frames.kind == "video" and frames.rig is None,  # the next frame of a rig looks another way
        sharpness=_sharpness(workspace, frames),
        shown=_shown(workspace.frames, frames),
        matching=matching,
        brightness=measure_brightness(workspace.frames, frames, matching),
        model=model,
        links=links_of(model, matching),
        turns_deg=turns_deg(model.world_from_camera),
        takes=np.array([frame.take for frame in frames.frames], np.int64),
    )


def _sharpness(workspace: Workspace, frames: FrameSet) -> Floats:
    """As the capture stage measured it [n]; NaN where it did not."""
    by_name = {frame.name: frame.sharpness for frame in read_capture(workspace).frames}
    return np.array([by_name.get(frame.name) for frame in frames.frames], np.float64)


def _shown(folder: Path, frames: FrameSet) -> Floats:
    """Which share of each frame its mask lets count [n]; all of it where there is none."""
    files = [frame.mask and folder / frame.mask for frame in frames.frames]
    return np.array([read_mask(file).mean() if file and is_file(file) else 1.0 for file in files])


def _attempts(folder: Path) -> list[Any]:
    """What mapping tried before the stage failed, where it got that far."""
    file = folder / ATTEMPTS
    return list(read_json(file, made_by="python scripts/poses.py", kind=list)) if file.exists() else []


# ---- plain values --------------------------------------------------------------------------------------------------


def _frames(findings: Findings, frames: FrameSet) -> list[dict[str, Any]]:
    model, links = findings.model, findings.links
    matched, agreeing = findings.best_matches
    columns = {
        "state": [effect or ("posed" if posed else "linked") for effect, posed in
                  zip(effects_of_frames(findings), model.is_registered, strict=True)],
        "registered": model.is_registered,
        "sharpness": findings.sharpness,
        "level": findings.brightness.levels.round(1),
        "exposure_step": findings.brightness.steps.round(3),
        "features": findings.matching.features,
        "matches": matched,
        "agreeing": agreeing.round(3),
        "linked_frames": (links.weights >= LINK).sum(1),
        "points": model.n_points,
        "error_px": model.error_px.round(3),
        "occupancy": model.occupancy.round(3),
        "turn_deg": np.append(findings.turns_deg, np.nan).round(2),
    }  # fmt: skip
    return [
        {"name": frame.name, "time_code": _time_code(frame), **{key: values[i] for key, values in columns.items()}}
        for i, frame in enumerate(frames.frames)
    ]


def _links(findings: Findings) -> dict[str, Any]:
    """Pairs as three columns; `weight` counts shared points, or matches where one frame has no pose."""
    links = findings.links
    first, second = np.nonzero(np.triu(links.weights >= LINK))
    return {
        "first": first,
        "second": second,
        "weight": links.weights[first, second],
        "parts": [len(part) for part in links.parts],
        "cuts": links.cuts,
        "thinnest_after": _thinnest(findings),
        "hops": links.hops,
        "is_closed": links.is_closed,
        "n_returns": len(links.returns),
        "returns": links.returns[:: -(-len(links.returns) // _RETURNS_KEPT) or 1],
    }


def _pairs(findings: Findings) -> dict[str, Any]:
    """What matching came to; `motion` between neighbours is a share of the picture's diagonal."""
    matching = findings.matching
    verified, next_to = matching.inliers > 0, matching.pairs[:, 1] == matching.pairs[:, 0] + 1
    motion = matching.motion[verified & next_to]
    return {
        "verified": int(verified.sum()),
        "flat": int((matching.is_flat & verified).sum()),
        "motion": float(np.median(motion)) if len(motion) else None,
    }


def _thinnest(findings: Findings) -> int:
    """The frame after which the least holds the capture together; of a model, between its first and last frame."""
    posed = np.flatnonzero(findings.model.is_registered)
    first, last = (posed[0], posed[-1]) if len(posed) > 1 else (0, len(findings.links.cuts))
    return int(first + np.argmin(findings.links.cuts[first:last]))


def _stretch(stretch: dict[str, Any], frames: FrameSet) -> dict[str, Any]:
    ends = [frames.frames[stretch[key]] for key in ("first", "last")]
    return {**stretch, "names": [end.name for end in ends], "time_codes": [_time_code(end) for end in ends]}


def _time_code(frame: FrameImage) -> str | None:
    return None if frame.time_s is None else time_code(frame.time_s)
