"""The point nearest to lines of sight: exact where they meet, least squares where they do not, finite where they are parallel."""

import numpy as np

from recon.geometry import focus_of, look_at, nearest_to_lines

UP = np.array([0.0, 0.0, 1.0])


def lines_through(point: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    directions = np.random.default_rng(seed).normal(size=(n, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return point - np.linspace(1, 4, n)[:, None] * directions, directions


def test_lines_that_meet_are_met_there_one_point_or_many() -> None:
    points = np.array([[1.0, -2.0, 3.0], [0.2, 0.1, -5.0]])
    origins, directions = (
        np.stack(x) for x in zip(*(lines_through(p, 7, s) for s, p in enumerate(points)), strict=True)
    )
    np.testing.assert_allclose(nearest_to_lines(origins, directions), points, atol=1e-12)
    np.testing.assert_allclose(nearest_to_lines(origins[0], directions[0]), points[0], atol=1e-12)


def test_it_has_the_least_weighted_squared_distance() -> None:
    origins, directions = lines_through(np.zeros(3), 9)
    origins = origins + np.random.default_rng(1).normal(scale=0.1, size=origins.shape)
    weights = np.linspace(0.2, 3, 9)

    def cost(point: np.ndarray) -> float:
        away = point - origins
        return float((weights * ((away**2).sum(1) - (away * directions).sum(1) ** 2)).sum())

    best = nearest_to_lines(origins, directions, weights=weights)
    assert all(cost(best) < cost(best + 1e-3 * step) for step in np.concatenate([np.eye(3), -np.eye(3)]))


def test_a_line_without_weight_says_nothing() -> None:
    origins, directions = lines_through(np.array([1.0, 0.0, 0.0]), 5)
    weights = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    moved = origins + np.array([[0.0, 9.0, 0.0]]) * (weights == 0)[:, None]
    np.testing.assert_allclose(nearest_to_lines(moved, directions, weights=weights), [1, 0, 0], atol=1e-12)


def test_parallel_lines_fall_back_on_the_prior() -> None:
    origins, directions = np.array([[0.0, 0, 0], [2.0, 0, 0]]), np.tile([0.0, 0, 1.0], (2, 1))
    point = nearest_to_lines(origins, directions, prior=np.array([1.0, 0.0, 7.0]), prior_weight=1e-2)
    np.testing.assert_allclose(point, [1, 0, 7], atol=1e-9)


def test_focus_is_where_the_cameras_look() -> None:
    center, angles = np.array([0.3, -0.2, 0.1]), np.linspace(0, 2 * np.pi, 9, endpoint=False)
    eyes = center + 2 * np.stack([np.cos(angles), np.sin(angles), 0.3 + 0 * angles], -1)
    np.testing.assert_allclose(focus_of(np.stack([look_at(eye, center, UP) for eye in eyes])), center, atol=0.05)
    ahead = np.stack([look_at(np.array([0.0, x, 0.0]), np.array([1.0, x, 0.0]), UP) for x in (0.0, 1.0, 2.0)])
    assert np.isfinite(focus_of(ahead)).all() and focus_of(ahead)[0] > 0
