"""Equirectangular panoramas: directions to pixels and back, and the views cut from them.

The panorama's frame has camera axes (+x right, +y down, +z forward) with +z through the middle of the picture. Longitude
runs from -180 degrees at the left edge to 180 at the right, positive to the right; latitude from -90 at the top to 90 at
the bottom, positive downwards, so that both grow with the pixels. Pixels: (x, y), the centre of the top-left one is
(0.5, 0.5); the picture spans [0, w] x [0, h].
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recon.geometry.cameras import Camera, pixel_centers
from recon.geometry.transforms import Array


@dataclass(frozen=True)
class CubeView:
    """A perspective view from the centre of a panorama. A cube has six of them; here any number stands around."""

    name: str  # unique in its panorama; the order of names is the order of views
    yaw_deg: float  # to the right of the panorama's middle
    pitch_deg: float  # above the horizon

    @property
    def panorama_from_camera(self) -> Array:
        """[3, 3] rotation: the camera pitched up, then turned right."""
        yaw, pitch = math.radians(self.yaw_deg), math.radians(self.pitch_deg)
        turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        tilt = np.array([[1, 0, 0], [0, math.cos(pitch), -math.sin(pitch)], [0, math.sin(pitch), math.cos(pitch)]])
        return turn @ tilt


def directions_of_panorama(
    pixels: Tensor,  # [.., 2]
    size_hw: tuple[int, int],
) -> Tensor:
    """Unit directions [.., 3] in the panorama's frame of pixels of a panorama of `size_hw`.

    >>> directions_of_panorama(torch.tensor([200.0, 100.0]), (200, 400))  # the middle looks forward
    tensor([0., 0., 1.])
    """
    h, w = size_hw
    longitude = (pixels[..., 0] / w - 0.5) * (2 * math.pi)
    latitude = (pixels[..., 1] / h - 0.5) * math.pi
    across = torch.cos(latitude)
    return torch.stack([across * torch.sin(longitude), torch.sin(latitude), across * torch.cos(longitude)], -1)


def pixels_of_panorama(
    directions: Tensor,  # [.., 3], any length
    size_hw: tuple[int, int],
) -> Tensor:
    """Pixels [.., 2] of directions in the panorama's frame; x is 0 to w, straight up and down lie at y = 0 and y = h."""
    h, w = size_hw
    x, y, z = directions.unbind(-1)
    longitude = torch.atan2(x, z)
    latitude = torch.atan2(y, torch.hypot(x, z))
    return torch.stack([(longitude / (2 * math.pi) + 0.5) * w, (latitude / math.pi + 0.5) * h], -1)


def cube_camera(*, fov_deg: float, side: int) -> Camera:
    """The pinhole camera of square views of `side` pixels that see `fov_deg` across and down."""
    focal = side / 2 / math.tan(math.radians(fov_deg) / 2)
    return Camera("PINHOLE", (side, side), focal, focal, side / 2, side / 2)


def sampling_map(
    camera: Camera,
    panorama_from_camera: Array,  # [3, 3]
    panorama_hw: tuple[int, int],
) -> Tensor:
    """Where in the panorama each pixel centre of the view lies: pixels, float64 [h, w, 2]."""
    in_camera = camera.unproject(pixel_centers(camera.size_hw).double())
    return pixels_of_panorama(in_camera @ torch.from_numpy(panorama_from_camera).T, panorama_hw)


def cube_views(n_around: int, *, has_up: bool, has_down: bool) -> tuple[CubeView, ...]:
    """`n_around` views around the horizon, named by their yaw in degrees, then one straight up and down where asked.

    >>> [view.name for view in cube_views(5, has_up=False, has_down=True)]
    ['000', '072', '144', '216', '288', 'down']
    """
    around = [360.0 * i / n_around for i in range(n_around)]
    views = [CubeView(f"{round(yaw):03d}", yaw, 0.0) for yaw in around]
    views += [CubeView("down", 0.0, -90.0)] * has_down + [CubeView("up", 0.0, 90.0)] * has_up
    return tuple(views)
