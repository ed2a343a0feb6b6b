"""A person filming while walking once round a room, and the sensor they film with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from recon.bench.synthetic.renderer import Image
from recon.geometry.transforms import Array, look_at

Rng = np.random.Generator


@dataclass(frozen=True)
class Walk:
    """A loop round the origin, looking inwards and down, now and then aside. Metres."""

    radii: tuple[float, float] = (2.02, 1.58)  # of the ellipse along x and y
    turns: float = 1.04  # a little more than once round: the end sees the start again
    height: tuple[float, float] = (1.22, 1.68)
    target_height: tuple[float, float] = (0.5, 1.05)  # the gaze crosses the far side at this height
    across: float = 0.3  # the gaze ends so far behind the middle, as a share of the way to it
    sway_deg: float = 17.0  # slow turning of the head away from the middle
    bob_m: float = 0.012  # steps
    shake_deg: float = 0.45  # hands


def walk_poses(walk: Walk, times_s: NDArray[np.float64], *, duration_s: float, rng: Rng) -> Array:
    """`world_from_camera` [n, 4, 4] (OpenCV axes) at the given times of a walk that takes `duration_s`."""
    share = times_s / duration_s
    angle = 2 * np.pi * walk.turns * share - 2.0
    radius = 1 + _wander(share, 9, 0.05, rng)
    steps = 2 * np.pi * 1.8 * times_s  # 1.8 steps per second
    x = walk.radii[0] * radius * np.cos(angle)
    y = walk.radii[1] * radius * np.sin(angle)
    z = np.mean(walk.height) + np.ptp(walk.height) * _wave(share, 3.0, rng) / 2 + walk.bob_m * np.sin(steps)
    eyes = np.stack([x, y, z], -1) + np.stack([np.sin(steps / 2), np.cos(steps / 2), 0 * x], -1) * walk.bob_m / 2
    target_z = np.mean(walk.target_height) + np.ptp(walk.target_height) * _wave(share, 4.0, rng) / 2
    targets = np.stack([-walk.across * x, -walk.across * y, target_z], -1)
    sway = np.deg2rad(walk.sway_deg) * _wave(share, 5.0, rng)
    targets = eyes + _about_z(targets - eyes, sway)
    poses = np.stack([look_at(eye, to, np.array([0.0, 0, 1])) for eye, to in zip(eyes, targets, strict=True)])
    shake = np.stack([_wander(share, max(8, int(4 * duration_s)), walk.shake_deg, rng) for _ in range(3)], -1)
    poses[:, :3, :3] = poses[:, :3, :3] @ Rotation.from_rotvec(np.deg2rad(shake)).as_matrix()
    return poses


def exposures(n: int, *, spread: float, rng: Rng) -> NDArray[np.float64]:
    """Gains [n] that drift slowly within 1 +- spread, as automatic exposure does."""
    drift = _wander(np.linspace(0, 1, n), 7, 1.0, rng)
    return 1 + spread * np.tanh(drift)


def sensor_image(color: Image, *, exposure: float, noise_sigma: float, rng: Rng) -> NDArray[np.uint8]:
    """What the sensor stores of colours [h, w, 3] in [0, 1]: gain, Gaussian noise (in units of 1), 8 bits."""
    noisy = exposure * color + noise_sigma * rng.standard_normal(color.shape, dtype=np.float32)
    return np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def _wander(share: NDArray[np.float64], n_knots: int, deviation: float, rng: Rng) -> NDArray[np.float64]:
    """A smooth random curve through n_knots normal numbers over share in [0, 1]."""
    return CubicSpline(np.linspace(0, 1, n_knots), deviation * rng.standard_normal(n_knots))(share)


def _wave(share: NDArray[np.float64], cycles: float, rng: Rng) -> NDArray[np.float64]:
    """A sine in [-1, 1] of random phase."""
    return np.sin(2 * np.pi * (cycles * share + rng.uniform()))


def _about_z(vectors: Array, angles: NDArray[np.float64]) -> Array:
    cos, sin = np.cos(angles), np.sin(angles)
    x, y, z = vectors.T
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], -1)
