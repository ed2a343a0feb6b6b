"""Where the cameras were: cameras and sparse points from above and from the side, as inline SVG."""

from collections.abc import Collection, Mapping
from html import escape

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Reconstruction
from recon.show.report.charts import nice_ticks

SIZE, MARGIN = 520, 24
MAX_POINTS = 2500


def camera_map(
    reconstruction: Reconstruction,
    *,
    axes: tuple[int, int],
    title: str,
    weak: Collection[str] = (),
    lost: Mapping[str, NDArray] | None = None,
) -> str:
    """The world seen along the third axis: `axes` (right, up) are (0, 1) from above and (0, 2) from the side.

    Each camera has a short line where it looks: training ones are dots, held-out ones rings; those named in `weak`
    orange, the others blue. `lost` has the supposed place [3] of each frame without a pose.
    """
    centers = reconstruction.centers[:, axes]
    forward = np.stack([view.world_from_camera[:3, 2] for view in reconstruction.views])[:, axes]
    points = _some_points(reconstruction)[:, axes]
    low, high = _frame(centers, points)
    extent = float((high - low).max())
    factor = (SIZE - 2 * MARGIN) / extent
    height = (high - low)[1] * factor + 2 * MARGIN + 18

    def place(positions: NDArray) -> NDArray:
        return (positions - low) * [factor, -factor] + [MARGIN, MARGIN + 18 + (high - low)[1] * factor]

    inside = points[((points >= low) & (points <= high)).all(1)]
    dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in place(inside))
    track = "L".join(f"{x:.1f} {y:.1f}" for x, y in place(centers))
    parts = [
        f'<svg viewBox="0 0 {SIZE} {height:.0f}" role="img"><text x="{MARGIN}" y="15">{title}</text>',
        f'<path class="points" d="{dots}"/>' if dots else "",
        f'<path class="axis" d="M{track}"/>',
    ]
    for name, position in (lost or {}).items():
        x, y = place(position[list(axes)])
        parts.append(
            f'<circle class="lost" cx="{x:.1f}" cy="{y:.1f}" r="3.6"><title>{escape(name)}: no pose</title></circle>'
        )
    ends = place(centers), place(centers + forward * extent * 0.045)
    for view, start, end, out in zip(reconstruction.views, *ends, reconstruction.is_held_out, strict=True):
        parts.append(_camera(view.name, start, end, "b" if view.name in weak else "a", is_ring=out))
    return "".join([*parts, _scale_bar(reconstruction, extent, factor), "</svg>"])


def _camera(name: str, start: NDArray, end: NDArray, style: str, *, is_ring: bool) -> str:
    (x0, y0), (x1, y1) = start, end
    look = f"{style} ring" if is_ring else f"f{style}"
    return (
        f'<path class="{style}" stroke-width="1.5" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"/>'
        f'<circle class="{look}" cx="{x0:.1f}" cy="{y0:.1f}" r="2.6"><title>{escape(name)}</title></circle>'
    )


def _some_points(reconstruction: Reconstruction) -> NDArray[np.float64]:
    if reconstruction.points is None:
        return np.zeros((0, 3))
    positions = reconstruction.points.positions
    return positions[:: -(-len(positions) // MAX_POINTS) or 1]


def _frame(centers: NDArray, points: NDArray) -> tuple[NDArray, NDArray]:
    """The rectangle to show: all cameras, and the points without the far outliers."""
    low, high = centers.min(0), centers.max(0)
    if len(points):
        low, high = np.minimum(low, np.percentile(points, 4, 0)), np.maximum(high, np.percentile(points, 96, 0))
    margin = 0.05 * float((high - low).max()) or 1.0
    return low - margin, high + margin


def _scale_bar(reconstruction: Reconstruction, extent: float, factor: float) -> str:
    scale = reconstruction.scale
    metres = scale.metres_per_unit if scale else 1.0
    length = nice_ticks(0, extent * metres / 3, n=1)[-1] or nice_ticks(0, extent * metres)[1]
    x1 = SIZE - MARGIN
    x0 = x1 - length / metres * factor
    return (
        f'<path d="M{x0:.1f} 14H{x1}" stroke="currentColor" stroke-width="2"/>'
        f'<text x="{x0 - 6:.1f}" y="18" text-anchor="end">{length:g} {"m" if scale else "units"}</text>'
    )
