"""Rays: `origin + t * direction`, unit direction, so t is a distance in units of the frame."""

from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from recon.geometry.cameras import Camera, pixel_centers


@dataclass(frozen=True)
class Rays:
    """n rays in one frame."""

    origins: Tensor  # [n, 3]
    directions: Tensor  # [n, 3], unit

    def __post_init__(self) -> None:
        assert self.origins.shape == self.directions.shape and self.origins.shape[-1] == 3

    def __len__(self) -> int:
        return len(self.origins)

    def __getitem__(self, index: slice | Tensor) -> "Rays":
        return Rays(self.origins[index], self.directions[index])

    def at(self, t: Tensor) -> Tensor:
        """Positions [n, 3] at distances t [n]."""
        return self.origins + t[:, None] * self.directions


def rays_through_pixels(camera: Camera, world_from_camera: Tensor, pixels: Tensor) -> Rays:
    """Rays in the world frame through pixels [n, 2] of one camera with pose [4, 4]."""
    directions = camera.unproject(pixels) @ world_from_camera[:3, :3].T
    return Rays(world_from_camera[:3, 3].expand_as(directions), directions)


# The pictures of a video share one camera, and undoing its distortion takes longer than much that follows.
@lru_cache(maxsize=2)
def pixel_directions(camera: Camera) -> Tensor:
    """Unit directions [h, w, 3] in the camera frame of all pixel centres, float32 on the CPU; not to be written to."""
    return camera.unproject(pixel_centers(camera.size_hw))


def z_of_directions(directions: Tensor, world_from_camera: Tensor) -> Tensor:
    """Cosine [n] between unit directions [n, 3] and the camera's forward axis: depth = distance * cosine."""
    return directions @ world_from_camera[:3, 2]
