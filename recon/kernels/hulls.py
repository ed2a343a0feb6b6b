"""Convex hulls of many small sets of points: natively, all threads at once, or with SciPy, which is the definition."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.spatial import ConvexHull, QhullError

from recon.geometry.transforms import Array, cross
from recon.kernels import native
from recon.kernels.native import convex_hulls as native_hulls

Hull = tuple[np.ndarray, np.ndarray]
_THIN = 1e-12  # of the largest face: what is smaller has no normal to speak of


def convex_hulls(sets: Sequence[Array]) -> list[Hull | None]:
    """Of each set of points [n, 3] the numbers [v] of those that are vertices of its hull, rising, and the hull's faces [f, 3].

    Faces are of those vertices, counter-clockwise from outside. None for a set that is too flat to have a hull.
    """
    if native.why_missing() is not None:
        return [convex_hull_reference(points) for points in sets]
    native.set_n_threads(torch.get_num_threads())
    return [
        convex_hull_reference(points) if hull is native_hulls.TANGLED else hull
        for points, hull in zip(sets, native_hulls.convex_hulls(sets), strict=True)
    ]


def convex_hull_reference(points: Array) -> Hull | None:
    """The definition, of one set."""
    if len(points) < 4:
        return None
    try:
        hull = ConvexHull(points - points.mean(0))
    except QhullError:
        return None
    vertices = np.sort(hull.vertices)
    faces = np.searchsorted(vertices, hull.simplices)
    a, b, c = (points[vertices[faces[:, i]]] for i in range(3))
    inward = (cross(b - a, c - a) * hull.equations[:, :3]).sum(1) < 0
    faces[inward] = faces[inward][:, ::-1]
    return vertices, faces


def planes_of(vertices: Array, faces: np.ndarray) -> Array:
    """The planes of a convex part's faces [f, 3] with an area: outward unit normal and offset [k, 4], negative inside."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = cross(b - a, c - a)
    size = np.linalg.norm(across, axis=1)
    whole = size > _THIN * size.max(initial=0.0)
    normals = across[whole] / size[whole, None]
    return np.concatenate([normals, -(normals * a[whole]).sum(1, keepdims=True)], 1)


def heights_over(planes: Array, points: Array) -> Array:
    """How far points [n, 3] lie before that of the planes [k, 4] which they are farthest before: outside a convex part > 0."""
    if native.why_missing() is None:
        return native_hulls.heights_over(planes, points)
    return np.asarray((points @ planes[:, :3].T + planes[:, 3]).max(1, initial=-np.inf))
