"""The pinhole in numpy against `Camera`, there and back, and what it says of what cannot be seen."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from recon.geometry import Camera, apply_rigid, invert_rigid, pixel_centers, rigid
from recon.geometry.pinhole import intrinsics, pixels_of, rays_at, rays_of_pixels

CAMERA = Camera("PINHOLE", (11, 17), 20.0, 19.0, 8.1, 5.7)
POSE = rigid(Rotation.from_euler("xyz", [20, -30, 5], degrees=True).as_matrix(), np.array([0.3, -2.0, 1.1]))


def test_it_is_the_camera_without_its_lens() -> None:
    local = np.random.default_rng(0).uniform([-1, -1, 1], [1, 1, 4], (50, 3))
    x, y, _ = pixels_of(CAMERA, local)
    np.testing.assert_allclose(np.stack([x, y], -1), CAMERA.project(torch.from_numpy(local)).numpy(), atol=1e-12)
    rays = rays_of_pixels(CAMERA)
    assert rays.shape == (11, 17, 3) and (rays[..., 2] == 1).all()
    expected = CAMERA.unproject(pixel_centers(CAMERA.size_hw).double()).numpy()
    np.testing.assert_allclose(rays / np.linalg.norm(rays, axis=-1, keepdims=True), expected, atol=1e-12)
    assert intrinsics(CAMERA) == (20.0, 19.0, 8.1, 5.7)


def test_every_step_th_pixel_is_looked_through_its_centre() -> None:
    rays = rays_of_pixels(CAMERA, 4)
    assert rays.shape == (3, 4, 3)
    np.testing.assert_array_equal(rays[1, 2], rays_at(CAMERA, np.array(10.5), np.array(6.5)))


def test_there_and_back() -> None:
    y, x = np.array([0.5, 10.4, 3.3]), np.array([0.5, 16.9, 9.9])
    local = rays_at(CAMERA, x, y) * np.array([2.0, 0.1, 7.0])[:, None]
    back_x, back_y, is_inside = pixels_of(CAMERA, apply_rigid(invert_rigid(POSE), apply_rigid(POSE, local)))
    np.testing.assert_allclose(np.stack([back_x, back_y]), np.stack([x, y]), atol=1e-9)
    assert is_inside.all()


def test_what_is_behind_or_beside_is_not_in_the_picture() -> None:
    local = np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 0.0], [5.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    x, y, is_inside = pixels_of(CAMERA, local)
    assert is_inside.tolist() == [False, False, False, True]
    assert np.isfinite(x).all() and np.isfinite(y).all()
