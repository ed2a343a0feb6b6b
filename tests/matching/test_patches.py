"""Patches are found to a tenth of a pixel where the pictures show them, whatever the pose of the other picture claims."""

import numpy as np
import pytest

from recon import kernels
from recon.bench.synthetic.renderer import render_color, render_depth
from recon.geometry import Camera, invert_rigid, look_at
from recon.geometry.pinhole import pixels_of, rays_of_pixels
from recon.geometry.transforms import apply_rigid
from recon.matching.patches import RADIUS, PatchPicture, cut_patches, find_patches
from tests.worlds import UP, textured_room

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="the native kernels are not built")

CAMERA = Camera("PINHOLE", (120, 160), 130.0, 130.0, 80.0, 60.0)


def taken_from(eye: tuple[float, float, float]) -> PatchPicture:
    pose = look_at(np.array(eye), np.array([0.2, 0.1, 0.0]), UP)
    color = render_color(textured_room(), CAMERA, pose, supersampling=2)
    return PatchPicture(np.rint(255 * color.mean(-1)).clip(0, 255).astype(np.uint8), CAMERA, pose)


def floor_patches(picture: PatchPicture):  # type: ignore[no-untyped-def]
    """Patches of the floor, and their pixels' positions."""
    depth = render_depth(textured_room(), CAMERA, picture.world_from_camera)
    positions = apply_rigid(picture.world_from_camera, rays_of_pixels(CAMERA) * depth[..., None])
    on_floor = np.abs(positions[..., 2]) < 1e-3
    step, margin = 7, RADIUS + 1
    y, x = (a[margin:-margin:step, margin:-margin:step].ravel() for a in np.mgrid[:120, :160])
    keep = on_floor[y, x]
    x, y = x[keep], y[keep]
    pose = picture.world_from_camera
    plane = pose[:3, :3].T @ UP / -(UP @ pose[:3, 3])  # z = 0 as q . X = 1 in the camera frame
    return cut_patches(picture, np.stack([x, y], -1), np.broadcast_to(plane, (len(x), 3))), positions[y, x]


def test_patches_lie_where_the_exact_world_has_them() -> None:
    first, second = taken_from((0.9, -0.6, 1.2)), taken_from((0.75, -0.75, 1.25))
    patches, positions = floor_patches(first)
    assert np.abs(patches.middles - positions).max() < 1e-3
    at, pixels = find_patches(patches, second)
    x, y, _ = pixels_of(CAMERA, apply_rigid(invert_rigid(second.world_from_camera), positions[at]))
    off = np.linalg.norm(pixels - np.stack([x, y], -1), axis=-1)
    assert len(at) > 25 and np.median(off) < 0.06 and np.percentile(off, 75) < 0.12


def test_a_wrong_pose_of_the_other_picture_does_not_move_what_is_found() -> None:
    first, second = taken_from((0.9, -0.6, 1.2)), taken_from((0.75, -0.75, 1.25))
    patches, _ = floor_patches(first)
    shifted = second.world_from_camera.copy()
    shifted[:3, 3] += [0.006, -0.004, 0.005]
    at, pixels = find_patches(patches, second)
    at_wrong, pixels_wrong = find_patches(patches, PatchPicture(second.grey, CAMERA, shifted))
    both, ours, theirs = np.intersect1d(at, at_wrong, return_indices=True)
    assert len(both) > 20 and np.abs(pixels[ours] - pixels_wrong[theirs]).max() < 0.05


def test_a_picture_that_looks_elsewhere_shows_none() -> None:
    first = taken_from((0.9, -0.6, 1.2))
    patches, _ = floor_patches(first)
    away = look_at(np.array([0.9, -0.6, 1.2]), np.array([3.0, -3.0, 3.0]), UP)
    assert len(find_patches(patches, PatchPicture(first.grey, CAMERA, away))[0]) == 0
