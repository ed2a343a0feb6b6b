"""Which parts of the scene were seen, by how many frames, and from how different directions: the scene from above."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.poses.doctor.matching import Floats, Ints
from recon.poses.doctor.model import Model

CELLS = 36  # along the longer side of the map
_ENOUGH = 3  # points, fewer in a cell say nothing about it
# A point this much farther than the usual one is background: nobody walks round the skyline.
_FAR = 1.5
# Rays that meet at less leave depth unsure by some 5 % at a quarter pixel and a focal length of a picture's width.
ONE_DIRECTION_DEG = 4.0
_MOST, _ENOUGH_CELLS = 0.6, 6  # share of a side's cells, and how many there must be, before it is complained about


@dataclass(frozen=True)
class Coverage:
    """A grid of square cells over the ground, row 0 at the smallest y; cells without enough points are 0 and NaN."""

    low: tuple[float, float]  # x, y of the corner of cell (0, 0), world units
    cell: float  # side of a cell, world units
    points: Ints  # [rows, columns]
    views: Floats  # [rows, columns] median number of frames that saw a point
    angles_deg: Floats  # [rows, columns] median widest angle between rays to a point


@dataclass(frozen=True)
class Side:
    """A side of the map that was seen from one direction only: beyond `limit` along axis 0 (x) or 1 (y)."""

    name: str
    axis: int
    is_above: bool
    limit: float  # world units
    angle_deg: float  # median over its cells


def measure_coverage(model: Model) -> Coverage | None:
    """None where the model has no near points."""
    near = is_near(model)
    if near.sum() < _ENOUGH:
        return None
    ground, centers = model.positions[near, :2], model.centers[model.is_registered, :2]
    low, high = np.percentile(ground, 2, axis=0), np.percentile(ground, 98, axis=0)
    low, high = np.minimum(low, centers.min(0)), np.maximum(high, centers.max(0))
    cell = float((high - low).max()) / CELLS
    columns, rows = np.maximum(np.ceil((high - low) / cell - 1e-9).astype(int), 1)
    column, row = np.floor((ground - low) / cell).astype(int).T
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    place = (row * columns + column)[inside]
    shape = (int(rows), int(columns))
    counts = np.bincount(place, minlength=rows * columns)
    return Coverage(
        low=(float(low[0]), float(low[1])),
        cell=cell,
        points=counts.reshape(shape),
        views=_medians(place, model.n_views[near][inside], counts).reshape(shape),
        angles_deg=_medians(place, model.angles_deg[near][inside], counts).reshape(shape),
    )


def is_near(model: Model) -> NDArray[np.bool_]:
    """Points [p] no farther from the nearest frame that sees them than _FAR times what is usual."""
    frames, points = model.sees.nonzero()
    distances = np.linalg.norm(model.positions[points] - model.centers[frames], axis=1)
    nearest = np.full(len(model.positions), np.inf)
    np.minimum.at(nearest, points, distances)
    return nearest <= _FAR * np.median(nearest) if len(nearest) else np.zeros(0, bool)


def one_sided(coverage: Coverage) -> tuple[Side, ...]:
    """Outer thirds of the map of which most cells were seen from one direction only, the worst first."""
    rows, columns = coverage.points.shape
    sides = []
    for axis, size, names in ((0, columns, ("left", "right")), (1, rows, ("lower", "upper"))):
        third = -(-size // 3)
        for name, is_above in zip(names, (False, True), strict=True):
            part = slice(size - third, size) if is_above else slice(0, third)
            angles = coverage.angles_deg[:, part] if axis == 0 else coverage.angles_deg[part]
            known = angles[np.isfinite(angles)]
            if len(known) >= _ENOUGH_CELLS and (known < ONE_DIRECTION_DEG).mean() >= _MOST:
                limit = coverage.low[axis] + coverage.cell * (size - third if is_above else third)
                sides.append(Side(name, axis, is_above, float(limit), float(np.median(known))))
    return tuple(sorted(sides, key=lambda side: side.angle_deg))


def _medians(place: Ints, values: NDArray, counts: Ints) -> Floats:
    """Median of the values [k] in each cell [cells]; NaN in cells with too few."""
    medians = np.full(len(counts), np.nan)
    order = np.lexsort((values, place))
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    filled = counts >= _ENOUGH
    medians[filled] = values[order][starts[filled] + counts[filled] // 2]
    return medians
