"""Laws of cameras and rays: projection and back, pixel centres, resizing, agreement with OpenCV's formulas."""

import cv2
import numpy as np
import pycolmap
import pytest
import torch

from recon.geometry import Camera, look_at, pixel_centers, rays_through_pixels, z_of_directions
from recon.geometry.lenses import LENSES

# A phone's main camera, an action camera, a fisheye, a depth camera, and others, with coefficients that their calibrations have.
CAMERAS = [
    Camera("PINHOLE", (48, 70), 60.0, 58.0, 36.5, 23.0),
    Camera("OPENCV", (48, 70), 60.0, 61.0, 34.0, 25.5, (0.12, -0.25, 0.001, -0.0007)),
    Camera("OPENCV", (54, 96), 45.0, 45.5, 47.0, 28.0, (-0.28, 0.07, -0.0004, 0.0009)),
    Camera("OPENCV_FISHEYE", (60, 80), 38.0, 38.5, 41.0, 29.0, (-0.02, 0.006, -0.004, 0.0008)),
    Camera("FULL_OPENCV", (72, 96), 50.5, 50.7, 48.0, 36.0, (0.52, -2.6, 4e-4, -2e-4, 1.5, 0.4, -2.4, 1.43)),
    Camera("FOV", (48, 70), 40.0, 41.0, 34.0, 25.5, (0.9,)),
    Camera(
        "THIN_PRISM_FISHEYE", (60, 80), 38.0, 38.5, 41.0, 29.0, (-0.02, 0.006, 1e-3, -8e-4, -4e-3, 8e-4, 7e-4, -6e-4)
    ),
]
NAMES = [f"{camera.model}-{camera.size_hw[1]}" for camera in CAMERAS]
cameras = pytest.mark.parametrize("camera", CAMERAS, ids=NAMES)


def pixels_of(camera: Camera) -> torch.Tensor:
    return pixel_centers(camera.size_hw).double()


@cameras
def test_every_pixel_comes_back(camera: Camera) -> None:
    pixels = pixels_of(camera)
    directions = camera.unproject(pixels)
    assert directions.shape == (*camera.size_hw, 3)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(camera.size_hw, dtype=torch.float64))
    assert directions[..., 2].min() > 0.1
    assert (camera.project(directions) - pixels).abs().max() < 1e-6


@cameras
def test_every_pixel_comes_back_in_float32(camera: Camera) -> None:
    pixels = pixel_centers(camera.size_hw)
    directions = camera.unproject(pixels)
    assert directions.dtype == torch.float32
    assert (camera.project(directions) - pixels).abs().max() < 1e-3  # 24 bits of a hundred pixels, a few operations


@cameras
def test_points_come_back_as_directions(camera: Camera) -> None:
    generator = torch.Generator().manual_seed(0)
    directions = camera.unproject(pixels_of(camera)).reshape(-1, 3)
    depths = 0.1 + 9 * torch.rand(len(directions), 1, generator=generator, dtype=torch.float64)
    assert (camera.unproject(camera.project(directions * depths)) - directions).abs().max() < 1e-8


@cameras
def test_projection_is_opencvs(camera: Camera) -> None:
    """OpenCV puts the centre of the first pixel at (0, 0): half a pixel from ours."""
    points = (camera.unproject(pixels_of(camera)).reshape(-1, 3) * 2.5).numpy()
    matrix = np.array([[camera.fx, 0, camera.cx - 0.5], [0, camera.fy, camera.cy - 0.5], [0, 0, 1]])
    still = np.zeros(3)
    if camera.model == "OPENCV_FISHEYE":
        expected, _ = cv2.fisheye.projectPoints(points[:, None], still, still, matrix, np.array(camera.distortion))
    elif camera.model in ("FOV", "THIN_PRISM_FISHEYE"):
        pytest.skip("OpenCV has no such lens: see the test beside COLMAP")
    else:
        expected, _ = cv2.projectPoints(points, still, still, matrix, np.array(camera.distortion or (0.0,) * 4))
    ours = camera.project(torch.from_numpy(points)).numpy()
    assert ours - 0.5 == pytest.approx(expected.reshape(-1, 2), abs=1e-6)


@cameras
def test_projection_is_colmaps(camera: Camera) -> None:
    h, w = camera.size_hw
    params = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    theirs = pycolmap.Camera(model=camera.model, width=w, height=h, params=params)
    points = camera.unproject(pixels_of(camera))[::5, ::3].reshape(-1, 3)
    expected = np.array([theirs.img_from_cam(point) for point in points.numpy()])
    assert camera.project(points).numpy() == pytest.approx(expected, abs=1e-6)
    assert LENSES[camera.model].colmap_id == int(theirs.model)


def test_a_lens_of_one_even_angle_without_any_angle_is_a_pinhole() -> None:
    fov, pinhole = (
        Camera("FOV", (48, 64), 60.0, 60.0, 32.0, 24.0, (0.0,)),
        Camera("PINHOLE", (48, 64), 60.0, 60.0, 32.0, 24.0),
    )
    assert torch.allclose(fov.unproject(pixels_of(fov)), pinhole.unproject(pixels_of(fov)), atol=1e-9)


