"""Convex hulls of small sets: the native kernel against SciPy's, its definition, and against what a hull is."""

import numpy as np
import pytest

from recon.geometry.transforms import Array
from recon.kernels import native
from recon.kernels.hulls import convex_hull_reference, convex_hulls, heights_over, planes_of


def sets_of_points() -> list[Array]:
    random = np.random.default_rng(0)
    sets = [random.normal(size=(n, 3)) for n in (4, 5, 17, 300)]
    sets += [np.unique(random.integers(0, 3, (n, 3)), axis=0).astype(float) for n in (30, 60)]  # many in one plane
    flat = np.concatenate([random.uniform(size=(40, 2)), np.zeros((40, 1))], 1)
    sets += [np.concatenate([flat, flat - [0, 0, 0.05]]), 1000 + np.repeat(sets[1], 3, axis=0), 1e-4 * sets[2]]
    turn = np.linalg.qr(random.normal(size=(3, 3)))[0]
    return [*sets, *(each @ turn for each in sets)]


def test_a_hull_holds_all_points_is_closed_and_as_large_as_scipys() -> None:
    for points, hull in zip(sets_of_points(), convex_hulls(sets_of_points()), strict=True):
        wanted = convex_hull_reference(points)
        assert hull is not None and wanted is not None
        vertices, faces = hull
        extent = np.ptp(points, axis=0).max()
        assert heights_over(planes_of(points[vertices], faces), points).max() < 1e-7 * extent
        edges = np.concatenate([faces[:, [i, (i + 1) % 3]] for i in range(3)])
        assert {tuple(e) for e in edges.tolist()} == {tuple(e) for e in edges[:, ::-1].tolist()}
        assert len(faces) == 2 * len(vertices) - 4 and (np.diff(vertices) > 0).all()
        np.testing.assert_allclose(_volume(points, hull), _volume(points, wanted), rtol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 3, 20])
def test_what_is_flat_has_no_hull(n: int) -> None:
    flat = np.random.default_rng(n).normal(size=(n, 3)) * [1, 1, 0]
    solid = np.random.default_rng(n).normal(size=(20, 3))
    hulls = convex_hulls([flat, solid])
    assert hulls[0] is None and hulls[1] is not None
    assert convex_hulls([]) == []


@pytest.mark.parametrize("n", [0, 1, 64, 130])
def test_native_heights_over_planes_are_the_largest_of_all(n: int) -> None:
    if reason := native.why_missing():
        pytest.skip(reason)
    random = np.random.default_rng(n)
    planes, points = random.normal(size=(7, 4)), random.normal(size=(n, 3))
    wanted = (points @ planes[:, :3].T + planes[:, 3]).max(1)
    np.testing.assert_allclose(heights_over(planes, points), wanted, rtol=1e-12)


def _volume(points: Array, hull: tuple[np.ndarray, np.ndarray]) -> float:
    a, b, c = (points[hull[0]][hull[1][:, i]] - points.mean(0) for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)
