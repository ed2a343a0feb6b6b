"""Which pictures a picture is matched with, and between which depths: a drive towards far towers over a near road."""

from pathlib import Path

import numpy as np

from recon.geometry import Camera, View, look_at
from recon.matching.sources import SparseScene, choose_sources, depth_ranges

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera("PINHOLE", (120, 160), 140.0, 140.0, 80.0, 60.0)


def drive(n: int) -> tuple[list[View], SparseScene]:
    """A picture a metre on a straight road, all of which see 200 points of the towers; each sees four of the road near by."""
    rng = np.random.default_rng(0)
    views, seen = [], []
    towers = rng.uniform((-40, 90, 2), (40, 110, 40), (200, 3))
    road = np.stack([rng.uniform(-2, 2, 4 * n), np.arange(4 * n) / 4 + 3, np.zeros(4 * n)], -1)
    for i in range(n):
        center = np.array([0.0, i, 1.5])
        views.append(View(f"{i:03}", Path(f"{i}.png"), CAMERA, look_at(center, center + np.array([0, 1, 0.0]), UP)))
        seen.append(np.concatenate([np.arange(200), 200 + 4 * i + np.arange(4)]))
    return views, SparseScene(np.concatenate([towers, road]), tuple(seen))


def test_the_nearest_cameras_are_asked_though_all_points_are_far() -> None:
    views, scene = drive(30)
    sources = choose_sources(views, scene, 8)
    assert (sources >= 0).all() and all(i not in row for i, row in enumerate(sources))
    for i in range(1, 29):
        assert {i - 1, i + 1} <= set(sources[i]), "what is near shows in the pictures before and after"
    steps = np.sort(np.abs(sources - np.arange(30)[:, None]), axis=1)[5:-5]
    assert (steps[:, :4] <= 2).all(), "half are the nearest"
    assert (steps[:, 4:6] >= 5).all() and (steps[:, 4:6] <= 10).all(), "a quarter stand some times as far"
    assert (steps[:, 6:] > 2).all(), "the rest as far as the towers want"


def test_cameras_that_look_elsewhere_are_not_asked_for_being_near() -> None:
    views, scene = drive(12)
    center = views[5].world_from_camera[:3, 3] + np.array([0.1, 0, 0])
    views.append(View("back", Path("back.png"), CAMERA, look_at(center, center - np.array([0, 1, 0.0]), UP)))
    scene = SparseScene(scene.positions, (*scene.seen, np.zeros(0, np.int64)))
    sources = choose_sources(views, scene, 8)
    assert not (sources[5] == 12).any()


def test_a_road_of_few_points_is_within_the_depths_that_are_searched() -> None:
    views, scene = drive(30)
    for near, far in depth_ranges(views, scene):
        assert near < 2.5 and far > 150


def test_the_search_begins_where_two_pictures_meet_though_no_point_is_near() -> None:
    views, scene = drive(30)
    towers = SparseScene(scene.positions, tuple(ids[ids < 200] for ids in scene.seen))
    assert all(near <= 3 for near, _ in depth_ranges(views, towers))
