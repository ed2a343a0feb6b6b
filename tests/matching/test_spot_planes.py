"""Spots of a picture learn the depth and the turn of the surface that they lie on, from nothing but sparse points near them."""

import numpy as np
import pytest

from recon import kernels
from recon.bench.synthetic.renderer import render_color, render_depth
from recon.geometry import Camera, invert_rigid, look_at
from recon.geometry.pinhole import intrinsics, rays_of_pixels
from recon.geometry.transforms import apply_rigid
from recon.kernels.stereo import StereoView
from recon.matching.sources import SparseScene
from recon.matching.spot_planes import spot_planes
from tests.worlds import UP, textured_room

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="matching needs the native kernels")
CAMERA = Camera("PINHOLE", (120, 160), 130.0, 130.0, 80.0, 60.0)
POSES = [
    look_at(np.array([0.9 - 0.1 * i, -0.6 - 0.1 * i, 1.2 + 0.05 * (i % 2)]), np.array([0.2, 0.1, 0.0]), UP)
    for i in range(4)
]


def view_from(pose: np.ndarray) -> StereoView:
    color = render_color(textured_room(), CAMERA, pose, supersampling=2)
    grey = np.rint(255 * color.mean(-1)).clip(0, 255).astype(np.uint8)
    return StereoView(grey, intrinsics(CAMERA), invert_rigid(pose), near=0.2, far=8.0)


def test_depth_and_normal_are_those_of_the_exact_world() -> None:
    views = [view_from(pose) for pose in POSES]
    depth = render_depth(textured_room(), CAMERA, POSES[0])
    world = apply_rigid(POSES[0], rays_of_pixels(CAMERA) * depth[..., None])
    rng = np.random.default_rng(0)
    known = world[rng.integers(120, size=60), rng.integers(160, size=60)]
    scene = SparseScene(known, tuple(np.arange(60) for _ in POSES))
    on_floor = np.abs(world[..., 2]) < 1e-3
    y, x = (a[12:-12:6, 12:-12:6].ravel() for a in np.mgrid[:120, :160])
    pixels = np.stack([x, y], -1)[on_floor[y, x]].astype(np.int32)
    planes, costs = spot_planes(0, pixels, views, [1, 2, 3], scene, seed=0)
    good = costs < 0.3
    assert good.mean() > 0.45  # the others are not in all four pictures
    planes, pixels = planes[good], pixels[good]
    inverse = (planes * rays_of_pixels(CAMERA)[pixels[:, 1], pixels[:, 0]]).sum(-1)
    error = np.abs(inverse * depth[pixels[:, 1], pixels[:, 0]] - 1)
    assert np.median(error) < 0.005 and np.percentile(error, 80) < 0.02
    normals = -planes / np.linalg.norm(planes, axis=-1, keepdims=True) @ POSES[0][:3, :3].T
    assert np.rad2deg(np.median(np.arccos(np.clip(normals @ UP, -1, 1)))) < 12


def test_without_points_or_sources_there_are_no_planes() -> None:
    views, pixels = [view_from(POSES[0])], np.array([[40, 40]], np.int32)
    nothing = SparseScene(np.zeros((0, 3)), (np.zeros(0, np.int64),))
    some = SparseScene(np.zeros((1, 3)), (np.zeros(1, np.int64),))
    for sources, scene in (([0], nothing), ([], some)):
        planes, costs = spot_planes(0, pixels, views, sources, scene, seed=0)
        assert len(planes) == len(costs) == 0
