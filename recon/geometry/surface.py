"""A triangle mesh to ask: what a ray hits, how far away and on which side; what lies nearest to a point; points spread over it.

Normals follow the winding of the faces (counter-clockwise seen from the free side). No assumption of watertightness.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.geometry.mesh import TriangleMesh
from recon.geometry.open3d_import import import_open3d
from recon.geometry.transforms import Array

_TURNS = np.array([d for d in itertools.product((-1.0, 0.0, 1.0), repeat=3) if np.count_nonzero(d) in (1, 3)])
_AT_ONCE = 1 << 14  # positions whose rays all around are cast in one call
_AROUND = _TURNS / np.linalg.norm(_TURNS, axis=1, keepdims=True)


@dataclass(frozen=True)
class Hits:
    """First hits of n rays; where nothing is hit, the distance is infinite, the face -1 and the normal zero."""

    distance: Array  # [n] in lengths of the direction
    faces: NDArray[np.int64]  # [n]
    barycentric: NDArray[np.float32]  # [n, 2] weights of the face's second and third corner
    normals: Array  # [n, 3] unit, of the face

    @property
    def is_hit(self) -> NDArray[np.bool_]:
        """Whether each ray meets the mesh [n]."""
        return self.faces >= 0


@dataclass(frozen=True)
class Nearest:
    """The place on the surface nearest to each of n positions."""

    distance: Array  # [n] world units
    positions: Array  # [n, 3]
    faces: NDArray[np.int64]  # [n]
    normals: Array  # [n, 3] unit, of the face


class Surface:
    """A mesh prepared for ray casts and nearest-point queries; build it once for many questions.

    Open3D answers in float32. `origin` [3], the mesh's middle unless told, is taken from all positions before they are
    rounded, so that a world far from its own origin loses no precision.
    """

    def __init__(self, mesh: TriangleMesh, *, origin: Array | None = None) -> None:
        self.mesh = mesh
        self._o3d = import_open3d()
        middle = mesh.vertices.mean(0) if len(mesh.vertices) else np.zeros(3)
        self.origin = middle if origin is None else origin
        self._scene = self._o3d.t.geometry.RaycastingScene()
        triangles = self._o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32))
        self._scene.add_triangles(self._points(mesh.vertices), triangles)

    def cast(self, origins: NDArray, directions: NDArray) -> Hits:
        """First hits of rays from `origins` [n, 3] along `directions` [n, 3] of any length."""
        answer = self._scene.cast_rays(self._rays(origins, directions))
        distance = answer["t_hit"].numpy().astype(np.float64)
        faces = np.where(np.isfinite(distance), answer["primitive_ids"].numpy().astype(np.int64), -1)
        normals = answer["primitive_normals"].numpy().astype(np.float64)
        return Hits(distance, faces, answer["primitive_uvs"].numpy(), normals)

    def cast_all(self, origins: NDArray, directions: NDArray) -> list[Array]:
        """For each ray the sorted distances of all its hits."""
        rays = self._rays(origins, directions)
        if not len(origins) or not self._scene.count_intersections(rays).numpy().any():
            return [np.zeros(0)] * len(origins)  # Open3D 0.20 crashes on lists without an entry
        answer = self._scene.list_intersections(rays)
        ends = answer["ray_splits"].numpy()[1:-1]
        return [np.sort(part.astype(np.float64)) for part in np.split(answer["t_hit"].numpy(), ends)]

    def is_blocked(self, origins: NDArray, directions: NDArray) -> NDArray[np.bool_]:
        """Whether rays [n, 3] hit anything at all: [n]."""
        return self._scene.test_occlusions(self._rays(origins, directions)).numpy()

    def nearest(self, positions: NDArray) -> Nearest:
        """The nearest place on the surface of each position [n, 3]; the distance is exact, point to triangle."""
        answer = self._scene.compute_closest_points(self._points(positions))
        points = answer["points"].numpy().astype(np.float64) + self.origin
        faces = answer["primitive_ids"].numpy().astype(np.int64)
        normals = answer["primitive_normals"].numpy().astype(np.float64)
        return Nearest(np.linalg.norm(points - positions, axis=1), points, faces, normals)

    def encloses(self, positions: Array) -> np.ndarray:
        """Which positions [n] are shut in by matter: most rays around meet the surface from behind, if they meet it.

        A vote, so that a body with a hole in it, or one that stands on a floor, still has an inside. Two rays of five must
        meet it so: in the opening of a door only those along the wall do.
        """
        inside = np.zeros(len(positions), bool)
        for first in range(0, len(positions), _AT_ONCE):
            part = positions[first : first + _AT_ONCE]
            directions = np.repeat(_AROUND, len(part), axis=0)
            normals = self.cast(np.tile(part, (len(_AROUND), 1)), directions).normals
            facing = (normals * directions).sum(1).reshape(len(_AROUND), -1)
            behind, front = (facing > 0).sum(0), (facing < 0).sum(0)
            inside[first : first + _AT_ONCE] = behind > np.maximum(front, 0.4 * len(_AROUND))
        return inside

    def distance(self, positions: NDArray) -> Array:
        """Unsigned distance [n] of positions [n, 3] to the surface."""
        return self._scene.compute_distance(self._points(positions)).numpy().astype(np.float64)

    def _points(self, positions: NDArray):  # type: ignore[no-untyped-def]
        return self._o3d.core.Tensor(np.ascontiguousarray(positions - self.origin, np.float32))

    def _rays(self, origins: NDArray, directions: NDArray):  # type: ignore[no-untyped-def]
        rays = np.empty((len(origins), 6), np.float32)
        np.subtract(origins, self.origin, out=rays[:, :3], casting="same_kind")
        rays[:, 3:] = directions
        return self._o3d.core.Tensor(rays)


def sample_surface(mesh: TriangleMesh, n: int, *, seed: int) -> tuple[Array, NDArray[np.int64]]:
    """n points [n, 3] spread evenly over the area of the mesh, and their faces [n]; none if it has no area."""
    areas = mesh.face_areas
    if areas.sum() <= 0:
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    rng = np.random.default_rng(seed)
    face = rng.choice(len(areas), size=n, p=areas / areas.sum())
    a, b, c = (mesh.vertices[mesh.faces[face, i]] for i in range(3))
    u, v = rng.random((2, n, 1))
    u, v = np.where(u + v > 1, 1 - u, u), np.where(u + v > 1, 1 - v, v)  # fold the square onto the triangle
    return a + u * (b - a) + v * (c - a), face