@pytest.mark.parametrize(
    "camera", [c for c in CAMERAS if LENSES[c.model].sees_sideways], ids=lambda camera: camera.model
)
def test_pixels_of_wide_lenses_look_sideways_and_back(camera: Camera) -> None:
    """The same lens over a picture three times as wide: directions turn on, evenly, past 90 degrees off the axis."""
    pixels = torch.stack([torch.linspace(camera.cx, camera.cx + 95, 96), torch.full((96,), camera.cy)], -1).double()
    directions = camera.unproject(pixels)
    turned = torch.linalg.cross(directions[:-1], directions[1:]).norm(dim=-1)
    assert directions[-1, 2] < 0 and bool((turned > 0.005).all() and (turned < 0.06).all())


@cameras
def test_points_behind_the_camera_have_no_pixel(camera: Camera) -> None:
    behind = torch.tensor([[0.1, 0.2, -1.0], [0.0, 0.0, 0.0], [0.3, 0.0, 0.0]])
    assert camera.project(behind).isnan().any(-1).all()


def test_a_fisheye_sees_beyond_ninety_degrees() -> None:
    """Radius = focal * theta without distortion: at 1.2 times 90 degrees the ray points backwards."""
    camera = Camera("OPENCV_FISHEYE", (60, 80), 20.0, 20.0, 40.0, 30.0, (0.0, 0.0, 0.0, 0.0))
    theta = 0.6 * np.pi
    direction = camera.unproject(torch.tensor([40.0 + 20.0 * theta, 30.0], dtype=torch.float64))
    assert direction.numpy() == pytest.approx([np.sin(theta), 0, np.cos(theta)])


@cameras
def test_principal_point_is_straight_ahead(camera: Camera) -> None:
    ahead = camera.unproject(torch.tensor([camera.cx, camera.cy], dtype=torch.float64))
    assert torch.allclose(ahead, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), atol=1e-9)


@cameras
def test_x_points_right_and_y_points_down(camera: Camera) -> None:
    center = camera.project(torch.tensor([0.0, 0.0, 2.0]))
    right, down = camera.project(torch.tensor([[0.2, 0.0, 2.0], [0.0, 0.2, 2.0]]))
    assert right[0] > center[0] and abs(right[1] - center[1]) < 0.1
    assert down[1] > center[1] and abs(down[0] - center[0]) < 0.1


@cameras
def test_resizing_scales_pixels_about_the_corner(camera: Camera) -> None:
    h, w = camera.size_hw
    resized = camera.resized((2 * h, 3 * w))
    points = camera.unproject(pixels_of(camera))
    expected = camera.project(points) * torch.tensor([3.0, 2.0], dtype=torch.float64)
    assert (resized.project(points) - expected).abs().max() < 1e-6
    assert resized.resized(camera.size_hw) == camera


def test_halving_averages_the_four_pixels() -> None:
    """The centre of a pixel of the half-size image is the middle of its four pixels."""
    camera = CAMERAS[0]
    half = camera.resized((24, 35))
    four = camera.unproject(pixel_centers(camera.size_hw).reshape(24, 2, 35, 2, 2).mean((1, 3)))
    assert torch.allclose(half.unproject(pixel_centers(half.size_hw)), four, atol=1e-6)


def test_pixel_centers_are_x_y_and_start_at_half() -> None:
    centers = pixel_centers((3, 5))
    assert centers.shape == (3, 5, 2) and centers.dtype == torch.float32
    assert centers[0, 0].tolist() == [0.5, 0.5]
    assert centers[0, 4].tolist() == [4.5, 0.5]
    assert centers[2, 0].tolist() == [0.5, 2.5]


@pytest.mark.parametrize(
    "values",
    [
        ("SPHERICAL", (4, 6), 5.0, 5.0, 3.0, 2.0, ()),
        ("OPENCV", (4, 6), 5.0, 5.0, 3.0, 2.0, (0.1,)),
        ("PINHOLE", (4, 6), -5.0, 5.0, 3.0, 2.0, ()),
        ("PINHOLE", (4, 6), float("nan"), 5.0, 3.0, 2.0, ()),
        ("PINHOLE", (0, 6), 5.0, 5.0, 3.0, 2.0, ()),
    ],
)
def test_impossible_cameras_are_refused(values: tuple) -> None:
    with pytest.raises(ValueError):
        Camera(*values)


# ---- rays ----------------------------------------------------------------------------------------------------------

POSE = torch.from_numpy(look_at(np.array([2.0, -1.0, 1.5]), np.array([0.1, 0.3, 0.4]), np.array([0.0, 0.0, 1.0])))


@cameras
def test_points_on_a_ray_project_to_its_pixel(camera: Camera) -> None:
    pixels = pixels_of(camera).reshape(-1, 2)[::7]
    rays = rays_through_pixels(camera, POSE, pixels)
    t = torch.linspace(0.3, 4, len(rays), dtype=torch.float64)
    in_camera = (rays.at(t) - POSE[:3, 3]) @ POSE[:3, :3]
    assert (camera.project(in_camera) - pixels).abs().max() < 1e-6
    assert torch.allclose(rays.directions.norm(dim=-1), torch.ones(len(rays), dtype=torch.float64))
    depth = t * z_of_directions(rays.directions, POSE)
    assert torch.allclose(depth, in_camera[:, 2])


def test_part_of_the_rays() -> None:
    rays = rays_through_pixels(CAMERAS[0], POSE, pixels_of(CAMERAS[0]).reshape(-1, 2))
    part = rays[5:9]
    assert len(part) == 4 and torch.equal(part.directions, rays.directions[5:9])
