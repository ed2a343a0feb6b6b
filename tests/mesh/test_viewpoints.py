"""Which poses are rendered for fusion."""

import numpy as np

from recon.geometry import held_out
from recon.mesh.viewpoints import choose_viewpoints, farthest_poses, pose_gap, typical_distance


def test_training_poses_only_spread_and_small(worlds, capture):
    reconstruction = capture(worlds.World(worlds.cast_room), worlds.room_poses(24), size_hw=(90, 120))
    chosen = choose_viewpoints(reconstruction, n_views=7, max_side=60)
    assert len(chosen) == 7
    assert all(v.camera.model == "PINHOLE" and v.camera.size_hw == (45, 60) for v in chosen)
    flags = held_out(reconstruction.views)
    held = [v.world_from_camera for v, flag in zip(reconstruction.views, flags, strict=True) if flag]
    assert not any(np.allclose(v.world_from_camera, pose) for v in chosen for pose in held)


def test_views_half_way_fill_up_a_short_capture(worlds, capture):
    reconstruction = capture(worlds.World(worlds.cast_sphere), worlds.sphere_poses(40)[20:30])
    views = [v.world_from_camera for v in reconstruction.views]
    n_training = len(views) - sum(held_out(reconstruction.views))
    assert len(choose_viewpoints(reconstruction, n_views=50, max_side=60)) == n_training  # too far apart: none between
    close = [views[0] @ _shift(0.05 * i) for i in range(5)]
    chosen = choose_viewpoints(capture(worlds.World(worlds.cast_sphere), close), n_views=50, max_side=60)
    assert len(chosen) == 4 + 3  # the first view is held out
    between = chosen[-1].world_from_camera[:3, 3]
    np.testing.assert_allclose(between, (close[3][:3, 3] + close[4][:3, 3]) / 2, atol=1e-12)


def test_farthest_poses_cover(worlds):
    poses = np.stack([worlds.sphere_poses(1)[0] @ _shift(x) for x in np.linspace(0, 1, 21)])
    assert farthest_poses(poses, 3, distance=1.0) == [0, 10, 20]
    assert farthest_poses(poses, 99, distance=1.0) == list(range(21))
    np.testing.assert_allclose(pose_gap(poses, poses[0], distance=2.0), np.linspace(0, 0.5, 21))


def test_typical_distance_is_the_depth_of_the_points(worlds, capture):
    assert 1.8 < typical_distance(capture(worlds.World(worlds.cast_sphere), worlds.sphere_poses(9))) < 3.2


def _shift(x: float) -> np.ndarray:
    moved = np.eye(4)
    moved[0, 3] = x
    return moved
