"""What the doctor found (doctor.json) as HTML: sentences, every frame along the capture, links, coverage."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from recon.geometry import Reconstruction
from recon.show.report.coverage_map import ANGLES, VIEWS, coverage_map
from recon.show.report.link_matrix import link_matrix
from recon.show.report.page import table
from recon.show.report.timeline import ROWS, STYLES, timeline
from recon.workspace import read_json
from recon.workspace.errors import UserError

SHOWN = 8  # sentences; the others fold away
_CLOSE = 3  # links
_KEYS = {
    "fa": ("--blue", "posed"),
    "grey": ("--soft", "linked by matches"),
    "fb": ("--orange", "weak"),
    "fr": ("--bad", "no pose, or no link"),
}
_MADE_BY = "python scripts/poses.py workspace=..."
Examination = Mapping[str, Any]  # doctor.json


def read_examination(file: Path) -> Examination | None:
    """None where there is no such file; `UserError` where it is not ours."""
    if not file.exists():
        return None
    value = read_json(file, made_by=_MADE_BY)
    if not isinstance(value, dict) or (value.get("format"), value.get("version")) != ("recon-doctor", 1):
        raise UserError(f"{file}: expected format recon-doctor version 1. Delete it and run: {_MADE_BY}")
    return value


def draw_examination(examination: Examination) -> str:
    """Sentences, timeline, matrix and the numbers behind them."""
    frames, links, is_video = examination["frames"], examination["links"], examination["kind"] == "video"
    is_whole = examination["is_mapped"] and all(frame["registered"] for frame in frames)
    of_what = "points that two frames both see" + ("" if is_whole else " (matches, where one has no pose)")
    strip = timeline(frames, links["cuts"] if is_video else (), examination["stretches"])
    matrix = link_matrix(frames, links, of_what)
    return (
        f"{_advice(examination)}"
        f"<div class=card>{strip}</div>{_timeline_note(examination)}"
        f"<div class='grid two'><div class=card>{matrix}</div><div class=card>{_link_facts(examination)}</div></div>"
        f"<details><summary>numbers of every frame</summary>{_frame_table(frames)}</details>"
    )


def draw_coverage(examination: Examination, reconstruction: Reconstruction) -> str:
    """The scene from above: by how many frames it was seen, and from how different directions."""
    coverage = examination["coverage"]
    if coverage is None:
        return ""
    unit = examination["unit"]
    maps = [
        coverage_map(coverage, key, classes, centers=reconstruction.centers, title=title)
        for key, classes, title in (
            ("views", VIEWS, f"seen by how many frames (from above, {unit})"),
            ("angles_deg", ANGLES, f"widest angle between two rays (from above, {unit})"),
        )
    ]
    return (
        f"{cards(maps)}<p class=soft>Points within reach of the cameras, in cells of {coverage['cell']:.2g} {unit}; the line "
        "is the way of the camera. Wide angles make depth sure; empty cells were not seen, or are bare.</p>"
    )


def advice_list(advice: Sequence[Mapping[str, Any]]) -> str:
    """Sentences with a dot each: red, orange, green."""
    lines = "".join(f"<li class={escape(a['severity'])}>{escape(a['text'])}</li>" for a in advice)
    return f"<ul class=advice>{lines}</ul>" if lines else ""


def cards(drawings: Iterable[str]) -> str:
    """Drawings side by side."""
    return f"<div class='grid two'>{''.join(f'<div class=card>{svg}</div>' for svg in drawings)}</div>"


def key_mark(colour: str, label: str) -> str:
    """One entry of a legend; `colour` is a variable of the page's style."""
    return f"<span class=key style='background:var({colour})'></span>{escape(label)}"


def _advice(examination: Examination) -> str:
    """All sentences; of a failure without its own, which stands at the top of the page."""
    lines = examination["advice"][int(examination["failure"] is not None) :]
    head = "" if examination["failure"] is None else "<p><b>The attempt that failed</b>, as far as it came:</p>"
    rest = f"<details><summary>{len(lines) - SHOWN} more</summary>{advice_list(lines[SHOWN:])}</details>"
    return f"{head}{advice_list(lines[:SHOWN])}{rest if len(lines) > SHOWN else ''}"


def _timeline_note(examination: Examination) -> str:
    used = {STYLES[frame["state"]] for frame in examination["frames"]}
    legend = "".join(key_mark(colour, label) for style, (colour, label) in _KEYS.items() if style in used)
    held = "; held across: points seen both before and after that moment" if examination["kind"] == "video" else ""
    return (
        f"<p class=soft>{legend}. Shaded: weak stretches, with the time they begin. Matches: with the frame most alike{held}. "
        "Hover for the numbers of a frame.</p>"
    )


def _link_facts(examination: Examination) -> str:
    links, frames = examination["links"], examination["frames"]
    parts, thinnest = links["parts"], links["thinnest_after"]
    pairs, sizes = examination["pairs"], ", ".join(str(size) for size in parts[:6])
    rows: list[list[Any]] = [
        ["frames", len(frames)],
        ["with a pose", sum(bool(frame["registered"]) for frame in frames)],
        ["parts that hang together", f"{sizes} frames{', ...' * (len(parts) > 6)}"],
        ["pairs of frames that match", f"{pairs['verified']:,}; {pairs['flat']:,} of them show no parallax"],
    ]
    if examination["kind"] == "video":
        place = " to ".join(str(frames[i]["time_code"]) for i in (thinnest, thinnest + 1))
        rows.append(["thinnest place along time", f"{links['cuts'][thinnest]} shared across {place}"])
        motion = pairs["motion"]
        moves = "–" if motion is None else f"{100 * motion:.2g} % of its diagonal in the median"
        rows.append(["picture moves between frames", moves])
        rows.append(["links from first to last frame", links["hops"]])
        if examination["failure"] is None:
            rows.append(["loop closed", _loop(links)])
    note = (
        "<p class=soft>Darker: they share more (from 15, 50, 100, 200, 500 on). The band along the diagonal is time; "
        "spots away from it are places the camera came back to.</p>"
    )
    return f"{table(rows)}<br>{_weak_table(examination['stretches'])}{note}"


def _weak_table(stretches: Sequence[Mapping[str, Any]]) -> str:
    if not stretches:
        return "<p class=soft>No stretch is weaker than the others.</p>"
    rows = []
    for stretch in stretches:
        ends = [code or name for code, name in zip(stretch["time_codes"], stretch["names"], strict=True)]
        rows.append([" to ".join(dict.fromkeys(ends)), stretch["effect"], stretch["cause"]])
    return table(rows, ["weak stretch", "what", "why"])


def _loop(links: Mapping[str, Any]) -> str:
    if links["is_closed"]:
        return f"yes: {links['n_returns']} pairs of frames show a place again"
    return "no, nor needed: the first and last frame hang together closely" if links["hops"] <= _CLOSE else "no"


def _frame_table(frames: Sequence[Mapping[str, Any]]) -> str:
    keys = ["name", "time_code", "state", *(key for key, _ in ROWS if key != "hold"), "agreeing", "linked_frames"]
    keys += ["exposure_step", "turn_deg"]
    return table([[frame.get(key) for key in keys] for frame in frames], [key.replace("_", " ") for key in keys])
