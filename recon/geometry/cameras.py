"""Camera intrinsics: from points in the camera frame to pixels and back, distortion included (`recon.geometry.lenses`).

Camera axes: +x right, +y down, +z forward. Pixels: (x, y), the centre of the top-left pixel is (0.5, 0.5).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from recon.geometry.lenses import LENSES

_LEAST_FOCAL, _MOST_FOCAL = (
    1e-4,
    1e6,
)  # of the longer side; beyond them a picture shows half of everything, or one point


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one camera. Focal lengths and principal point in pixels of an image of `size_hw`."""

    model: str
    size_hw: tuple[int, int]
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.model not in LENSES:
            raise ValueError(f"camera model {self.model!r}: expected one of {', '.join(LENSES)}")
        expected = len(LENSES[self.model].coefficients)
        if len(self.distortion) != expected:
            raise ValueError(f"{self.model} takes {expected} distortion coefficients, found {len(self.distortion)}")
        if len(self.size_hw) != 2 or not all(float(side).is_integer() for side in self.size_hw):
            raise ValueError(f"a camera's size is its height and width in pixels, found {self.size_hw}")
        numbers = torch.tensor([self.fx, self.fy, self.cx, self.cy, *self.distortion], dtype=torch.float64)
        if not bool(torch.isfinite(numbers).all()) or min(self.fx, self.fy) <= 0 or min(self.size_hw) <= 0:
            raise ValueError(f"camera intrinsics must be finite, focal lengths and size positive: {self}")
        side = max(self.size_hw)
        if not _LEAST_FOCAL * side <= min(self.fx, self.fy) <= max(self.fx, self.fy) <= _MOST_FOCAL * side:
            raise ValueError(
                f"focal lengths of {self.fx:.4g} and {self.fy:.4g} pixels for {side} pixels: expected "
                f"{_LEAST_FOCAL:g} to {_MOST_FOCAL:g} times as many"
            )

    def project(self, points: Tensor) -> Tensor:
        """Pixels [.., 2] of points [.., 3] in the camera frame. Points with z <= 0 give NaN."""
        z = points[..., 2:]
        plane = torch.where(z > 0, points[..., :2] / z, torch.nan)
        plane = LENSES[self.model].distort(plane, self.distortion)
        return plane * plane.new_tensor([self.fx, self.fy]) + plane.new_tensor([self.cx, self.cy])

    def unproject(self, pixels: Tensor) -> Tensor:
        """Unit directions [.., 3] in the camera frame of pixels [.., 2]."""
        plane = (pixels - pixels.new_tensor([self.cx, self.cy])) / pixels.new_tensor([self.fx, self.fy])
        return LENSES[self.model].directions(plane, self.distortion)

    def resized(self, size_hw: tuple[int, int]) -> "Camera":
        """The same camera for the image resampled to `size_hw` (edges stay where they are: half-pixel convention)."""
        sy, sx = size_hw[0] / self.size_hw[0], size_hw[1] / self.size_hw[1]
        return replace(self, size_hw=size_hw, fx=self.fx * sx, fy=self.fy * sy, cx=self.cx * sx, cy=self.cy * sy)

    def pinhole(self) -> "Camera":
        """The same camera without its distortion (for renders; not the same pixels)."""
        return replace(self, model="PINHOLE", distortion=())


def pixel_centers(size_hw: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """(x, y) of every pixel centre, float32 [h, w, 2]: the first is (0.5, 0.5)."""
    h, w = size_hw
    y, x = torch.meshgrid(torch.arange(h, device=device) + 0.5, torch.arange(w, device=device) + 0.5, indexing="ij")
    return torch.stack([x, y], -1)
