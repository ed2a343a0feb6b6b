"""Whose rays end behind what others see."""

from dataclasses import replace

import numpy as np

from recon.geometry import Camera, look_at
from recon.mesh.agreement import drop_behind
from recon.mesh.depth_maps import DepthMap
from recon.mesh.viewpoints import Viewpoint

CAMERA = Camera("PINHOLE", (60, 80), 60.0, 60.0, 40.0, 30.0)
SMALL = Camera("PINHOLE", (30, 40), 30.0, 30.0, 20.0, 15.0)
WALL = 4.0


def facing_the_wall(x: float, camera: Camera = CAMERA, depth: float = WALL) -> DepthMap:
    """All that a camera at [x, 0, 0] sees of a wall at y = `depth`."""
    center = np.array([x, 0, 0])
    pose = look_at(center, np.array([x, 1.0, 0]), np.array([0.0, 0, 1]))
    known = np.full(camera.size_hw, depth, np.float32)
    return DepthMap.of_field(Viewpoint(camera, pose), known, np.zeros(camera.size_hw, bool))


def west(view: DepthMap, wall: float = WALL) -> np.ndarray:
    """[h, w] the pixels that look at x < 0 of the wall."""
    return view.viewpoint.world_from_camera[0, 3] + wall * view.camera_rays[..., 0] < 0


def judges(n: int) -> list[DepthMap]:
    """Of the wall they measured the west alone."""
    all_of_it = [facing_the_wall(x) for x in np.linspace(-1, 0.5, n)]
    return [replace(view, depth=np.where(west(view), view.depth, 0).astype(np.float32)) for view in all_of_it]


def silent(view: DepthMap, measured: list[DepthMap]) -> np.ndarray:
    """[h, w] what is gone of it."""
    kept = drop_behind([view], measured, n_judges=8, least=2, tolerance=0.03)[0]
    return ~((kept.depth > 0) | kept.is_free)


def test_a_ray_through_what_two_measured_says_nothing() -> None:
    behind = facing_the_wall(0.0, SMALL, depth=6.0)
    np.testing.assert_array_equal(silent(behind, judges(4)), west(behind))
    free = replace(behind, depth=np.zeros_like(behind.depth), is_free=np.ones(SMALL.size_hw, bool))
    np.testing.assert_array_equal(silent(free, judges(4)), west(free))


def test_one_alone_silences_nobody_and_nobody_is_silenced_beside_or_before_the_surface() -> None:
    assert not silent(facing_the_wall(0.0, SMALL, depth=6.0), judges(1)).any()
    for depth in (WALL, 1.05 * WALL, 0.5 * WALL):
        assert not silent(facing_the_wall(0.0, SMALL, depth=depth), judges(4)).any()
