"""What is known of every frame along the capture, one row a quantity, weak stretches shaded: inline SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from recon.show.report.page import text

Frame = Mapping[str, Any]  # as in doctor.json

W, LEFT, RIGHT, TOP, ROW, GAP, BOTTOM = 1080, 92, 58, 22, 30, 7, 22
STYLES = {"posed": "fa", "linked": "grey", "few points": "fb", "thin": "fb", "no pose": "fr", "no link": "fr"}
_LABEL = 62  # pixels a time code takes
ROWS = (  # key in doctor.json, label; the strip scales each row by itself
    ("sharpness", "sharpness"),
    ("level", "brightness"),
    ("features", "features"),
    ("matches", "matches"),
    ("points", "points seen"),
    ("occupancy", "area covered"),
    ("error_px", "error, px"),
    ("hold", "held across"),
)


def timeline(frames: Sequence[Frame], cuts: Sequence[int], stretches: Sequence[Mapping[str, Any]]) -> str:
    """Frames in order of capture as columns. `cuts` [n - 1] is what frames before and after each moment share; empty
    for photos, whose order means nothing. Hovering over a column says all its numbers.
    """
    held = [*cuts, None] if cuts else [None] * len(frames)
    columns = [{**frame, "hold": hold} for frame, hold in zip(frames, held, strict=True)]
    rows = [(key, label) for key, label in ROWS if any(column.get(key) for column in columns)]
    step = (W - LEFT - RIGHT) / len(columns)
    bottom = TOP + 14 + GAP + len(rows) * (ROW + GAP)
    parts = [f'<svg viewBox="0 0 {W} {bottom + BOTTOM}" role="img" aria-label="every frame along the capture">']
    parts += _bands(stretches, step, bottom)
    parts += [f'<text x="{LEFT - 8}" y="{TOP + 11}" text-anchor="end">state</text>', *_states(columns, step)]
    for place, (key, label) in enumerate(rows):
        y = TOP + 14 + GAP + (place + 1) * (ROW + GAP) - GAP
        parts += _row([column.get(key) for column in columns], columns, label, y, step)
    parts += _ticks(columns, step, bottom)
    for i, column in enumerate(columns):
        parts.append(
            f'<rect class="hit" x="{LEFT + i * step:.2f}" y="{TOP}" width="{step:.2f}" height="{bottom - TOP}">'
            f"<title>{escape(describe(column))}</title></rect>"
        )
    return "".join([*parts, "</svg>"])


def describe(frame: Frame) -> str:
    """Everything about one frame in a line."""
    known = [
        frame["name"],
        frame["time_code"],
        frame["state"],
        *(f"{label} {text(frame[key])}" for key, label in ROWS if frame.get(key) is not None),
    ]
    return " · ".join(str(part) for part in known if part)


def tick_places(n: int, most: int) -> list[int]:
    """At most `most` evenly spaced places among n, from the first.

    >>> tick_places(60, 7)
    [0, 10, 20, 30, 40, 50]
    """
    step = next(d * 10**k for k in range(9) for d in (1, 2, 5) if math.ceil(n / (d * 10**k)) <= most)
    return list(range(0, n, step))


def tick_label(frame: Frame) -> str:
    """The time code, or a photo's name cut short."""
    return str(frame["time_code"] or frame["name"])[:12]


def _states(columns: Sequence[Frame], step: float) -> list[str]:
    return [
        f'<rect class="{STYLES[column["state"]]}" x="{LEFT + i * step + 0.08 * step:.2f}" y="{TOP}" '
        f'width="{0.84 * step:.2f}" height="14" rx="1.5"/>'
        for i, column in enumerate(columns)
    ]


def _row(values: Sequence[Any], columns: Sequence[Frame], label: str, y: float, step: float) -> list[str]:
    """Bars that stand on y; a few far beyond the others are cut off at the top."""
    known = sorted(float(value) for value in values if value is not None)
    top = min(known[-1], 1.5 * known[int(0.95 * (len(known) - 1))]) or known[-1] or 1.0
    bars: dict[str, list[str]] = {}
    for i, (value, column) in enumerate(zip(values, columns, strict=True)):
        if value:
            height = max(min(float(value) / top, 1.0) * ROW, 0.7)
            x = LEFT + (i + 0.08) * step
            path = f"M{x:.2f} {y:.1f}v-{height:.1f}h{0.84 * step:.2f}v{height:.1f}z"
            bars.setdefault(STYLES[column["state"]], []).append(path)
    return [
        f'<path class="axis" d="M{LEFT} {y:.1f}H{W - RIGHT}"/>',
        f'<text x="{LEFT - 8}" y="{y - 9:.1f}" text-anchor="end">{escape(label)}</text>',
        f'<text x="{W - RIGHT + 6}" y="{y - ROW + 9:.1f}">{text(float(f"{top:.3g}"))}</text>',
        *(f'<path class="{style}" d="{"".join(paths)}"/>' for style, paths in bars.items()),
    ]


def _bands(stretches: Sequence[Mapping[str, Any]], step: float, bottom: float) -> list[str]:
    parts, free = [], 0.0
    for stretch in sorted(stretches, key=lambda s: s["first"]):
        x, width = LEFT + stretch["first"] * step, (stretch["last"] - stretch["first"] + 1) * step
        parts.append(
            f'<rect class="band" x="{x:.1f}" y="{TOP - 5}" width="{max(width, 3):.1f}" height="{bottom - TOP + 5:.1f}"/>'
        )
        label = str(stretch["time_codes"][0] or stretch["names"][0])[:12]
        start = min(x, W - _LABEL)
        if start >= free:
            parts.append(f'<text x="{start:.1f}" y="{TOP - 9}">{escape(label)}</text>')
            free = start + _LABEL
    return parts


def _ticks(columns: Sequence[Frame], step: float, bottom: float) -> list[str]:
    return [
        f'<text x="{LEFT + (i + 0.5) * step:.1f}" y="{bottom + 14}" text-anchor="middle">{escape(tick_label(columns[i]))}</text>'
        for i in tick_places(len(columns), 12)
    ]
