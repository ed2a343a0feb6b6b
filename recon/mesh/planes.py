"""The planes of a surface: floors, walls, tops. Found by sampling consensus over its points, each with the patch it covers.

A plane is a unit normal n and an offset d with n . x = d, n looking to the side the cameras saw. Its patch is a picture of
square cells in the plane: which of them the surface covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from recon.geometry import TriangleMesh
from recon.geometry.transforms import Array, plane_axes

_N_POINTS = 60_000  # of the surface, evenly over its area
_N_NEIGHBOURS = 24  # that give a point its normal
_N_TRIALS = 300  # hypotheses per plane
_MAX_PLANES = 60
_MOST_NOISE = 0.4  # of the tolerance: points that fill the whole of it lie on no plane (1.48 times its half)
_SAME_DIRECTION = np.cos(np.deg2rad(20))  # between a point's normal and its plane's
_SCATTER = 5.0  # times the noise of a plane: surface farther from it is something else (a book on the table, a stud)
_LEAST_REACH = 0.25  # of the reach that is asked for
_CORNER = 2.5  # times the reach of a plane: vertices that near two planes, facing between them, belong to their edge
# Within squares of so many cells a side, which hold so many points, noise is told from bending: what strays so many times farther
# is bent. (Roads that bend by 4 to 8 cm stray 10 to 40 times farther, textured floors and walls 1.3 to 4 times.)
_BEND_CELLS, _BEND_POINTS, _BENT = 8, 6, 6.0
# Between a vertex's normal and a plane's: at the edge of two planes a vertex looks half way between them, apart from noise
_NEAR_EDGE = np.cos(np.deg2rad(70))


@dataclass(frozen=True)
class PlanePatch:
    """A plane with the cells that the surface covers."""

    normal: Array  # [3] unit
    offset: float
    origin: Array  # [3] world position of the corner of cell (0, 0)
    axes: Array  # [2, 3] unit, along rows and columns
    cell: float  # side of a cell, world units
    is_covered: NDArray[np.bool_]  # [rows, columns]
    noise: float  # how far the surface strays from the plane: 1.48 times the median
    is_bent: bool = False  # it strays smoothly: a road that rises, or a plain wall on which views disagree

    def heights(self, positions: Array) -> Array:
        """Signed distance [n] of positions [n, 3]."""
        return positions @ self.normal - self.offset

    def cells(self, positions: Array) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Row and column [n] of positions' feet on the plane, 0 where `inside` [n] is false."""
        at = np.floor((positions - self.origin) @ self.axes.T / self.cell).astype(np.int64)
        inside = np.all((at >= 0) & (at < np.array(self.is_covered.shape)), axis=-1)
        at = np.where(inside[:, None], at, 0)
        return at[:, 0], at[:, 1], inside

    def holds(self, positions: Array, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether positions [n, 3] stand over cells of a mask [rows, columns]."""
        rows, columns, inside = self.cells(positions)
        return inside & mask[rows, columns]

    def centers(self, mask: NDArray[np.bool_]) -> Array:
        """World positions [n, 3] of the middles of a mask's cells."""
        return self.origin + (np.argwhere(mask) + 0.5) * self.cell @ self.axes


def find_planes(
    mesh: TriangleMesh, *, tolerance: float, cell: float, min_area: float, seed: int = 0
) -> list[PlanePatch]:
    """Planes with at least `min_area` of surface within `tolerance` (world units), largest first; `cell` is their grid."""
    points, sides = _points(mesh, np.random.default_rng(seed))
    area_of_point = mesh.face_areas.sum() / max(len(points), 1)
    normals, is_flat = _local_normals(points, sides, tolerance)
    rng = np.random.default_rng(seed + 1)
    left = np.arange(len(points))
    found: list[PlanePatch] = []
    while len(found) < _MAX_PLANES and len(left) * area_of_point >= min_area:
        plane = _best_plane(points[left], normals[left], is_flat[left], tolerance, rng)
        if plane is None:
            break
        normal, offset, inliers = plane
        if inliers.sum() * area_of_point < min_area:
            break
        patch = _patch(points[left[inliers]], normal, offset, cell, np.sqrt(area_of_point))
        if patch.is_covered.sum() * cell**2 >= min_area and patch.noise < _MOST_NOISE * tolerance:
            found.append(patch)
        left = left[~inliers]
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
) -> tuple[Array, float, NDArray[np.bool_]] | None:
    """The plane most points agree with: normal, offset, and which points [n] do; None where nothing is flat."""
    flat = np.flatnonzero(is_flat)
    if len(flat) < 10:
        return None
    judges = rng.choice(len(points), min(8000, len(points)), replace=False)
    trials = rng.choice(flat, min(_N_TRIALS, len(flat)), replace=False)
    offsets = (points[trials] * normals[trials]).sum(1)
    near = np.abs(points[judges] @ normals[trials].T - offsets) < tolerance
    best = int((near & (normals[judges] @ normals[trials].T > _SAME_DIRECTION)).sum(0).argmax())
    normal, offset = normals[trials[best]], offsets[best]
    inliers = _inliers(points, normals, normal, offset, tolerance)
    for reach in (tolerance, 0.7 * tolerance, 0.7 * tolerance):  # least squares over fewer and better points
        if inliers.sum() < 3:
            return None
        middle = points[inliers].mean(0)
        fitted = np.linalg.svd(points[inliers][:20_000] - middle, full_matrices=False)[2][2]
        normal = fitted if fitted @ normal > 0 else -fitted
        offset = float(middle @ normal)
        inliers = _inliers(points, normals, normal, offset, reach)
    return normal, float(offset), _inliers(points, normals, normal, float(offset), tolerance)


