"""Which frames see the same things: frames against frames as inline SVG, darker for more."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recon.show.report.timeline import STYLES, tick_label, tick_places

SIZE, LEFT, TOP, BAR = 520, 62, 24, 5
CLASSES = (15, 50, 100, 200, 500)  # shared points from which a cell gets the next shade


def link_matrix(frames: Sequence[Mapping[str, Any]], links: Mapping[str, Any], title: str) -> str:
    """`links` as in doctor.json. The frames' states stand along the axes; a band along the diagonal is time, spots away
    from it are places that the camera came back to.
    """
    n = len(frames)
    cell = (SIZE - LEFT - 6) / n
    shades = _shades(n, links)
    size = n * cell
    parts = [
        f'<svg viewBox="0 0 {SIZE} {TOP + size + 26:.0f}" role="img" aria-label="{escape(title)}">',
        f'<text x="{LEFT}" y="14">{escape(title)}</text>',
        f'<path class="axis" d="M{LEFT} {TOP}h{size:.1f}v{size:.1f}h-{size:.1f}z"/>',
    ]
    parts += [f'<path class="h{shade}" d="{_runs(shades == shade, cell)}"/>' for shade in range(1, len(CLASSES) + 1)]
    for i, frame in enumerate(frames):
        style, at = STYLES[frame["state"]], i * cell
        parts.append(
            f'<rect class="{style}" x="{LEFT + at:.2f}" y="{TOP + size:.1f}" width="{cell:.2f}" height="{BAR}"/>'
        )
        parts.append(f'<rect class="{style}" x="{LEFT - BAR}" y="{TOP + at:.2f}" width="{BAR}" height="{cell:.2f}"/>')
    for i in tick_places(n, 7):
        label, at = escape(tick_label(frames[i])), (i + 0.5) * cell
        parts.append(f'<text x="{LEFT - BAR - 4}" y="{TOP + at + 4:.1f}" text-anchor="end">{label}</text>')
        parts.append(f'<text x="{LEFT + at:.1f}" y="{TOP + size + 20:.1f}" text-anchor="middle">{label}</text>')
    return "".join([*parts, "</svg>"])


def _shades(n: int, links: Mapping[str, Any]) -> NDArray[np.int64]:
    """Class of each pair [n, n], 0 where not linked; the diagonal is full."""
    shades = np.zeros((n, n), np.int64)
    first, second = np.array(links["first"], int), np.array(links["second"], int)
    shades[first, second] = np.searchsorted(CLASSES, np.array(links["weight"], int), side="right")
    shades = shades + shades.T
    np.fill_diagonal(shades, len(CLASSES))
    return shades


def _runs(is_inside: NDArray[np.bool_], cell: float) -> str:
    """Cells of a mask [n, n] as path data, neighbours in a row as one rectangle."""
    padded = np.pad(is_inside, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    return "".join(
        f"M{LEFT + start * cell:.2f} {TOP + row * cell:.2f}h{(end - start) * cell:.2f}v{cell:.2f}h-{(end - start) * cell:.2f}z"
        for row, start, end in zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True)
    )
