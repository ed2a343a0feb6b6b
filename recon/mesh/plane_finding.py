"""Planes found in a surface by sampling consensus over its points.

A plane of consensus goes on through the whole room: it gathers what happens to lie in it, the side of one crate and the lid of
another, and lies in none of them. So a plane is what its largest connected piece says; other pieces belong to it where they lie on
that within its noise, and what does not is left for other planes. What is narrower than half of the smallest plane (the rim of a
wall) does not say how it is turned.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from recon.geometry import TriangleMesh
from recon.geometry.transforms import Array, plane_axes
from recon.mesh.planes import PlanePatch, own_reach

_N_POINTS = 60_000  # of the surface, evenly over its area
_N_NEIGHBOURS = 24  # that give a point its normal
_N_TRIALS = 300  # hypotheses per plane
_MAX_PLANES = 60
_MOST_NOISE = 0.4  # of the tolerance: points that fill the whole of it lie on no plane (1.48 times its half)
_SAME_DIRECTION = np.cos(np.deg2rad(20))  # between a point's normal and its plane's
_N_FITS = 4  # of a piece, each to what lies within the reach of the one before
_SAME_PLANE = 2.0  # times a plane's noise: how far, in the median, another piece of it may lie
_LEAST_NOISE = 0.1  # of the tolerance: what counts as noise at least
# Within squares of so many cells a side, which hold so many points, noise is told from bending: what strays so many times farther
# is bent. (Roads that bend by 4 to 8 cm stray 10 to 40 times farther, textured floors and walls 1.3 to 4 times.)
_BEND_CELLS, _BEND_POINTS, _BENT = 8, 6, 6.0


class _Spacing(NamedTuple):
    """Side of a grid's cells, and how far apart the surface's points lie (world units)."""

    cell: float
    points: float


class _Plane(NamedTuple):
    """n . x = offset."""

    normal: Array  # [3] unit
    offset: float

    def heights(self, points: Array) -> Array:
        """Signed distance [n] of points [n, 3]."""
        return points @ self.normal - self.offset


@dataclass(frozen=True)
class _Grid:
    """Points' feet on a plane, in square cells; gaps between neighbouring points closed."""

    axes: Array  # [2, 3] unit
    low: Array  # [2] corner of cell (0, 0) along the axes
    at: NDArray[np.int64]  # [n, 2] of each point
    is_covered: NDArray[np.bool_]  # [rows, columns]

    @staticmethod
    def of(points: Array, normal: Array, spacing: _Spacing) -> "_Grid":
        """The grid of points [n, 3] on a plane with this normal."""
        axes = plane_axes(normal)
        reach = max(1, round(2 * spacing.points / spacing.cell))
        flat = points @ axes.T
        low = flat.min(0) - (reach + 2) * spacing.cell
        at = np.floor((flat - low) / spacing.cell).astype(np.int64)
        hit = np.zeros(at.max(0) + reach + 3, bool)
        hit[at[:, 0], at[:, 1]] = True
        return _Grid(axes, low, at, ndimage.binary_closing(hit, iterations=reach, border_value=0))

    def pieces(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The connected piece of each point [n], from 1 on, and of each cell [rows, columns]; 0 where nothing is covered."""
        label = ndimage.label(self.is_covered, np.ones((3, 3)))[0]
        return label[self.at[:, 0], self.at[:, 1]].astype(np.int64), label


def find_planes(
    mesh: TriangleMesh, *, tolerance: float, cell: float, min_area: float, seed: int = 0
) -> list[PlanePatch]:
    """Planes of which a piece of at least `min_area` lies within `tolerance` (world units), first what most agree with.

    `cell` is the side of their grids' cells.
    """
    points, sides = _points(mesh, np.random.default_rng(seed))
    area_of_point = mesh.face_areas.sum() / max(len(points), 1)
    normals, is_flat = _local_normals(points, sides, tolerance)
    spacing = _Spacing(cell, float(np.sqrt(area_of_point)))
    rng = np.random.default_rng(seed + 1)
    left = np.arange(len(points))
    found: list[PlanePatch] = []
    while len(found) < _MAX_PLANES and len(left) * area_of_point >= min_area:
        consensus = _best_plane(points[left], normals[left], is_flat[left], tolerance, rng)
        if consensus is None:
            break
        plane, agreed = consensus
        if agreed.sum() * area_of_point < min_area:
            break
        main = _largest_piece(points[left], plane, agreed, spacing, min_area)
        if main.any():
            is_bent = _is_bent(points[left[agreed]], plane, cell)
            plane, noise = _fitted(points[left], normals[left], main, plane, tolerance)
            near = main | _inliers(points[left], normals[left], plane, tolerance)
            most = _SAME_PLANE * max(noise, _LEAST_NOISE * tolerance)
            agreed = main | _on(points[left], plane, near, most, spacing)
            patch = _patch(points[left[agreed]], plane, spacing, is_bent=is_bent)
            if patch.noise < _MOST_NOISE * tolerance:
                found.append(patch)
        left = left[~agreed]
    return found


def _points(mesh: TriangleMesh, rng: np.random.Generator) -> tuple[Array, Array]:
    """Points [n, 3] spread evenly over the surface, and the outward normals of their faces."""
    areas = mesh.face_areas
    if areas.sum() <= 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    face = rng.choice(len(areas), size=_N_POINTS, p=areas / areas.sum())
    a, b, c = (mesh.vertices[mesh.faces[face, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    return (a + b + c) / 3, across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-30)


def _local_normals(points: Array, sides: Array, tolerance: float) -> tuple[Array, NDArray[np.bool_]]:
    """Normal [n, 3] of the neighbourhood of each point, and whether that is flat."""
    neighbours = points[cKDTree(points).query(points, k=min(_N_NEIGHBOURS, len(points)))[1]]
    centered = neighbours - neighbours.mean(1, keepdims=True)
    values, vectors = np.linalg.eigh(np.einsum("nki,nkj->nij", centered, centered) / centered.shape[1])
    normals = vectors[:, :, 0]
    normals = np.where((normals * sides).sum(1, keepdims=True) < 0, -normals, normals)
    return normals, (np.sqrt(np.maximum(values[:, 0], 0)) < tolerance) & (values[:, 0] < 0.05 * values[:, 1])


def _best_plane(
    points: Array, normals: Array, is_flat: NDArray[np.bool_], tolerance: float, rng: np.random.Generator
) -> tuple[_Plane, NDArray[np.bool_]] | None:
    """The plane most points agree with, and which points [n] do; None where nothing is flat."""
    flat = np.flatnonzero(is_flat)
    if len(flat) < 10:
        return None
    judges = rng.choice(len(points), min(8000, len(points)), replace=False)
    trials = rng.choice(flat, min(_N_TRIALS, len(flat)), replace=False)
    offsets = (points[trials] * normals[trials]).sum(1)
    near = np.abs(points[judges] @ normals[trials].T - offsets) < tolerance
    best = int((near & (normals[judges] @ normals[trials].T > _SAME_DIRECTION)).sum(0).argmax())
    plane = _Plane(normals[trials[best]], float(offsets[best]))
    inliers = _inliers(points, normals, plane, tolerance)
    for reach in (tolerance, 0.7 * tolerance, 0.7 * tolerance):  # fewer and better points
        if inliers.sum() < 3:
            return None
        plane = _through(points[inliers], plane)
        inliers = _inliers(points, normals, plane, reach)
    return plane, _inliers(points, normals, plane, tolerance)


def _through(points: Array, plane: _Plane) -> _Plane:
    """The plane through points [n, 3] by least squares, turned as `plane` is."""
    middle = points.mean(0)
    fitted = np.linalg.svd(points[:20_000] - middle, full_matrices=False)[2][2]
    normal = fitted if fitted @ plane.normal > 0 else -fitted
    return _Plane(normal, float(middle @ normal))


def _inliers(points: Array, normals: Array, plane: _Plane, tolerance: float) -> NDArray[np.bool_]:
    return (np.abs(plane.heights(points)) < tolerance) & (normals @ plane.normal > _SAME_DIRECTION)


def _largest_piece(
    points: Array, plane: _Plane, agreed: NDArray[np.bool_], spacing: _Spacing, min_area: float
) -> NDArray[np.bool_]:
    """Those of the points [n] that are `agreed` and lie in the largest connected piece that is a plane; none where none is.

    It has `min_area`, and a square of half the side of that fits into it.
    """
    grid = _Grid.of(points[agreed], plane.normal, spacing)
    piece, label = grid.pieces()
    side = max(1, round(0.5 * np.sqrt(min_area) / spacing.cell))
    wide = np.unique(label[ndimage.binary_erosion(grid.is_covered, np.ones((side, side)))])
    areas = np.bincount(label.ravel()) * spacing.cell**2
    areas[~np.isin(np.arange(len(areas)), wide)] = 0
    areas[0] = 0
    main = np.zeros(len(points), bool)
    if areas.max() >= min_area:
        main[np.flatnonzero(agreed)[piece == areas.argmax()]] = True
    return main


def _fitted(
    points: Array, normals: Array, main: NDArray[np.bool_], plane: _Plane, tolerance: float
) -> tuple[_Plane, float]:
    """The plane by least squares through the points marked, over fewer and better ones, and its noise."""
    own, directions = points[main], normals[main]
    chosen = np.ones(len(own), bool)
    for _ in range(_N_FITS):
        plane = _through(own[chosen], plane)
        noise = _noise(plane.heights(own[chosen]))
        closer = _inliers(own, directions, plane, own_reach(noise, tolerance))
        if closer.sum() < 3:
            break
        chosen = closer
    return plane, noise


def _on(points: Array, plane: _Plane, near: NDArray[np.bool_], most: float, spacing: _Spacing) -> NDArray[np.bool_]:
    """Those of the points [n] that are `near` a plane and whose connected piece strays by `most` from it."""
    piece, _ = _Grid.of(points[near], plane.normal, spacing).pieces()
    off = np.abs(plane.heights(points[near]))
    strays = 1.48 * ndimage.median(off, piece, np.arange(piece.max() + 1))
    on = np.zeros(len(points), bool)
    on[np.flatnonzero(near)[strays[piece] <= most]] = True
    return on


def _patch(points: Array, plane: _Plane, spacing: _Spacing, *, is_bent: bool) -> PlanePatch:
    """The cells that points [n, 3] on a plane cover."""
    grid = _Grid.of(points, plane.normal, spacing)
    origin = grid.low @ grid.axes + plane.offset * plane.normal
    noise = _noise(plane.heights(points))
    return PlanePatch(*plane, origin, grid.axes, spacing.cell, grid.is_covered, noise, is_bent)


def _is_bent(points: Array, plane: _Plane, cell: float) -> bool:
    """Whether points [n, 3] that agree with a plane, all of them, stray smoothly from it: one hill of a road alone looks flat."""
    over = plane.heights(points)
    squares = np.floor(points @ plane_axes(plane.normal).T / (_BEND_CELLS * cell)).astype(np.int64)
    return _noise(over) > _BENT * _noise(_locally(over, squares - squares.min(0)))


def _noise(distances: Array) -> float:
    """Of signed distances [n] from a plane; infinite where there are none."""
    return 1.48 * float(np.median(np.abs(distances))) if len(distances) else np.inf


def _locally(distances: Array, squares: NDArray[np.int64]) -> Array:
    """Distances less their mean in each square [n, 2], of the squares that hold enough."""
    number = np.ravel_multi_index(tuple(squares.T), squares.max(0) + 1)
    count = np.bincount(number)
    mean = np.bincount(number, distances) / np.maximum(count, 1)
    return (distances - mean[number])[count[number] >= _BEND_POINTS]
