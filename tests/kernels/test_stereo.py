"""Multi-view PatchMatch: native against the reference, exact planes cost least, sweeps find them, threads do not matter."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from recon.geometry import invert_rigid, look_at
from recon.kernels import native
from recon.kernels.stereo import (
    Hypotheses,
    StereoSettings,
    StereoView,
    stereo_agreement,
    stereo_costs,
    stereo_search,
    stereo_sweep,
)
from recon.kernels.stereo_reference import best_sources, plane_costs

pytestmark = pytest.mark.skipif(native.why_missing() is not None, reason=f"native kernels: {native.why_missing()}")

UP = np.array([0.0, 0.0, 1.0])
CENTERS = np.array([[0.0, -3.0, 1.0], [0.35, -3.05, 1.1], [-0.3, -2.9, 0.9], [0.1, -3.2, 1.3]])


def wall_views(size_hw: tuple[int, int] = (30, 41)) -> tuple[list[StereoView], list[np.ndarray]]:
    """Cameras before the wall y = 0.2 x, painted with smooth noise; and the exact plane q [3] of each."""
    rng = np.random.default_rng(5)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (200, 200)).astype(np.float32), (0, 0), 1.5)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    normal, h, w = np.array([-0.2, 1.0, 0.0]), *size_hw
    fx = fy = 0.9 * w
    views, planes = [], []
    for center in CENTERS:
        pose = look_at(center, np.array([0.0, 0.0, 1.0]), UP)
        y, x = np.mgrid[:h, :w] + 0.5
        rays = np.stack([(x - w / 2) / fx, (y - h / 2) / fy, np.ones((h, w))], -1) @ pose[:3, :3].T
        t = -(normal @ center) / (rays @ normal)
        points = center + t[..., None] * rays
        at = (points[..., [0, 2]] * 15 + 100).astype(np.float32)
        grey = cv2.remap(texture, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
        views.append(
            StereoView(np.rint(grey).astype(np.uint8), (fx, fy, w / 2, h / 2), invert_rigid(pose), near=1.0, far=9.0)
        )
        planes.append(pose[:3, :3].T @ normal / -(normal @ center))
    return views, planes


def everywhere(plane: np.ndarray, view: StereoView) -> np.ndarray:
    return np.broadcast_to(plane, (*view.grey.shape, 3)).astype(np.float32)


def costs_of_all(
    views: list[StereoView],
    states: list[Hypotheses],
    settings: StereoSettings,
    depths: list[np.ndarray] | None = None,
) -> None:
    for i, (view, state) in enumerate(zip(views, states, strict=True)):
        used = [s for s in SOURCES[i] if s >= 0]
        there = None if depths is None else [depths[s] for s in used]
        stereo_costs(view, state, [views[s] for s in used], settings, depths=there)


def sweep_all(
    views: list[StereoView],
    states: list[Hypotheses],
    settings: StereoSettings,
    depths: list[np.ndarray] | None = None,
    seed: int = 0,
) -> int:
    n = 0
    for i, (view, state) in enumerate(zip(views, states, strict=True)):
        used = [s for s in SOURCES[i] if s >= 0]
        there = None if depths is None else [depths[s] for s in used]
        n += stereo_sweep(view, state, [views[s] for s in used], settings, depths=there, seed=977 * seed + i)
    return n


SOURCES = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, -1]], np.int32)


@pytest.mark.parametrize("size_hw", [(30, 41), (17, 64)])
@pytest.mark.parametrize("is_geometric", [False, True])
def test_costs_are_the_references(size_hw: tuple[int, int], is_geometric: bool) -> None:
    views, exact = wall_views(size_hw)
    rng = np.random.default_rng(1)
    settings = StereoSettings(n_best=2, enough_variance=900.0 if is_geometric else 50.0)
    shaken = [everywhere(q, view) * rng.uniform(0.8, 1.2, (*size_hw, 1)) for q, view in zip(exact, views, strict=True)]
    hypotheses = [Hypotheses.of(planes.astype(np.float32)) for planes in shaken]
    depths = [v.depth(h.planes) * 1.01 for h, v in zip(hypotheses, views, strict=True)] if is_geometric else None
    costs_of_all(views, hypotheses, settings, depths)
    for i, (view, state) in enumerate(zip(views, hypotheses, strict=True)):
        used = [s for s in SOURCES[i] if s >= 0]
        for x, y in [(0, 0), (size_hw[1] - 1, 3), (9, 14), (20, 8)]:
            there = None if depths is None else [depths[s] for s in used]
            others, plane = [views[s] for s in used], state.planes[y, x].astype(float)
            costs = plane_costs(view, others, (x, y), plane, settings, there)
            best = best_sources(view, others, (x, y), plane, costs, settings)
            # bilinear weights at float32 pixel positions, grey values up to 255
            assert state.costs[y, x] == pytest.approx(costs[best].mean(), abs=2e-3)
            assert bin(state.chosen[y, x]).count("1") == 2 or state.costs[y, x] == 9


def test_the_exact_plane_costs_next_to_nothing_and_others_more() -> None:
    views, exact = wall_views()
    states = [Hypotheses.of(everywhere(q, view)) for q, view in zip(exact, views, strict=True)]
    wrong = [Hypotheses.of(everywhere(1.6 * q, view)) for q, view in zip(exact, views, strict=True)]
    costs_of_all(views, states, StereoSettings(n_best=2))
    costs_of_all(views, wrong, StereoSettings(n_best=2))
    middle = (slice(8, 22), slice(10, 30))
    assert np.median(states[0].costs[middle]) < 0.03
    assert np.median(wrong[0].costs[middle]) > 0.3


def test_sweeps_find_the_wall_from_chance_and_views_agree_on_it() -> None:
    views, exact = wall_views((60, 81))
    rng = np.random.default_rng(2)
    states = [Hypotheses.of(everywhere(np.array([0, 0, 1.0]), v) * rng.uniform(0.12, 0.9, (60, 81, 1))) for v in views]
    for turn in range(8):
        depths = [v.depth(s.planes) for s, v in zip(states, views, strict=True)] if turn > 4 else None
        costs_of_all(views, states, StereoSettings(n_best=2), depths)
        assert sweep_all(views, states, StereoSettings(n_best=2), depths, seed=turn) > 30_000
    depths = [v.depth(s.planes) for s, v in zip(states, views, strict=True)]
    true = 1 / (views[0].rays() @ exact[0].astype(np.float32))
    error = np.abs(depths[0] / true - 1)[8:-8, 8:-8]
    assert np.median(error) < 0.004 and (error < 0.02).mean() > 0.9
    agreeing, through, mean = stereo_agreement(views[0], depths[0], views[1:], depths[1:], pixels=1.0, relative=0.01)
    assert (agreeing[10:-10, 15:-15] >= 2).mean() > 0.8
    assert through[10:-10, 15:-15].mean() < 0.3
    np.testing.assert_allclose(mean, depths[0], rtol=0.01)


def test_single_pixels_cost_what_the_reference_says_and_take_their_best_candidate() -> None:
    views, exact = wall_views()
    pixels = np.array([[9, 14], [20, 8], [30, 20], [0, 0], [40, 3]], np.int32)
    settings = StereoSettings(n_best=2, n_refinements=0)
    factors = np.array([1.3, 1.02, 0.7])
    candidates = np.broadcast_to(exact[0] * factors[:, None], (len(pixels), 3, 3)).astype(np.float32)
    state = Hypotheses.of(np.broadcast_to(1.6 * exact[0], (len(pixels), 3)).astype(np.float32))
    stereo_search(views[0], pixels, state, candidates, views[1:], settings)
    for i, (x, y) in enumerate(pixels.tolist()):
        planes = [f * exact[0] for f in (1.6, *factors)]
        tried = [plane_costs(views[0], views[1:], (x, y), plane, settings) for plane in planes]
        best = [
            best_sources(views[0], views[1:], (x, y), plane, costs, settings)
            for plane, costs in zip(planes, tried, strict=True)
        ]
        means = [costs[of].mean() for costs, of in zip(tried, best, strict=True)]
        assert state.costs[i] == pytest.approx(min(means), abs=2e-3)
        np.testing.assert_allclose(state.planes[i], exact[0] * (1.6, *factors)[int(np.argmin(means))], rtol=1e-5)


def test_changes_by_chance_bring_single_pixels_nearer_whatever_the_threads() -> None:
    views, exact = wall_views((60, 81))
    pixels = np.stack(np.meshgrid(np.arange(12, 70, 4), np.arange(10, 50, 4)), -1).reshape(-1, 2).astype(np.int32)
    results, before = [], torch.get_num_threads()
    for n_threads in (1, 3):
        torch.set_num_threads(n_threads)
        state = Hypotheses.of(np.broadcast_to(1.03 * exact[0], (len(pixels), 3)).astype(np.float32))
        for turn in range(4):
            settings = StereoSettings(n_best=2, n_refinements=6)
            stereo_search(views[0], pixels, state, state.planes[:, None], views[1:], settings, seed=turn)
        results.append(state.planes)
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*results)
    rays = views[0].rays()[pixels[:, 1], pixels[:, 0]]
    error = np.abs((rays * state.planes).sum(-1) / (rays @ exact[0]) - 1)
    assert np.median(error) < 0.005 and np.median(state.costs) < 0.05


def test_a_source_beside_the_camera_counts_only_where_no_other_has_an_angle() -> None:
    views, exact = wall_views()
    beside = replace(views[0], camera_from_world=np.array(views[0].camera_from_world))
    beside.camera_from_world[0, 3] += 1e-3  # a millimetre: likes every plane
    state = Hypotheses.of(everywhere(1.3 * exact[0], views[0]))
    stereo_costs(views[0], state, [beside, *views[1:3]], StereoSettings(n_best=1, lack_cost=0.0))
    assert (state.chosen == 0b001).mean() > 0.7 and np.median(state.costs) < 0.05
    state = Hypotheses.of(state.planes)
    stereo_costs(views[0], state, [beside, *views[1:3]], StereoSettings(n_best=1, lack_cost=9.0))
    assert not (state.chosen & 0b001)[state.costs < 9].any()


def test_sources_chosen_before_are_kept_where_they_are_not_chosen_anew() -> None:
    views, exact = wall_views()
    state = Hypotheses.of(everywhere(1.1 * exact[0], views[0]))
    state.chosen[:] = 0b011
    stereo_costs(views[0], state, views[1:], StereoSettings(n_best=2, choose=False))
    assert (state.chosen == 0b011).all()
    pair = Hypotheses.of(state.planes)
    stereo_costs(views[0], pair, views[1:3], StereoSettings(n_best=2))
    np.testing.assert_allclose(state.costs, pair.costs, rtol=1e-5)


def test_a_depth_in_front_of_the_wall_is_looked_through() -> None:
    views, exact = wall_views()
    depths = [(1 / (v.rays() @ q.astype(np.float32))).astype(np.float32) for v, q in zip(views, exact, strict=True)]
    depths[0] = 0.8 * depths[0]
    agreeing, through, _ = stereo_agreement(views[0], depths[0], views[1:], depths[1:], pixels=1.0, relative=0.01)
    assert (through[10:20, 10:30] >= 2).all() and (agreeing == 0).all()


def test_threads_do_not_change_a_sweep() -> None:
    results, before = [], torch.get_num_threads()
    for n_threads in (1, 3):
        views, exact = wall_views()
        states = [Hypotheses.of(1.1 * everywhere(q, view)) for q, view in zip(exact, views, strict=True)]
        torch.set_num_threads(n_threads)
        costs_of_all(views, states, StereoSettings())
        sweep_all(views, states, StereoSettings(explore=False), seed=3)
        results.append(np.concatenate([s.planes for s in states], 0))
    torch.set_num_threads(before)
    np.testing.assert_array_equal(*results)


def test_a_floor_seen_at_a_grazing_angle_is_agreed_on() -> None:
    views, floor = [], np.array([0.0, 1.0, 0.0]) / 0.5  # half a unit below the cameras
    for forward in (0.0, 0.4):
        camera_from_world = np.eye(4)
        camera_from_world[2, 3] = -forward
        grey = np.zeros((60, 80), np.uint8)
        views.append(StereoView(grey, (70.0, 70.0, 40.0, 30.0), camera_from_world, near=0.1, far=99.0))
    depths = [view.depth(everywhere(floor, view)) for view in views]
    depths = [np.where(depth < 30, depth, 0).astype(np.float32) for depth in depths]
    agreeing, through, _ = stereo_agreement(views[0], depths[0], views[1:], depths[1:], pixels=1.0, relative=0.01)
    below = slice(37, 52)  # 7 to 22 rows below the horizon, where a row is 14 to 5 % of the depth
    assert (agreeing[below, 10:-10] == 1).mean() > 0.95 and (through[below, 10:-10] == 0).mean() > 0.95
