"""Nearest places by the native tree against Open3D's, which are the definition."""

import numpy as np
import pytest

from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.kernels import native
from recon.kernels.surfaces import AskedSurface

MIDDLE = np.array([300.0, 40, -7])


def crumpled(n: int) -> TriangleMesh:
    """n random triangles, two of them without an area, far from the origin."""
    random = np.random.default_rng(n)
    corners = random.uniform(-2, 2, (n, 1, 3)) + random.normal(size=(n, 3, 3)) * random.choice([0.02, 0.5], (n, 1, 1))
    corners[:2, 2] = corners[:2, 1]
    faces = np.arange(3 * n, dtype=np.int32).reshape(-1, 3)
    return TriangleMesh(corners.reshape(-1, 3) + MIDDLE, faces)


@pytest.mark.parametrize("n", [3, 17, 2000])
def test_the_nearest_place_is_open3ds(n: int) -> None:
    if reason := native.why_missing():
        pytest.skip(reason)
    mesh = crumpled(n)
    points = np.random.default_rng(1).uniform(-3, 3, (500, 3)) + MIDDLE
    found, wanted = AskedSurface(mesh).nearest(points), Surface(mesh).nearest(points)
    np.testing.assert_allclose(found.distance, wanted.distance, atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(found.positions - points, axis=1), found.distance, atol=1e-12)
    is_same = found.faces == wanted.faces
    is_told = is_same & np.isfinite(wanted.normals).all(1)
    assert is_same.mean() > 0.95
    np.testing.assert_allclose(found.normals[is_told], wanted.normals[is_told], atol=1e-3)
    assert not len(AskedSurface(mesh).nearest(np.zeros((0, 3))).distance)
