"""Random pictures to make materials of: fractal noise, patterns of stones and boards, relief shading.

All lengths are in texels; `rng` is a seeded numpy generator, so a seed gives the same picture everywhere.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]  # [h, w]
Rng = np.random.Generator


def fractal(size_hw: tuple[int, int], cell: float | tuple[float, float], rng: Rng, *, octaves: int = 5) -> Grey:
    """Noise [h, w] of zero mean and about unit deviation with detail from `cell` (y, x) down by halves to a texel.

    Each octave is a grid of normal numbers, cubically interpolated, at 0.6 of the amplitude of the one before.
    """
    h, w = size_hw
    cell_y, cell_x = cell if isinstance(cell, tuple) else (cell, cell)
    total, power = np.zeros(size_hw, np.float32), 0.0
    for octave in range(octaves):
        dy, dx = max(cell_y / 2**octave, 1.0), max(cell_x / 2**octave, 1.0)
        grid = rng.standard_normal((int(h / dy) + 4, int(w / dx) + 4)).astype(np.float32)
        to_texels = np.array([[dx, 0, -dx], [0, dy, -dy]], np.float64)  # drop the border, where cubics lack neighbours
        layer = cv2.warpAffine(grid, to_texels, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        amplitude = 0.6**octave
        total += amplitude * layer
        power += amplitude**2
        if dy == dx == 1.0:
            break
    return total * np.float32(1.35 / np.sqrt(power))  # interpolation takes about a quarter of the deviation away


def ramp(values: Grey, low: float, high: float) -> Grey:
    """Smoothstep [h, w] from 0 at `low` to 1 at `high`."""
    t = np.clip((values - low) / (high - low), 0, 1).astype(np.float32)
    return t * t * (3 - 2 * t)


def relief(height: Grey, strength: float) -> Grey:
    """Shading factor [h, w] of a rough surface lit from the upper left, about 1 on average."""
    blurred = cv2.GaussianBlur(height, (0, 0), 0.8)
    slope_y, slope_x = np.gradient(blurred)
    return np.clip(1 + strength * (slope_x + slope_y), 0.55, 1.45).astype(np.float32)[..., None]


@dataclass(frozen=True)
class Cells:
    """A wall or floor laid of stones or boards: which one each texel belongs to, and how far its joint is."""

    ids: NDArray[np.int64]  # [h, w]
    joint_distance: Grey  # [h, w] texels to the nearest edge of the stone

    def per_cell(self, rng: Rng, *, spread: float) -> Grey:
        """One normal number of deviation `spread` per stone, as [h, w]."""
        return (spread * rng.standard_normal(int(self.ids.max()) + 1)).astype(np.float32)[self.ids]

    def pick(self, palette: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
        """A colour [h, w, 3] of the palette [k, 3] for every stone."""
        return palette[rng.integers(len(palette), size=int(self.ids.max()) + 1)][self.ids]


def courses(
    size_hw: tuple[int, int],
    heights: tuple[float, float],
    widths: tuple[float, float],
    rng: Rng,
    *,
    waviness: float = 0.0,
) -> Cells:
    """Rows of random height, each cut into stones of random width (both uniform between the two given, in texels).

    `waviness` bends the joints by that many texels.
    """
    h, w = size_hw
    y, x = np.mgrid[:h, :w].astype(np.float32) + 0.5
    if waviness:
        y = y + waviness * fractal(size_hw, 30.0, rng, octaves=4)
        x = x + waviness * fractal(size_hw, 30.0, rng, octaves=4)
    row_edges = _cuts(h, heights, rng)
    row = np.clip(np.searchsorted(row_edges, y) - 1, 0, len(row_edges) - 2)
    distance = np.minimum(y - row_edges[row], row_edges[row + 1] - y)
    ids = np.zeros(size_hw, np.int64)
    first = 0
    for r in range(len(row_edges) - 1):
        here = row == r
        edges = _cuts(w, widths, rng)
        column = np.clip(np.searchsorted(edges, x[here]) - 1, 0, len(edges) - 2)
        ids[here] = first + column
        distance[here] = np.minimum(distance[here], np.minimum(x[here] - edges[column], edges[column + 1] - x[here]))
        first += len(edges) - 1
    return Cells(ids, distance.astype(np.float32))


def _cuts(length: int, steps: tuple[float, float], rng: Rng) -> NDArray[np.float32]:
    """Increasing edges that cover [0, length] with a margin, the first at a random place before 0."""
    n = int((length + 2 * steps[1]) / steps[0]) + 4
    edges = np.cumsum(rng.uniform(*steps, n)) - rng.uniform(1, 2) * steps[1]
    last = int(np.searchsorted(edges, length + steps[0] / 2)) + 1
    return edges[: max(last, 2)].astype(np.float32)
