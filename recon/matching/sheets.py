"""Ground that is smooth but not flat, as a road that rises: a height over its plane, laid out as a floor of flat tiles.

The height h(a, b) over the plane's axes is the smoothest that goes through the matter, a thin plate on a grid:

    sum_i w_i (h(a_i, b_i) - h_i)^2 + STIFFNESS * sum (h_aa^2 + 2 h_ab^2 + h_bb^2)

with the second differences of the grid, and weights w_i that take the say from what lies far off. A pixel that takes the plane
takes the depth of that height (`ScenePlane.surface`). What chooses between planes (`blank`) takes them for flat, so where the
sheet bends too much for that it becomes a plane for each tile, which ends at the tile's border.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from recon.geometry.transforms import Array
from recon.kernels.planes import Relief, ScenePlane
from recon.matching.scene_planes import REACH, THICKNESS, is_on
from recon.matching.voxels import Voxels

CELL = 0.1  # of the scale: of the grid of heights
TILE = 5  # cells a side
STIFFNESS = 3.0
BAND = 3.0  # thicknesses from the plane in which its matter is looked for
ROUNDS = 6
# Matter this far from the sheet has half a say: at first of the thickness, then of what is usual; at least of the thickness
SHARE, USUAL, LEAST_SHARE = 0.3, 3.0, 0.02
FLAT = 0.2  # of the thickness: a plane from which 95 % of the sheet differs less is not cut into tiles
MIN_VOXELS = 300  # of a plane that may bend
ELSEWHERE = 10.0  # the distance, in reaches, beyond a tile


def laid_out(plane: ScenePlane, voxels: Voxels) -> list[ScenePlane]:
    """The plane bent as its matter is: as tiles where that is much, as it is where there is little matter."""
    matter = voxels.where(is_on(voxels, plane, BAND * plane.thickness))
    if len(matter) < MIN_VOXELS:
        return [plane]
    relief = fit_relief(plane, matter)
    plane = replace(plane, relief=relief)
    is_near = _distance(plane, _corners(relief)) < plane.beyond
    if np.percentile(np.abs(relief.heights[is_near]), 95, axis=None) < FLAT * plane.thickness:
        return [plane]
    return list(_tiles(plane, relief))


def fit_relief(plane: ScenePlane, matter: Voxels) -> Relief:
    """The thin plate through the matter of a plane."""
    scale = plane.thickness / THICKNESS
    cell = CELL * scale
    at = np.stack([matter.positions @ plane.across, matter.positions @ plane.along], -1)
    over = matter.positions @ plane.normal - plane.offset
    low = at.min(0) - REACH * scale
    columns, rows = np.ceil((at.max(0) + REACH * scale - low) / cell).astype(int) + 2
    read = _interpolation((at - low) / cell, rows, columns)
    stiff = STIFFNESS * _bending(rows, columns)
    heights, weights = np.zeros(rows * columns), matter.weights
    for _ in range(ROUNDS):
        weighted = read.T.multiply(weights).tocsr()
        heights = spsolve((weighted @ read + stiff).tocsc(), weighted @ over)
        off = np.abs(over - read @ heights)
        far = np.clip(USUAL * np.median(off), LEAST_SHARE * plane.thickness, SHARE * plane.thickness)
        weights = matter.weights / (1 + (off / far) ** 2)
    return Relief(plane.normal, plane.offset, plane.across, plane.along, low, cell, heights.reshape(rows, columns))


def _interpolation(at: Array, rows: int, columns: int) -> scipy.sparse.csr_matrix:
    """[n, rows * columns] that reads a grid at places [n, 2] (column, row) bilinearly."""
    first = np.floor(at).astype(int)
    share = at - first
    parts = []
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
        index = (first[:, 1] + dy) * columns + first[:, 0] + dx
        parts.append(scipy.sparse.csr_matrix((weight, (np.arange(len(at)), index)), shape=(len(at), rows * columns)))
    return sum(parts[1:], parts[0])


def _bending(rows: int, columns: int) -> scipy.sparse.csr_matrix:
    """The quadratic form of the plate's bending energy; a plane has none. A little of it holds what nothing else holds."""
    identity = scipy.sparse.identity

    def differences(n: int, order: int) -> scipy.sparse.csr_matrix:
        taps = {1: [-1.0, 1.0], 2: [1.0, -2.0, 1.0]}[order]
        return scipy.sparse.diags(taps, range(order + 1), shape=(n - order, n)).tocsr()

    across = scipy.sparse.kron(identity(rows), differences(columns, 2))
    along = scipy.sparse.kron(differences(rows, 2), identity(columns))
    twist = np.sqrt(2) * scipy.sparse.kron(differences(rows, 1), differences(columns, 1))
    parts = [part.T @ part for part in (across, along, twist)]
    return (sum(parts[1:], parts[0]) + 1e-6 * identity(rows * columns)).tocsr()


