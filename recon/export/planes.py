"""Flat regions of a scanned surface: what a floor, a wall or a table top is before anything else is known of it.

Planes are guessed from single faces and their smoothed normals, counted on a sample (RANSAC), refined on the connected
regions that agree, and taken away, largest first, until none holds the least area.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from recon.export.relief import Relief
from recon.geometry.face_graph import pieces_by_pairs, shared_edges
from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array, plane_axes

_GUESSES, _SAMPLE, _FINALISTS = 192, 4000, 2
_MORE_FINALISTS = 24  # looked at where the first hold no region: many votes may come from scattered faces
_COSINE = 0.8  # a face belongs to a plane only when it is turned like it (37 degrees: scans are rough)
_GIVE_UP = 4  # rounds in a row without a plane


@dataclass(frozen=True)
class Plane:
    """Points x with normal . x = offset; the unit normal [3] points to free space."""

    normal: Array
    offset: float

    def height(self, points: Array) -> Array:
        """Signed distance of points [.., 3]."""
        return points @ self.normal - self.offset


def axes_along(plane: Plane, points: Array) -> Array:
    """Unit u, v [2, 3] of a plane, u x v its normal, along the smallest rectangle about points [n, 3]."""
    axes = plane_axes(plane.normal)
    return turned(axes, float(np.deg2rad(cv2.minAreaRect((points @ axes.T).astype(np.float32))[2])))


def turned(axes: Array, angle: float) -> Array:
    """Axes [2, 3] of a plane, turned in it."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) @ axes


class Level(Protocol):
    """What heights are told over, along a unit `normal` [3]: a plane, or a floor that bends."""

    @property
    def normal(self) -> Array: ...

    def height(self, points: Array) -> Array:
        """Signed distance of points [.., 3]."""
        ...


class OverRelief:
    """What lies on a plane, or on the relief over it where the surface bends."""

    plane: Plane
    relief: Relief | None

    @property
    def normal(self) -> Array:
        """The plane's."""
        return self.plane.normal

    def height(self, points: Array) -> Array:
        """Signed distance of points [.., 3] from the surface, along the plane's normal."""
        height = self.plane.height(points)
        return height if self.relief is None else height - self.relief.at(points)


@dataclass(frozen=True)
class FlatRegion(OverRelief):
    """Faces (indices [k] into the mesh) that lie within the tolerance of a plane, in connected pieces of some size.

    Or of its `relief`, where the surface bends.
    """

    plane: Plane
    faces: np.ndarray
    area: float
    relief: Relief | None = None


@dataclass(frozen=True)
class _Faces:
    centres: Array  # [f, 3]
    normals: Array  # [f, 3], smoothed
    areas: Array  # [f]
    corners: Array  # [f, 3, 3]
    pairs: np.ndarray  # [e, 2] faces that share an edge


def find_planes(
    mesh: TriangleMesh, *, tolerance: float, min_area: float, without: np.ndarray | None = None, seed: int = 0
) -> list[FlatRegion]:
    """Flat regions of at least `min_area`, largest first; no face is in two of them, nor one of those `without` [f].

    Deterministic for a `seed`.
    """
    faces = _faces_of(mesh)
    random = np.random.default_rng(seed)
    is_free = faces.areas > 0
    if without is not None:
        is_free &= ~without
    regions: list[FlatRegion] = []
    failures = 0
    while failures < _GIVE_UP and faces.areas[is_free].sum() >= min_area:
        found = _best_region(faces, is_free, tolerance, min_area, random)
        failures = failures + 1 if found is None else 0
        if found is not None:
            regions.append(found)
            is_free[found.faces] = False
    return sorted(regions, key=lambda region: -region.area)


