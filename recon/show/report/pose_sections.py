"""The parts of the report about poses: what is strong and weak about them, and how they were found."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.formats import cameras_json
from recon.geometry import Reconstruction
from recon.show.report.camera_map import camera_map
from recon.show.report.examination import (
    advice_list,
    cards,
    draw_coverage,
    draw_examination,
    key_mark,
    read_examination,
)
from recon.show.report.page import table, text
from recon.workspace import Workspace, read_json

_FIRST = 3  # sentences at the top of the page and on the terminal
_WEAK = ("few points", "thin")
_MADE_BY = "python scripts/poses.py workspace=..."


def cameras(workspace: Workspace) -> str | None:
    """The doctor's sentences, every frame along the capture, the maps; what failed comes first."""
    failure = read_examination(workspace.poses_failed)
    parts = []
    if failure is not None:
        parts.append(draw_examination(failure))
    if workspace.cameras_json.exists():
        if failure is not None:
            parts.append("<p><b>The cameras below are those of an earlier attempt, which succeeded.</b></p>")
        parts.append(_posed(workspace))
    return "".join(parts) or None


def how_found(workspace: Workspace) -> str | None:
    """What was tried in turn, how the pairs were chosen, the lens, up and the scale."""
    failure, file = read_examination(workspace.poses_failed), workspace.poses / "report.json"
    attempts = _attempts(failure["attempts"]) if failure is not None else ""
    before = f"<p>The attempt that failed:</p>{attempts}" if attempts else ""
    if not file.exists():
        return before or None
    report = read_json(file, made_by=_MADE_BY)
    facts = {key: report.get(key) for key in ("method", "pairs", "lens", "camera", "up", "scale", "seconds")}
    return f"{before}{_attempts(report.get('attempts') or [])}<details><summary>details</summary>{table(_rows(facts))}</details>"


def verdict(workspace: Workspace) -> str:
    """The most important sentences, for the top of the page."""
    failure, examination = (read_examination(file) for file in (workspace.poses_failed, workspace.doctor_json))
    if failure is not None:
        text_of_failure = escape(str(failure["failure"]))
        return f"<div class=failed><b>The poses stage failed.</b> {text_of_failure}<br>See “Cameras” below.</div>"
    return "" if examination is None else advice_list(examination["advice"][:_FIRST])


def sentences(workspace: Workspace) -> list[str]:
    """What to print after the stage has succeeded."""
    examination = read_examination(workspace.doctor_json)
    return [] if examination is None else [str(advice["text"]) for advice in examination["advice"][:_FIRST]]


# ---- maps ----------------------------------------------------------------------------------------------------------


def _posed(workspace: Workspace) -> str:
    reconstruction, examination = cameras_json.read_reconstruction(workspace), read_examination(workspace.doctor_json)
    states = {} if examination is None else {frame["name"]: frame["state"] for frame in examination["frames"]}
    is_video = examination is not None and examination["kind"] == "video"
    lost = _supposed_places(reconstruction, list(states)) if is_video else {}
    weak = [name for name, state in states.items() if state in _WEAK]
    maps = [
        camera_map(reconstruction, axes=axes, title=title, weak=weak, lost=lost)
        for axes, title in (((0, 1), "from above (x right, y up)"), ((0, 2), "from the side (x right, z up)"))
    ]
    return (
        f"{'' if examination is None else draw_examination(examination)}{cards(maps)}{_map_note(reconstruction, weak, lost)}"
        f"{'' if examination is None else draw_coverage(examination, reconstruction)}"
    )


def _supposed_places(reconstruction: Reconstruction, names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Where frames without a pose must have been: between the posed ones before and after; none beyond the ends."""
    centers = dict(zip((view.name for view in reconstruction.views), reconstruction.centers, strict=True))
    posed = [i for i, name in enumerate(names) if name in centers]
    if not posed:
        return {}
    known = np.array([centers[names[i]] for i in posed])
    return {
        names[i]: np.array([np.interp(i, posed, known[:, axis]) for axis in range(3)])
        for i in range(posed[0], posed[-1])
        if names[i] not in centers
    }


def _map_note(reconstruction: Reconstruction, weak: Sequence[str], lost: Mapping[str, NDArray]) -> str:
    scale = reconstruction.scale
    up = "z is up" if reconstruction.is_up_aligned else "up is unknown: seen along the axes of the capture"
    length = (
        f"1 unit = {scale.metres_per_unit:.4g} m ± {100 * scale.relative_error:.2g} % ({scale.source})"
        if scale
        else "scale unknown: lengths are in scene units"
    )
    keys = key_mark("--blue", "camera") + (key_mark("--orange", "weak camera") if weak else "")
    keys += key_mark("--bad", "no pose, supposed place") if lost else ""
    return f"<p class=soft>{keys}. Rings are held out of training; {escape(f'{up}; {length}')}.</p>"


# ---- how poses were found ------------------------------------------------------------------------------------------


def _attempts(attempts: Sequence[Mapping[str, Any]]) -> str:
    """One line per attempt, in the order they were made; columns as the stage wrote them."""
    keys = list(dict.fromkeys(key for attempt in attempts for key in attempt))
    return table([[a.get(key) for key in keys] for a in attempts], [k.replace("_", " ") for k in keys]) if keys else ""


def _rows(values: Mapping[str, Any], prefix: str = "") -> list[list[Any]]:
    rows: list[list[Any]] = []
    for key, value in values.items():
        label = f"{prefix}{key.replace('_', ' ')}"
        rows += _rows(value, f"{label}: ") if isinstance(value, Mapping) else [[label, text(value)]]
    return rows
