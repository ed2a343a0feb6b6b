"""Pairs worth matching: neighbours that look at common space, in numbers that grow with the views and not their square."""

import numpy as np
import pytest

from recon.geometry import Camera, View, look_at
from recon.poses.given.frusta import near_and_far, overlaps, pairs_by_frusta

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera("PINHOLE", (90, 120), 100.0, 100.0, 60.0, 45.0)


def ring(n: int, *, outward: bool) -> list[View]:
    """Cameras on a circle of 2 m about the origin that look at it, or away from it."""
    views = []
    for i, angle in enumerate(2 * np.pi * np.arange(n) / n):
        eye = 2 * np.array([np.cos(angle), np.sin(angle), 0.1])
        pose = look_at(eye, 2 * eye if outward else np.zeros(3), UP)
        views.append(View(f"{i:03d}", __file__, CAMERA, pose))  # type: ignore[arg-type]
    return views


@pytest.mark.parametrize("outward", [False, True])
@pytest.mark.parametrize("scale", [0.01, 1.0, 500.0])
def test_neighbours_on_a_ring_are_matched_and_opposites_are_not(outward: bool, scale: float) -> None:
    views = ring(80, outward=outward)
    for view in views:
        view.world_from_camera[:3, 3] *= scale
    pairs = pairs_by_frusta(views, None, neighbours=12)
    gaps = np.array([min(j - i, 80 - j + i) for i, j in pairs])
    assert {(i, i + 1) for i in range(79)} | {(0, 79)} <= set(pairs)
    assert gaps.max() < 20 and gaps.max() >= 3
    assert all(i < j for i, j in pairs) and 80 * 2 <= len(pairs) <= 80 * 14


def test_few_views_are_matched_all_with_all() -> None:
    assert len(pairs_by_frusta(ring(13, outward=True), None, neighbours=12)) == 78


def test_points_decide_where_there_are_any() -> None:
    """Two cameras side by side that look along two sides of a wall share nothing; their frusta would."""
    views = ring(2, outward=False)
    left, right = (np.random.default_rng(i).normal(size=(200, 3)) * 0.05 for i in (0, 1))
    poses = [look_at(np.array([x, 0, 0]), np.array([x, 3.0, 0]), UP) for x in (-0.5, 0.5)]
    views = [View(f"{i}", v.image, CAMERA, pose) for i, (v, pose) in enumerate(zip(views, poses, strict=True))]
    points = np.concatenate([left + np.array([-1.9, 3, 0]), right + np.array([1.9, 3, 0])])
    assert overlaps(views, None)[0, 1] > 0.1
    np.testing.assert_allclose(overlaps(views, points), np.eye(2))


def test_near_and_far_takes_the_best_and_spreads_the_rest() -> None:
    assert near_and_far(list(range(5)), 6) == [0, 1, 2, 3, 4]
    assert near_and_far(list(range(20)), 6) == [0, 1, 2, 3, 11, 19]