def _faces_of(mesh: TriangleMesh, *, smoothing: int = 6) -> _Faces:
    pairs = shared_edges(mesh.faces)
    areas, normals = mesh.face_areas, mesh.face_normals
    smooth = normals
    for _ in range(smoothing):  # only over neighbours that are turned alike, so that edges of furniture stay sharp
        like = np.clip((smooth[pairs[:, 0]] * smooth[pairs[:, 1]]).sum(1) - 0.3, 0, None)
        total = areas[:, None] * smooth
        for here, there in ((0, 1), (1, 0)):
            pull = (like * areas[pairs[:, there]])[:, None] * smooth[pairs[:, there]]
            for axis in range(3):
                total[:, axis] += np.bincount(pairs[:, here], pull[:, axis], len(areas))
        smooth = total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)
    corners = mesh.vertices[mesh.faces]
    return _Faces(corners.mean(1), smooth, areas, corners, pairs)


def _best_region(
    faces: _Faces, is_free: np.ndarray, tolerance: float, min_area: float, random: np.random.Generator
) -> FlatRegion | None:
    free = np.flatnonzero(is_free)
    weights = faces.areas[free] / faces.areas[free].sum()
    sample = random.choice(free, size=_SAMPLE, p=weights)
    guesses = random.choice(free, size=_GUESSES, p=weights)
    heights = faces.centres[sample] @ faces.normals[guesses].T - (faces.centres[guesses] * faces.normals[guesses]).sum(
        1
    )
    votes = (np.abs(heights) < tolerance) & (faces.normals[sample] @ faces.normals[guesses].T > _COSINE)
    best: FlatRegion | None = None
    for rank, guess in enumerate(guesses[np.argsort(-votes.sum(0), kind="stable")[:_MORE_FINALISTS]]):
        if best is not None and rank >= _FINALISTS:
            break
        normal = faces.normals[guess]
        plane = Plane(normal, float(faces.centres[guess] @ normal))
        region = _refined(faces, is_free, plane, tolerance, min_area)
        if region is not None and (best is None or region.area > best.area):
            best = region
    return best


def _refined(faces: _Faces, is_free: np.ndarray, plane: Plane, tolerance: float, min_area: float) -> FlatRegion | None:
    """The plane fitted to its own region, a few times, and that region."""
    for _ in range(3):
        inside = _region_of(faces, is_free, plane, tolerance, min_area)
        if not len(inside):
            return None
        plane = fit_plane(faces.centres[inside], faces.areas[inside], towards=plane.normal)
    inside = _region_of(faces, is_free, plane, tolerance, min_area)
    return FlatRegion(plane, inside, float(faces.areas[inside].sum())) if len(inside) else None


def _region_of(faces: _Faces, is_free: np.ndarray, plane: Plane, tolerance: float, min_area: float) -> np.ndarray:
    """Free faces on the plane, in connected pieces of at least `min_area`."""
    is_near = is_free & (np.abs(plane.height(faces.centres)) < tolerance) & (faces.normals @ plane.normal > _COSINE)
    a, b, c = np.abs(plane.height(faces.corners[is_near])).T  # .all(1) of rows takes ten times as long
    is_near[is_near] = np.maximum(np.maximum(a, b), c) < 1.5 * tolerance
    return pieces_of_area(is_near, faces.pairs, faces.areas, least=min_area)


def pieces_of_area(is_in: np.ndarray, pairs: np.ndarray, areas: Array, *, least: float) -> np.ndarray:
    """Indices of those faces of a set [f] that lie in connected pieces of some area; `pairs` [e, 2] of faces share an edge."""
    inside = np.flatnonzero(is_in)
    first, second = pairs.T
    both = np.flatnonzero(is_in[first] & is_in[second])
    number = np.cumsum(is_in) - 1
    piece = pieces_by_pairs(np.stack([number[first[both]], number[second[both]]], 1), len(inside))
    sizes = np.bincount(piece, areas[inside]) if len(inside) else np.zeros(0)
    return inside[sizes[piece] >= least]


def fit_plane(points: Array, weights: Array, *, towards: Array) -> Plane:
    """The plane of least squares through weighted points [n, 3], its normal on the side of a direction [3]."""
    weights = weights / weights.sum()
    centre = weights @ points
    spread = points - centre
    normal = np.linalg.eigh((spread * weights[:, None]).T @ spread)[1][:, 0]
    normal = normal if normal @ towards > 0 else -normal
    return Plane(normal, float(centre @ normal))
