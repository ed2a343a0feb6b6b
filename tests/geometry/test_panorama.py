"""Laws of panoramas: pixels and back, closed forms, views whose axes and seams lie where they should."""

import math

import numpy as np
import pytest
import torch

from recon.geometry.cameras import pixel_centers
from recon.geometry.panorama import (
    cube_camera,
    cube_views,
    directions_of_panorama,
    pixels_of_panorama,
    sampling_map,
)

SIZE_HW = (30, 64)  # not 2:1: the maps stretch each axis by itself


def test_every_pixel_comes_back() -> None:
    pixels = pixel_centers(SIZE_HW).double()
    directions = directions_of_panorama(pixels, SIZE_HW)
    assert torch.allclose(directions.norm(dim=-1), torch.ones(SIZE_HW, dtype=torch.float64))
    assert (pixels_of_panorama(directions, SIZE_HW) - pixels).abs().max() < 1e-9


def test_every_direction_comes_back_whatever_its_length() -> None:
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(500, 3, generator=generator, dtype=torch.float64)
    back = directions_of_panorama(pixels_of_panorama(directions, SIZE_HW), SIZE_HW)
    assert (back - torch.nn.functional.normalize(directions, dim=-1)).abs().max() < 1e-9


@pytest.mark.parametrize(
    ("xy", "direction"),
    [
        ((32.0, 15.0), (0, 0, 1)),  # the middle: forward
        ((48.0, 15.0), (1, 0, 0)),  # a quarter to the right
        ((16.0, 15.0), (-1, 0, 0)),
        ((0.0, 15.0), (0, 0, -1)),  # the left edge: behind
        ((7.0, 0.0), (0, -1, 0)),  # the top row: straight up, whatever x
        ((7.0, 30.0), (0, 1, 0)),
        ((40.0, 22.5), (0.5, math.sqrt(0.5), 0.5)),  # 45 degrees right, 45 down
    ],
)
def test_closed_forms(xy: tuple[float, float], direction: tuple[float, float, float]) -> None:
    pixel = torch.tensor(xy, dtype=torch.float64)
    found = directions_of_panorama(pixel, SIZE_HW)
    np.testing.assert_allclose(found.numpy(), direction, atol=1e-12)
    if direction[1] not in (-1, 1):
        back = pixels_of_panorama(torch.tensor(direction, dtype=torch.float64), SIZE_HW)
        assert back[1] == pytest.approx(xy[1]) and back[0] % 64 == pytest.approx(xy[0] % 64)


def test_a_turn_of_the_panorama_shifts_its_columns() -> None:
    """Turned to the right by one column, a direction is seen one column further left."""
    directions = directions_of_panorama(pixel_centers(SIZE_HW).double(), SIZE_HW)
    turn = cube_views(64, has_up=False, has_down=False)[1].panorama_from_camera
    moved = pixels_of_panorama(directions @ torch.from_numpy(turn), SIZE_HW)
    expected = pixel_centers(SIZE_HW).double() - torch.tensor([1.0, 0.0])
    assert ((moved - expected + 32) % 64 - 32)[..., 0].abs().max() < 1e-9
    assert (moved - expected)[..., 1].abs().max() < 1e-9


def test_views_look_where_their_names_say() -> None:
    views = {view.name: view.panorama_from_camera for view in cube_views(4, has_up=True, has_down=True)}
    assert list(views) == ["000", "090", "180", "270", "down", "up"] == sorted(views)
    axes = {name: rotation[:, 2] for name, rotation in views.items()}
    expected = {"000": (0, 0, 1), "090": (1, 0, 0), "180": (0, 0, -1), "270": (-1, 0, 0)}
    for name, axis in {**expected, "up": (0, -1, 0), "down": (0, 1, 0)}.items():
        np.testing.assert_allclose(axes[name], axis, atol=1e-12)
    for rotation in views.values():
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
    np.testing.assert_allclose(views["000"], np.eye(3), atol=1e-12)


def test_five_views_of_ninety_degrees_overlap_by_eighteen() -> None:
    camera, (first, second, *_) = cube_camera(fov_deg=90, side=40), cube_views(5, has_up=False, has_down=False)
    edges = torch.tensor([[40.0, 20.0], [0.0, 20.0]], dtype=torch.float64)
    right = camera.unproject(edges[0]).numpy() @ first.panorama_from_camera.T
    left = camera.unproject(edges[1]).numpy() @ second.panorama_from_camera.T
    assert math.degrees(math.atan2(right[0], right[2])) == pytest.approx(45)
    assert math.degrees(math.atan2(left[0], left[2])) == pytest.approx(72 - 45)


def test_a_sampling_map_holds_the_panoramas_pixels_of_the_views_rays() -> None:
    camera = cube_camera(fov_deg=90, side=8)
    assert camera.fx == pytest.approx(4) and camera.cx == 4
    view = cube_views(4, has_up=False, has_down=False)[1]
    mapped = sampling_map(camera, view.panorama_from_camera, (100, 200))
    assert mapped.shape == (8, 8, 2) and mapped.dtype == torch.float64
    # The ray through the pixel (0.5, 3.5) of the view to the right: 3.5/4 to its left, 0.5/4 above the horizon.
    longitude = 90 - math.degrees(math.atan(3.5 / 4))
    latitude = -math.degrees(math.atan(0.5 / math.hypot(3.5, 4)))
    assert mapped[3, 0, 0] == pytest.approx((longitude / 360 + 0.5) * 200)
    assert mapped[3, 0, 1] == pytest.approx((latitude / 180 + 0.5) * 100)
