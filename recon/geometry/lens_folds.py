"""Where a distortion model turns back on itself: beyond, pixels have no line of sight, and what is computed for them is none."""

import torch
from torch import Tensor

from recon.geometry.cameras import Camera
from recon.geometry.lenses import LENSES

_GRID = 33  # pixels an axis that are asked, those at the border among them
_OFF_PX = 1.0  # a pixel whose line of sight comes back farther away has none
_STEP = 1e-4
_SIDEWAYS = 0.1  # cosine of the angle to the optical axis


def folded_share(camera: Camera, *, of_circle: bool = False) -> float:
    """The share of the picture, or of the circle that touches its longer edges, that lies beyond a fold of the lens (0 to 1)."""
    if not any(camera.distortion):
        return 0.0
    h, w = camera.size_hw
    y, x = torch.meshgrid(torch.linspace(0, h, _GRID), torch.linspace(0, w, _GRID), indexing="ij")
    pixels = torch.stack([x, y], -1).reshape(-1, 2).double()
    if of_circle:
        pixels = pixels[(pixels - pixels.new_tensor([w / 2, h / 2])).norm(dim=-1) <= min(h, w) / 2]
    directions = camera.unproject(pixels)
    # Pixels that look sideways or back have no place on the image plane.
    is_seen = directions[:, 2] > (_SIDEWAYS if LENSES[camera.model].sees_sideways else 0)
    directions, pixels = directions[is_seen], pixels[is_seen]
    off = (camera.project(directions) - pixels).norm(dim=-1)
    is_folded = ~(off < _OFF_PX) | (_area(camera, directions) <= 0)
    return float(is_folded.double().mean()) if len(pixels) else 0.0


def _area(camera: Camera, directions: Tensor) -> Tensor:
    """How the lens stretches the image plane there, as a signed area [n]: below zero it is seen mirrored."""
    plane = directions[:, :2] / directions[:, 2:]
    dx, dy = plane.new_tensor([_STEP, 0.0]), plane.new_tensor([0.0, _STEP])
    distort, k = LENSES[camera.model].distort, camera.distortion
    jx, jy = distort(plane + dx, k) - distort(plane - dx, k), distort(plane + dy, k) - distort(plane - dy, k)
    return jx[:, 0] * jy[:, 1] - jx[:, 1] * jy[:, 0]
