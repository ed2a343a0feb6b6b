"""A person filming while walking, round a place or along it, and the sensor they film with."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from recon.bench.synthetic.renderer import Image
from recon.geometry.transforms import Array, look_at

Rng = np.random.Generator
STEPS_PER_SECOND = 1.8


@dataclass(frozen=True)
class Walk(ABC):
    """What all walks have: steps and hands that shake. Metres."""

    bob_m: float = 0.012  # up and down with each step, half of it sideways
    shake_deg: float = 0.45

    @abstractmethod
    def eyes_and_targets(self, share: NDArray[np.float64], bob: Array, rng: Rng) -> tuple[Array, Array]:
        """Where the camera is and what it looks at, each [n, 3], at shares [n] of the walk; `bob` [n, 3] is what steps add."""


@dataclass(frozen=True)
class Round(Walk):
    """A loop round the origin, looking inwards and down, now and then aside. Metres."""

    radii: tuple[float, float] = (2.02, 1.58)  # of the ellipse along x and y
    turns: float = 1.04  # a little more than once round: the end sees the start again
    height: tuple[float, float] = (1.22, 1.68)
    target_height: tuple[float, float] = (0.5, 1.05)  # the gaze crosses the far side at this height
    across: float = 0.3  # the gaze ends so far behind the middle, as a share of the way to it
    sway_deg: float = 17.0  # slow turning of the head away from the middle

    def eyes_and_targets(self, share: NDArray[np.float64], bob: Array, rng: Rng) -> tuple[Array, Array]:
        angle = 2 * np.pi * self.turns * share - 2.0
        radius = 1 + _wander(share, 9, 0.05, rng)
        x = self.radii[0] * radius * np.cos(angle)
        y = self.radii[1] * radius * np.sin(angle)
        eyes = np.stack([x, y, _between(self.height, 3.0, share, rng)], -1) + bob
        targets = np.stack([-self.across * x, -self.across * y, _between(self.target_height, 4.0, share, rng)], -1)
        sway = np.deg2rad(self.sway_deg) * _wave(share, 5.0, rng)
        return eyes, eyes + _about_z(targets - eyes, sway)


@dataclass(frozen=True)
class Along(Walk):
    """A way along +x, once and not back, past something at its left: the gaze goes to it, ahead and back, up and down. Metres."""

    span: tuple[float, float] = (-5.2, 5.6)  # x at the start and at the end
    y: float = -6.2
    height: tuple[float, float] = (1.5, 1.62)
    ahead_deg: tuple[float, float] = (-12.0, 26.0)  # of the gaze from straight at the left towards where one walks
    up_deg: tuple[float, float] = (1.0, 21.0)

    def eyes_and_targets(self, share: NDArray[np.float64], bob: Array, rng: Rng) -> tuple[Array, Array]:
        # nobody walks at an even pace: the share of the way runs ahead of that of the time and falls back
        way = share + 0.02 * _wave(share, 1.5, rng)
        x = self.span[0] + (self.span[1] - self.span[0]) * way
        y = self.y + _wander(share, 7, 0.12, rng)
        eyes = np.stack([x, y, _between(self.height, 2.0, share, rng)], -1) + bob
        ahead, up = (
            np.deg2rad(_between(limits, cycles, share, rng))
            for limits, cycles in ((self.ahead_deg, 2.0), (self.up_deg, 2.5))
        )
        return eyes, eyes + np.stack([np.sin(ahead) * np.cos(up), np.cos(ahead) * np.cos(up), np.sin(up)], -1)


def walk_poses(walk: Walk, times_s: NDArray[np.float64], *, duration_s: float, rng: Rng) -> Array:
    """`world_from_camera` [n, 4, 4] (OpenCV axes) at the given times of a walk that takes `duration_s`."""
    share = times_s / duration_s
    steps = 2 * np.pi * STEPS_PER_SECOND * times_s
    bob = np.stack([np.sin(steps / 2) / 2, np.cos(steps / 2) / 2, np.sin(steps)], -1) * walk.bob_m
    eyes, targets = walk.eyes_and_targets(share, bob, rng)
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


def _between(limits: tuple[float, float], cycles: float, share: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
    """A sine between two limits, of random phase."""
    return np.mean(limits) + np.ptp(limits) * _wave(share, cycles, rng) / 2


def _about_z(vectors: Array, angles: NDArray[np.float64]) -> Array:
    cos, sin = np.cos(angles), np.sin(angles)
    x, y, z = vectors.T
    return np.stack([cos * x - sin * y, sin * x + cos * y, z], -1)