def _inliers(points: Array, normals: Array, normal: Array, offset: float, tolerance: float) -> NDArray[np.bool_]:
    return (np.abs(points @ normal - offset) < tolerance) & (normals @ normal > _SAME_DIRECTION)


def _patch(points: Array, normal: Array, offset: float, cell: float, spacing: float) -> PlanePatch:
    """The cells that points [n, 3] on a plane cover, gaps between neighbouring points closed."""
    axes = plane_axes(normal)
    reach = max(1, round(2 * spacing / cell))
    flat = points @ axes.T
    low = flat.min(0) - (reach + 2) * cell
    at = np.floor((flat - low) / cell).astype(np.int64)
    hit = np.zeros(at.max(0) + reach + 3, bool)
    hit[at[:, 0], at[:, 1]] = True
    covered = ndimage.binary_closing(hit, iterations=reach, border_value=0)
    over = points @ normal - offset
    noise = _noise(over)
    is_bent = noise > _BENT * _noise(_locally(over, at // _BEND_CELLS))
    return PlanePatch(normal, offset, low @ axes + offset * normal, axes, cell, covered, noise, is_bent)


def _noise(distances: Array) -> float:
    """Of signed distances [n] from a plane; infinite where there are none."""
    return 1.48 * float(np.median(np.abs(distances))) if len(distances) else np.inf


def _locally(distances: Array, squares: NDArray[np.int64]) -> Array:
    """Distances less their mean in each square [n, 2], of the squares that hold enough."""
    number = np.ravel_multi_index(tuple(squares.T), squares.max(0) + 1)
    count = np.bincount(number)
    mean = np.bincount(number, distances) / np.maximum(count, 1)
    return (distances - mean[number])[count[number] >= _BEND_POINTS]


def flatten(mesh: TriangleMesh, planes: Sequence[PlanePatch], *, reach: float) -> TriangleMesh:
    """Vertices near a plane moved onto it, those near two planes onto their edge, near three into the corner.

    Near is what the plane's own noise explains, and at most `reach` (world units).
    """
    if not planes:
        return mesh
    normals = _vertex_normals(mesh)
    reaches = [min(reach, max(_LEAST_REACH * reach, _SCATTER * plane.noise)) for plane in planes]
    pairs = list(zip(planes, reaches, strict=True))
    near = np.stack([_belongs(mesh.vertices, normals, plane, own) for plane, own in pairs])  # [p, v]
    # Where planes meet, fusion rounds the corner by more than the planes' own noise.
    around = np.stack([_belongs(mesh.vertices, normals, plane, _CORNER * own) for plane, own in pairs])
    near |= around & (around.sum(0) >= 2)
    moved = mesh.vertices.copy()
    for choice in np.unique(near.T, axis=0):
        of = np.flatnonzero(choice).tolist()
        if not len(of):
            continue
        vertices = np.flatnonzero((choice == near.T).all(1))
        a = np.stack([planes[i].normal for i in of])
        short = np.stack([-planes[i].heights(mesh.vertices[vertices]) for i in of])
        step = np.linalg.pinv(a, rcond=0.3) @ short  # nearly parallel planes: their mean
        step = np.where(np.linalg.norm(step, axis=0) < 2 * _CORNER * reach, step, 0)
        moved[vertices] += step.T
    return replace(mesh, vertices=moved)


def _belongs(vertices: Array, normals: Array, plane: PlanePatch, reach: float) -> NDArray[np.bool_]:
    """Which vertices [v] the plane claims: near it, over its patch, and not facing away from it.

    Next to an edge a vertex's normal lies between those of both planes, so only the opposite side is refused.
    """
    near = np.abs(plane.heights(vertices)) < reach
    around = ndimage.binary_dilation(plane.is_covered, iterations=3)  # points next to an edge take no side
    near[near] = plane.holds(vertices[near], around) & (normals[near] @ plane.normal > _NEAR_EDGE)
    return near


def _vertex_normals(mesh: TriangleMesh) -> Array:
    """Unit area-weighted normals [v, 3]."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.vertices)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(mesh.faces[:, corner], across[:, axis], len(total))
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30)
