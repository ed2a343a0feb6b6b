"""How well each part of the scene was seen, from above: cells coloured by views or by angle, as inline SVG."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.show.report.charts import nice_ticks

SIZE, LEFT, TOP, BOTTOM = 520, 40, 24, 52
VIEWS = (("h1", 0, "2"), ("h2", 3, "3"), ("h3", 4, "4 to 5"), ("h4", 6, "6 to 9"), ("h5", 10, "10 or more"))
ANGLES = (("h0", 0, "below 4°: one direction"), ("h2", 4, "4 to 8°"), ("h3", 8, "8 to 16°"), ("h5", 16, "16° or more"))

Classes = Sequence[tuple[str, float, str]]  # style, from which value on, label


def coverage_map(
    coverage: Mapping[str, Any], key: str, classes: Classes, *, centers: NDArray[np.float64], title: str
) -> str:
    """`coverage` as in doctor.json, `key` one of its grids ("views", "angles_deg"); the cameras' way [n, 3] on top."""
    values, (x0, y0), cell = coverage[key], coverage["low"], coverage["cell"]
    rows, columns = len(values), len(values[0])
    scale = (SIZE - LEFT - 8) / max(rows, columns)  # pixels per cell
    height, width = rows * scale, columns * scale

    def place(positions: NDArray) -> NDArray:
        return (positions[:, :2] - [x0, y0]) / cell * [scale, -scale] + [LEFT, TOP + height]

    parts = [
        f'<svg viewBox="0 0 {SIZE} {TOP + height + BOTTOM:.0f}" role="img" aria-label="{escape(title)}">',
        f'<text x="{LEFT}" y="14">{escape(title)}</text>',
        f'<path class="axis" d="M{LEFT} {TOP}h{width:.1f}v{height:.1f}h-{width:.1f}z"/>',
    ]
    cells: dict[str, list[str]] = {}
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            if value is not None:
                style = next(name for name, start, _ in reversed(classes) if value >= start)
                x, y = LEFT + column * scale, TOP + height - (row + 1) * scale
                cells.setdefault(style, []).append(f"M{x:.1f} {y:.1f}h{scale:.1f}v{scale:.1f}h-{scale:.1f}z")
    parts += [f'<path class="{style}" d="{"".join(paths)}"/>' for style, paths in cells.items()]
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in place(centers))
    parts += [f'<path class="path" d="M{way}"/>', *_axes(x0, y0, columns * cell, rows * cell, scale / cell, height)]
    return "".join([*parts, _legend(classes, TOP + height + 30), "</svg>"])


def _axes(x0: float, y0: float, width: float, height: float, scale: float, height_px: float) -> list[str]:
    """Lines and numbers beside a plan whose lower left corner is (x0, y0), of this width and height in world units, drawn at
    `scale` pixels per unit in a picture `height_px` high.
    """
    parts = []
    for tick in nice_ticks(x0, x0 + width):
        x = LEFT + (tick - x0) * scale
        parts.append(f'<text x="{x:.1f}" y="{TOP + height_px + 15:.1f}" text-anchor="middle">{tick:g}</text>')
    for tick in nice_ticks(y0, y0 + height, n=4):
        y = TOP + height_px - (tick - y0) * scale
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    return parts


def _legend(classes: Classes, y: float) -> str:
    parts, x = [], float(LEFT)
    for style, _, label in classes:
        parts.append(f'<rect class="{style}" x="{x:.0f}" y="{y:.0f}" width="11" height="11" rx="2"/>')
        parts.append(f'<text x="{x + 16:.0f}" y="{y + 10:.0f}">{escape(label)}</text>')
        x += 32 + 6.6 * len(label)
    return "".join(parts)
