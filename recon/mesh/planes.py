"""The planes of a surface: floors, walls, tops, each with the patch it covers; and a surface laid onto them.

A plane is a unit normal n and an offset d with n . x = d, n looking to the side the cameras saw. Its patch is a picture of
square cells in the plane: which of them the surface covers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from recon.geometry import TriangleMesh
from recon.geometry.transforms import Array

_SCATTER = 5.0  # times the noise of a plane: surface farther from it is something else (a book on the table, a stud)
_LEAST_REACH = 0.25  # of the reach that is asked for
_CORNER = 2.5  # times the reach of a plane: vertices that near two planes, facing between them, belong to their edge
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


def own_reach(noise: float, most: float) -> float:
    """How far from a plane lies what its own noise explains: at most `most`, and a share of that at least."""
    return min(most, max(_LEAST_REACH * most, _SCATTER * noise))


def flatten(mesh: TriangleMesh, planes: Sequence[PlanePatch], *, reach: float) -> TriangleMesh:
    """Vertices near a plane moved onto it, those near two planes onto their edge, near three into the corner.

    Near is what the plane's own noise explains, and at most `reach` (world units).
    """
    if not planes:
        return mesh
    normals = _vertex_normals(mesh)
    reaches = [own_reach(plane.noise, reach) for plane in planes]
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
