"""Questions to a triangle surface, answered by ray casting: what is hit, how far is it, on which side.

Normals follow the winding of the faces (counter-clockwise seen from the free side). No assumption of watertightness.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recon.formats.open3d_import import import_open3d
from recon.geometry.mesh import TriangleMesh

Array = NDArray[np.float64]

_TURNS = np.array([d for d in itertools.product((-1.0, 0.0, 1.0), repeat=3) if np.count_nonzero(d) in (1, 3)])
_AROUND = _TURNS / np.linalg.norm(_TURNS, axis=1, keepdims=True)


@dataclass(frozen=True)
class Hits:
    """First hits of rays: `distance` [n] is infinite where nothing is hit; `normals` [n, 3] are zero there."""

    distance: Array
    normals: Array


@dataclass(frozen=True)
class Nearest:
    """The surface point nearest to each query: its distance [n], position [n, 3] and face normal [n, 3]."""

    distance: Array
    positions: Array
    normals: Array


class Surface:
    """A mesh prepared for ray casts and nearest-point queries."""

    def __init__(self, mesh: TriangleMesh) -> None:
        self._o3d = import_open3d()
        # Queries are float32: centring keeps their precision where a world lies far from its origin.
        self._centre = mesh.vertices.mean(0)
        self._scene = self._o3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor(mesh.vertices - self._centre), self._o3d.core.Tensor(mesh.faces.astype(np.uint32))
        )

    def cast(self, origins: Array, directions: Array) -> Hits:
        """First hits of rays from `origins` [n, 3] along unit `directions` [n, 3]."""
        answer = self._scene.cast_rays(self._rays(origins, directions))
        return Hits(answer["t_hit"].numpy().astype(float), answer["primitive_normals"].numpy().astype(float))

    def cast_all(self, origins: Array, directions: Array) -> list[Array]:
        """For each ray the sorted distances of all its hits."""
        rays = self._rays(origins, directions)
        if not len(origins) or not self._scene.count_intersections(rays).numpy().any():
            return [np.zeros(0)] * len(origins)  # Open3D 0.20 crashes on lists without an entry
        answer = self._scene.list_intersections(rays)
        ends = answer["ray_splits"].numpy()[1:-1]
        return [np.sort(part.astype(float)) for part in np.split(answer["t_hit"].numpy(), ends)]

    def nearest(self, positions: Array) -> Nearest:
        """The nearest surface point of each position [n, 3]."""
        answer = self._scene.compute_closest_points(self._tensor(positions - self._centre))
        points = answer["points"].numpy().astype(float) + self._centre
        return Nearest(
            np.linalg.norm(points - positions, axis=1), points, answer["primitive_normals"].numpy().astype(float)
        )

    def encloses(self, positions: Array) -> np.ndarray:
        """Which positions [n] are shut in by matter: most rays around meet the surface from behind, if they meet it.

        A vote, so that a body with a hole in it, or one that stands on a floor, still has an inside. Two rays of five must
        meet it so: in the opening of a door only those along the wall do.
        """
        behind, front = np.zeros((2, len(positions)), int)
        for direction in _AROUND:
            facing = self.cast(positions, np.broadcast_to(direction, positions.shape)).normals @ direction
            behind += facing > 0
            front += facing < 0
        return behind > np.maximum(front, 0.4 * len(_AROUND))

    def distance(self, positions: Array) -> Array:
        """Unsigned distance [n] to the surface."""
        return self._scene.compute_distance(self._tensor(positions - self._centre)).numpy().astype(float)

    def _rays(self, origins: Array, directions: Array):  # type: ignore[no-untyped-def]
        return self._tensor(np.concatenate([origins - self._centre, directions], 1))

    def _tensor(self, values: Array):  # type: ignore[no-untyped-def]
        return self._o3d.core.Tensor(np.ascontiguousarray(values, np.float32))


def face_normals(mesh: TriangleMesh) -> Array:
    """Unit normals [f, 3]."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    return across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-300)
