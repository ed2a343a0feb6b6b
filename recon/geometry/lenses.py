"""Models of lenses: where a point of the image plane is seen, and in which direction a seen point lies.

An image-plane point is (x / z, y / z) of a point in the camera frame, a *seen* point (pixel - centre) / focal length. Names,
formulas and the order of the coefficients are COLMAP's and OpenCV's:

    PINHOLE             none
    OPENCV              k1 k2 p1 p2                  radial and tangential (Brown-Conrady)
    FULL_OPENCV         k1 k2 p1 p2 k3 k4 k5 k6      the same, the radial part a fraction of two polynomials
    FOV                 omega                        one angle spread evenly over the picture (Devernay and Faugeras 2001)
    OPENCV_FISHEYE      k1 k2 k3 k4                  equidistant (Kannala-Brandt)
    THIN_PRISM_FISHEYE  k1 k2 p1 p2 k3 k4 sx1 sy1    equidistant, radial, tangential, and a prism (Weng 1992)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import normalize

Coefficients = Sequence[float]
_NEWTON_STEPS = 20  # at most: four suffice for phones, six for action cameras; beyond a fold none do
_SETTLED = 1e-12
_TINY = 1e-9  # distance from the axis below which a fisheye changes nothing


@dataclass(frozen=True)
class LensModel:
    """One model of lenses; formats ask here for the names and the order of its coefficients."""

    coefficients: tuple[str, ...]  # names, in the order of `Camera.distortion`
    colmap_id: int
    distort: Callable[[Tensor, Coefficients], Tensor]  # image-plane points [.., 2] -> seen points [.., 2]
    directions: Callable[[Tensor, Coefficients], Tensor]  # seen points [.., 2] -> unit directions [.., 3], camera frame
    sees_sideways: bool = False  # 90 degrees off the axis and more, where there is no image plane


def _pinhole(plane: Tensor, _: Coefficients) -> Tensor:
    return plane


def _opencv(plane: Tensor, coefficients: Coefficients) -> Tensor:
    k1, k2, p1, p2 = coefficients
    r2 = plane.square().sum(-1)
    return _brown(plane, 1 + r2 * (k1 + r2 * k2), p1, p2)


def _full_opencv(plane: Tensor, coefficients: Coefficients) -> Tensor:
    k1, k2, p1, p2, k3, k4, k5, k6 = coefficients
    r2 = plane.square().sum(-1)
    above, below = (1 + r2 * (a + r2 * (b + r2 * c)) for a, b, c in ((k1, k2, k3), (k4, k5, k6)))
    return _brown(plane, above / below, p1, p2)


def _brown(plane: Tensor, radial: Tensor, p1: float, p2: float) -> Tensor:
    """Points stretched by `radial` [..], and the tangential part."""
    x, y = plane.unbind(-1)
    xy, r2 = x * y, x * x + y * y
    across = x * radial + 2 * p1 * xy + p2 * (r2 + 2 * x * x)
    down = y * radial + 2 * p2 * xy + p1 * (r2 + 2 * y * y)
    return torch.stack([across, down], -1)


def _fov(plane: Tensor, coefficients: Coefficients) -> Tensor:
    omega, double_tangent = _fov_numbers(coefficients)
    r = plane.norm(dim=-1, keepdim=True).clamp_min(_TINY)
    return plane * torch.atan(r * double_tangent) / (r * omega)


def _fov_directions(seen: Tensor, coefficients: Coefficients) -> Tensor:
    omega, double_tangent = _fov_numbers(coefficients)
    r = seen.norm(dim=-1, keepdim=True).clamp_min(_TINY)
    return normalize(torch.cat([seen / r * torch.sin(r * omega), double_tangent * torch.cos(r * omega)], -1), dim=-1)


def _fov_numbers(coefficients: Coefficients) -> tuple[float, float]:
    """omega and 2 tan(omega / 2); none of it is a pinhole, which the formulas near but cannot reach."""
    omega = torch.tensor(max(abs(coefficients[0]), 1e-6), dtype=torch.float64)
    return float(omega), float(2 * torch.tan(omega / 2))


def _fisheye(plane: Tensor, coefficients: Coefficients) -> Tensor:
    angles = _angles(plane)
    return angles * (1 + _even_powers(angles, coefficients))[..., None]


def _thin_prism(plane: Tensor, coefficients: Coefficients) -> Tensor:
    return _prism_on_angles(_angles(plane), coefficients)


def _prism_on_angles(angles: Tensor, coefficients: Coefficients) -> Tensor:
    k1, k2, p1, p2, k3, k4, sx1, sy1 = coefficients
    prism = angles.square().sum(-1, keepdim=True) * angles.new_tensor([sx1, sy1])
    return _brown(angles, 1 + _even_powers(angles, (k1, k2, k3, k4)), p1, p2) + prism


def _angles(plane: Tensor) -> Tensor:
    """Image-plane points [.., 2] as far from the axis as their directions are in radians."""
    r = plane.norm(dim=-1, keepdim=True)
    return plane * torch.where(r > _TINY, torch.atan(r) / r.clamp_min(_TINY), 1.0)


def _even_powers(angles: Tensor, coefficients: Coefficients) -> Tensor:
    """k1 r^2 + k2 r^4 + k3 r^6 + k4 r^8 [..] of points [.., 2]."""
    k1, k2, k3, k4 = coefficients
    r2 = angles.square().sum(-1)
    return r2 * (k1 + r2 * (k2 + r2 * (k3 + r2 * k4)))


def _fisheye_directions(seen: Tensor, coefficients: Coefficients) -> Tensor:
    """Solve radius(theta) = |seen| by Newton in one variable; directions of more than 90 degrees are kept."""
    k1, k2, k3, k4 = coefficients
    radius = seen.norm(dim=-1)
    theta = radius.clamp(max=torch.pi / 2)
    for _ in range(12):
        t2 = theta * theta
        slope = 1 + t2 * (3 * k1 + t2 * (5 * k2 + t2 * (7 * k3 + t2 * 9 * k4)))
        stretched = theta * (1 + t2 * (k1 + t2 * (k2 + t2 * (k3 + t2 * k4))))
        theta = theta - (stretched - radius) / slope
    return _at_angle(seen, radius, theta)


def _thin_prism_directions(seen: Tensor, coefficients: Coefficients) -> Tensor:
    angles = _solved(seen, coefficients, _prism_on_angles)
    theta = angles.norm(dim=-1)
    return _at_angle(angles, theta, theta)


def _at_angle(across: Tensor, length: Tensor, theta: Tensor) -> Tensor:
    """Unit directions [.., 3] `theta` [..] from the axis, to the side of `across` [.., 2], which is `length` [..] long."""
    side = across / length.clamp_min(_TINY)[..., None]
    return torch.cat([side * torch.sin(theta)[..., None], torch.cos(theta)[..., None]], -1)


def _plane_directions(
    seen: Tensor, coefficients: Coefficients, *, distort: Callable[[Tensor, Coefficients], Tensor]
) -> Tensor:
    plane = seen if distort is _pinhole else _solved(seen, coefficients, distort)
    return normalize(torch.cat([plane, torch.ones_like(plane[..., :1])], -1), dim=-1)


def _solved(seen: Tensor, coefficients: Coefficients, distort: Callable[[Tensor, Coefficients], Tensor]) -> Tensor:
    """Invert `distort` by Newton steps with a central-difference Jacobian, in float64."""
    target = seen.double()
    guess = target.clone()
    step = 1e-5
    dx, dy = target.new_tensor([step, 0.0]), target.new_tensor([0.0, step])
    for _ in range(_NEWTON_STEPS):
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
        move = (move / determinant[..., None]).clamp(-0.5, 0.5)
        guess = guess - move
        if not move.numel() or float(move.abs().max()) < _SETTLED:
            break
    return guess.to(seen.dtype)


LENSES = {
    "PINHOLE": LensModel((), 1, _pinhole, partial(_plane_directions, distort=_pinhole)),
    "OPENCV": LensModel(("k1", "k2", "p1", "p2"), 4, _opencv, partial(_plane_directions, distort=_opencv)),
    "FULL_OPENCV": LensModel(
        ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"),
        6,
        _full_opencv,
        partial(_plane_directions, distort=_full_opencv),
    ),
    "FOV": LensModel(("omega",), 7, _fov, _fov_directions, sees_sideways=True),
    "OPENCV_FISHEYE": LensModel(("k1", "k2", "k3", "k4"), 5, _fisheye, _fisheye_directions, sees_sideways=True),
    "THIN_PRISM_FISHEYE": LensModel(
        ("k1", "k2", "p1", "p2", "k3", "k4", "sx1", "sy1"), 10, _thin_prism, _thin_prism_directions, sees_sideways=True
    ),
}

COEFFICIENTS = tuple(dict.fromkeys(name for lens in LENSES.values() for name in lens.coefficients))  # of any lens
