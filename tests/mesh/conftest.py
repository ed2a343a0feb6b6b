"""Analytic worlds, rendered exactly: depth by closed form, colour by position. They stand in for a trained field."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from recon.geometry import Camera, Points, Reconstruction, Scale, View, look_at, pixel_centers
from recon.render.views import RenderedView

ROOM_LOW, ROOM_HIGH = np.array([-2.0, -1.5, 0.0]), np.array([2.0, 1.5, 2.4])
UP = np.array([0.0, 0.0, 1.0])


def checker(positions: np.ndarray, size: float = 0.4) -> np.ndarray:
    """Squares of one size on the faces of the room, tinted by position: [n, 3] in [0, 1]."""
    odd = np.floor(positions / size + 1e-6).astype(int).sum(-1) % 2
    tint = 0.25 + 0.5 * (positions - ROOM_LOW) / (ROOM_HIGH - ROOM_LOW)
    return np.where(odd[:, None] == 1, 0.9 * tint + 0.05, 0.45 * tint)


def smooth_colors(positions: np.ndarray) -> np.ndarray:
    """Slowly varying colours [n, 3] in [0, 1]."""
    return 0.5 + 0.35 * np.sin(2.0 * positions + np.array([0.0, 1.0, 2.0]))


@dataclass
class World:
    """A surface known in closed form: `cast(origins, directions)` -> (t [n], inf: none; outward normals [n, 3])."""

    cast: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    colors: Callable[[np.ndarray], np.ndarray] = smooth_colors
    depth_noise: float = 0.0
    floater: tuple[int, float] | None = None  # (which rendered view, depth of a patch nobody else sees)
    rendered: list[int] = field(default_factory=lambda: [0])
    seed: int = 0

    def render(self, camera: Camera, world_from_camera: np.ndarray, wanted: np.ndarray | None = None) -> RenderedView:
        h, w = camera.size_hw
        local = camera.unproject(pixel_centers((h, w)).reshape(-1, 2).double()).numpy()
        directions = local @ world_from_camera[:3, :3].T
        origins = np.broadcast_to(world_from_camera[:3, 3], directions.shape)
        t, normals = self.cast(origins, directions)
        hit = np.isfinite(t) if wanted is None else np.isfinite(t) & wanted.reshape(-1)
        color = np.ones((h * w, 3))
        color[hit] = self.colors(origins[hit] + t[hit, None] * directions[hit])
        depth = np.where(hit, np.where(hit, t, 0) * local[:, 2], 0).reshape(h, w)
        noise = np.random.default_rng([self.seed, self.rendered[0]]).normal(size=(h, w))
        depth = depth * (1 + self.depth_noise * noise)
        if self.floater is not None and self.rendered[0] == self.floater[0]:
            depth[h // 3 : h // 2, w // 3 : w // 2] = self.floater[1]
        self.rendered[0] += 1
        return RenderedView(
            color.reshape(h, w, 3).astype(np.float32),
            (depth > 0).astype(np.float32),
            depth.astype(np.float32),
            np.where(hit[:, None], normals, 0).reshape(h, w, 3).astype(np.float32),
        )


def cast_sphere(origins: np.ndarray, directions: np.ndarray, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    b = (origins * directions).sum(-1)
    root = b * b - (origins * origins).sum(-1) + radius**2
    t = np.where(root > 0, -b - np.sqrt(np.maximum(root, 0)), np.inf)
    t = np.where(t > 0, t, np.inf)
    return t, np.where(np.isfinite(t)[:, None], (origins + np.where(np.isfinite(t), t, 0)[:, None] * directions), 0)


def cast_room(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From inside a box: where rays leave it."""
    inverse = 1 / np.where(np.abs(directions) < 1e-12, 1e-12, directions)
    leave = np.maximum((ROOM_LOW - origins) * inverse, (ROOM_HIGH - origins) * inverse)
    axis = leave.argmin(-1)
    normals = np.zeros_like(directions)
    rows = np.arange(len(axis))
    normals[rows, axis] = -np.sign(directions[rows, axis])
    return leave.min(-1), normals


def sphere_poses(n: int, distance: float = 3.0) -> list[np.ndarray]:
    """Cameras all round the origin, on a Fibonacci spiral."""
    z = 1 - (2 * np.arange(n) + 1) / n
    turn = np.arange(n) * 2.399963
    around = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], -1)
    return [look_at(distance * eye, np.zeros(3), UP) for eye in around]


def room_poses(n: int) -> list[np.ndarray]:
    """A walk on an ellipse, looking across to the far wall, nodding down to the floor and up to the ceiling."""
    poses = []
    for i in range(n):
        turn = 2 * np.pi * i / n
        eye = np.array([1.1 * np.cos(turn), 0.7 * np.sin(turn), 1.2])
        poses.append(look_at(eye, np.array([-1.9 * np.cos(turn), -1.4 * np.sin(turn), [-0.6, 1.2, 3.0][i % 3]]), UP))
    return poses


@pytest.fixture
def capture(tmp_path: Path) -> Callable[..., Reconstruction]:
    """`capture(world, poses, size_hw=..., write_photos=True)`: a posed capture of a world."""

    def make(
        world: World, poses: list[np.ndarray], *, size_hw: tuple[int, int] = (90, 120), write_photos: bool = False
    ) -> Reconstruction:
        h, w = size_hw
        camera = Camera("OPENCV", size_hw, 0.6 * w, 0.61 * w, w / 2 + 1, h / 2 - 1, (0.03, -0.01, 0.001, -0.0005))
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        views = []
        for i, pose in enumerate(poses):
            views.append(View(f"{i:03d}", folder / f"{i:03d}.png", camera, pose))
            if write_photos:
                Image.fromarray(np.round(255 * world.render(camera, pose).color).astype(np.uint8)).save(views[-1].image)
        world.rendered[0] = 0
        directions = np.random.default_rng(1).normal(size=(400, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        origins = np.broadcast_to(poses[0][:3, 3], directions.shape)
        t, _ = world.cast(origins, directions)
        points = (origins + np.where(np.isfinite(t), t, 0)[:, None] * directions)[np.isfinite(t)]
        return Reconstruction(
            tuple(views), Points(points, np.zeros(points.shape, np.uint8)), Scale(1.0, "analytic", 0.0), True
        )

    return make


@pytest.fixture
def worlds() -> ModuleType:
    """This module: `worlds.World(worlds.cast_room)`, `worlds.room_poses(20)`, ..."""
    return sys.modules[__name__]
