"""Camera intrinsics: from points in the camera frame to pixels and back, distortion included.

Camera axes: +x right, +y down, +z forward. Pixels: (x, y), the centre of the top-left pixel is (0.5, 0.5). The models
and the order of their distortion coefficients are COLMAP's and OpenCV's:

    PINHOLE         no distortion
    OPENCV          k1 k2 p1 p2       radial and tangential (Brown-Conrady)
    OPENCV_FISHEYE  k1 k2 k3 k4       equidistant (Kannala-Brandt)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

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
        if self.model not in MODELS:
            raise ValueError(f"camera model {self.model!r}: expected one of {', '.join(MODELS)}")
        expected = len(MODELS[self.model].coefficients)
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
        plane = MODELS[self.model].distort(plane, self.distortion)
        return plane * plane.new_tensor([self.fx, self.fy]) + plane.new_tensor([self.cx, self.cy])

    def unproject(self, pixels: Tensor) -> Tensor:
        """Unit directions [.., 3] in the camera frame of pixels [.., 2]."""
        plane = (pixels - pixels.new_tensor([self.cx, self.cy])) / pixels.new_tensor([self.fx, self.fy])
        return directions_of_plane(self.model, plane, self.distortion)

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


def directions_of_plane(model: str, plane: Tensor, distortion: Sequence[float | Tensor]) -> Tensor:
    """Unit directions [.., 3] of distorted image-plane points ((pixel - centre) / focal) [.., 2].

    Distortion coefficients may be tensors [..], so that one call serves pixels of many cameras of one model.
    """
    if model == "OPENCV_FISHEYE":
        return _fisheye_directions(plane, distortion)
    if model != "PINHOLE":
        plane = _undistort(plane, distortion, MODELS[model].distort)
    return torch.nn.functional.normalize(torch.cat([plane, torch.ones_like(plane[..., :1])], -1), dim=-1)


def _distort_none(plane: Tensor, _: Sequence[float | Tensor]) -> Tensor:
    return plane


def _distort_opencv(plane: Tensor, coefficients: Sequence[float | Tensor]) -> Tensor:
    k1, k2, p1, p2 = coefficients
    x, y = plane.unbind(-1)
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * k2)
    return torch.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y),
        ],
        -1,
    )


def _distort_fisheye(plane: Tensor, coefficients: Sequence[float | Tensor]) -> Tensor:
    r = plane.norm(dim=-1)
    stretch = torch.where(r > 1e-9, _fisheye_radius(torch.atan(r), coefficients) / r.clamp_min(1e-9), 1.0)
    return plane * stretch[..., None]


def _fisheye_radius(theta: Tensor, coefficients: Sequence[float | Tensor]) -> Tensor:
    k1, k2, k3, k4 = coefficients
    t2 = theta * theta
    return theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))


def _fisheye_directions(plane: Tensor, coefficients: Sequence[float | Tensor]) -> Tensor:
    """Solve radius(theta) = |plane| by Newton in one variable; directions of more than 90 degrees are kept."""
    k1, k2, k3, k4 = coefficients
    radius = plane.norm(dim=-1)
    theta = radius.clamp(max=torch.pi / 2)
    for _ in range(12):
        t2 = theta * theta
        slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
        theta = theta - (_fisheye_radius(theta, coefficients) - radius) / slope
    across = plane / radius.clamp_min(1e-9)[..., None]
    return torch.cat([across * torch.sin(theta)[..., None], torch.cos(theta)[..., None]], -1)


def _undistort(plane: Tensor, coefficients: Sequence[float | Tensor], distort: Callable) -> Tensor:
    """Invert `distort` by Newton steps with a central-difference Jacobian, in float64."""
    target = plane.double()
    guess = target.clone()
    step = 1e-5
    dx, dy = target.new_tensor([step, 0.0]), target.new_tensor([0.0, step])
    for _ in range(6):  # quadratic convergence: four suffice for phones, six for action cameras
        error = distort(guess, coefficients) - target
        jx = (distort(guess + dx, coefficients) - distort(guess - dx, coefficients)) / (2 * step)
        jy = (distort(guess + dy, coefficients) - distort(guess - dy, coefficients)) / (2 * step)
        determinant = jx[..., 0] * jy[..., 1] - jx[..., 1] * jy[..., 0]
        determinant = torch.where(determinant.abs() < 1e-3, 1e-3, determinant)  # folds of the model: stay finite
        move = torch.stack(
            [
                error[..., 0] * jy[..., 1] - error[..., 1] * jy[..., 0],
                error[..., 1] * jx[..., 0] - error[..., 0] * jx[..., 1],
            ],
            -1,
        )
        guess = guess - (move / determinant[..., None]).clamp(-0.5, 0.5)
    return guess.to(plane.dtype)


@dataclass(frozen=True)
class CameraModel:
    """One model of lenses; formats ask here for the names and the order of its coefficients."""

    coefficients: tuple[str, ...]  # names, in the order of `Camera.distortion`
    colmap_id: int
    distort: Callable[[Tensor, Sequence[float | Tensor]], Tensor]  # image-plane points [.., 2], coefficients -> [.., 2]


MODELS = {
    "PINHOLE": CameraModel((), 1, _distort_none),
    "OPENCV": CameraModel(("k1", "k2", "p1", "p2"), 4, _distort_opencv),
    "OPENCV_FISHEYE": CameraModel(("k1", "k2", "k3", "k4"), 5, _distort_fisheye),
}
