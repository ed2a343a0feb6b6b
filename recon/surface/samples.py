"""Points spread evenly over the area of a mesh."""

import numpy as np
from numpy.typing import NDArray

from recon.geometry import TriangleMesh
from recon.geometry.transforms import Array


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