def _tiles(plane: ScenePlane, relief: Relief) -> Iterator[ScenePlane]:
    """The plane of each tile near known matter."""
    rows, columns = relief.heights.shape
    for row in range(0, rows - 1, TILE):
        for column in range(0, columns - 1, TILE):
            part = np.s_[row : row + TILE + 1, column : column + TILE + 1]
            tile = _tile(plane, relief, part)
            if tile.distances.min() < plane.beyond:
                yield tile


def _tile(plane: ScenePlane, relief: Relief, part: tuple[slice, slice]) -> ScenePlane:
    """Least squares through the heights at the tile's corners; known where the plane is."""
    corners = _corners(relief)[part].reshape(-1, 2)
    over = relief.heights[part].ravel()
    rise_a, rise_b, base = np.linalg.lstsq(np.column_stack([corners, np.ones(len(corners))]), over, rcond=None)[0]
    normal = plane.normal - rise_a * plane.across - rise_b * plane.along
    length = np.linalg.norm(normal)
    normal = normal / length
    across = plane.across - (plane.across @ normal) * normal
    across = across / np.linalg.norm(across)
    along = np.cross(normal, across)
    along = along * np.sign(along @ plane.along)
    offset = (plane.offset + base) / length
    points = (
        corners[:, :1] * plane.across + corners[:, 1:] * plane.along + (plane.offset + over)[:, None] * plane.normal
    )
    on_tile = np.stack([points @ across, points @ along], -1)
    low = on_tile.min(0) - plane.cell
    n_columns, n_rows = np.ceil((on_tile.max(0) + plane.cell - low) / plane.cell).astype(int)
    y, x = np.mgrid[:n_rows, :n_columns] + 0.5
    places = (
        (low[0] + plane.cell * x)[..., None] * across + (low[1] + plane.cell * y)[..., None] * along + offset * normal
    )
    distances = _distance(plane, np.stack([places @ plane.across, places @ plane.along], -1))
    return replace(
        plane,
        normal=normal,
        offset=float(offset),
        across=across,
        along=along,
        low=low,
        distances=distances,
        beyond=ELSEWHERE,
    )


def _corners(relief: Relief) -> Array:
    """[rows, columns, 2] places of the heights in the plane's axes."""
    rows, columns = relief.heights.shape
    y, x = np.mgrid[:rows, :columns]
    return np.asarray(relief.low + relief.cell * np.stack([x, y], -1))


def _distance(plane: ScenePlane, at: Array) -> NDArray[np.float32]:
    """Distances [..] of places [.., 2] to the known matter of a plane, in its reaches."""
    index = np.floor((at - plane.low) / plane.cell).astype(int)
    rows, columns = plane.distances.shape
    inside = (index >= 0).all(-1) & (index[..., 0] < columns) & (index[..., 1] < rows)
    index = np.where(inside[..., None], index, 0)
    return np.where(inside, plane.distances[index[..., 1], index[..., 0]], np.float32(plane.beyond)).astype(np.float32)
