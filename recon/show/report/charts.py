"""Line charts and bars as inline SVG, coloured by the page's style."""

import math
from collections.abc import Mapping, Sequence
from html import escape

Series = Sequence[tuple[float, float]]

W, H = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 34
MAX_POINTS = 300  # per line: a pixel or two apart


def line_chart(title: str, series: Mapping[str, Series], *, log: bool = False) -> str:
    """Up to two named series over training steps; others than finite (on a log scale: positive) values are left out."""
    clean = {name: _thinned(_usable(points, log)) for name, points in series.items()}
    clean = {name: points for name, points in clean.items() if points}
    if not clean:
        return ""
    values = [math.log10(y) if log else y for points in clean.values() for _, y in points]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin
    x_max = max(x for points in clean.values() for x, _ in points) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        share = ((math.log10(y) if log else y) - low) / (high - low)
        return LEFT + x / x_max * (W - LEFT - RIGHT), H - BOTTOM - share * (H - TOP - BOTTOM)

    parts = [f'<svg viewBox="0 0 {W} {H}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<text x="{LEFT}" y="15">{escape(title)}</text>')
    for tick in log_ticks(low, high) if log else nice_ticks(low, high):
        y = H - BOTTOM - (tick - low) / (high - low) * (H - TOP - BOTTOM)
        label = f"{10**tick if log else tick:.3g}"
        parts.append(f'<path class="axis" d="M{LEFT} {y:.1f}H{W - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for tick in nice_ticks(0, x_max):
        parts.append(f'<text x="{place(tick, 1)[0]:.1f}" y="{H - 14}" text-anchor="middle">{tick:,.0f}</text>')
    for i, (name, points) in enumerate(clean.items()):
        parts.append(_line([place(x, y) for x, y in points], "ab"[i % 2], dots=len(points) < 25))
        x = W - RIGHT - 100 * (len(clean) - i) + 12
        if len(clean) > 1:
            parts.append(f'<rect class="f{"ab"[i % 2]}" x="{x}" y="8" width="10" height="10" rx="2"/>')
            parts.append(f'<text x="{x + 15}" y="17">{escape(name)}</text>')
    parts.append(f'<text x="{W - RIGHT}" y="{H - 1}" text-anchor="end">step</text></svg>')
    return "".join(parts)


def bars(values: Sequence[float], is_marked: Sequence[bool], label: str) -> str:
    """One thin bar per value, marked ones in colour."""
    w, h, n = 1080, 70, len(values)
    ordered = sorted(values)
    top = ordered[int(0.98 * (n - 1))] or 1.0
    step = w / n
    marks = "".join(
        f'<rect class="{"fa" if marked else "dim"}" x="{i * step:.2f}" width="{max(step - 0.5, 0.6):.2f}" '
        f'y="{h - height:.1f}" height="{height:.1f}"/>'
        for i, (height, marked) in enumerate(
            zip((max(1.0, min(1.0, value / top) * h) for value in values), is_marked, strict=True)
        )
    )
    return (
        f'<svg viewBox="0 0 {w} {h}" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">{marks}</svg>'
    )


def nice_ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Round numbers (1, 2, 5 x 10^k apart) inside [low, high], about n of them.

    >>> nice_ticks(0, 9.7)
    [0.0, 2.0, 4.0, 6.0, 8.0]
    """
    raw = (high - low) / n
    decade = 10.0 ** math.floor(math.log10(raw))
    step = next(digit * decade for digit in (1, 2, 5, 10) if digit * decade >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """log10 of the numbers 1, 2, 5 x 10^k inside [10^low, 10^high]; the powers of ten alone over three decades or more.

    A range too short for two of them gets even steps of the logarithm.
    """
    digits = (1, 2, 5) if high - low < 3 else (1,)
    exponents = [k + math.log10(digit) for k in range(math.floor(low), math.ceil(high) + 1) for digit in digits]
    inside = [x for x in exponents if low <= x <= high]
    return inside if len(inside) > 1 else nice_ticks(low, high)


def _usable(points: Series, log: bool) -> list[tuple[float, float]]:
    def is_usable(x: object, y: object) -> bool:
        numbers = all(isinstance(v, (int, float)) and math.isfinite(v) for v in (x, y))
        return numbers and (not log or y > 0)  # type: ignore[operator]

    return [(float(x), float(y)) for x, y in points if is_usable(x, y)]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most about MAX_POINTS, each the mean of a run."""
    run = -(-len(points) // MAX_POINTS) or 1
    groups = [points[i : i + run] for i in range(0, len(points), run)]
    return [(sum(x for x, _ in g) / len(g), sum(y for _, y in g) / len(g)) for g in groups]


def _line(places: list[tuple[float, float]], style: str, *, dots: bool) -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    line = f'<path class="{style}" d="{path}" fill="none" stroke-width="2" stroke-linejoin="round"/>'
    circles = (f'<circle class="f{style}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in places) if dots else ()
    return line + "".join(circles)
