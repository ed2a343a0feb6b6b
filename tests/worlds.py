"""Tiny worlds with exact truth for tests. Sizes differ in every axis, so that a swapped axis shows.

    Solid("sphere" | "box")   a solid of constant density: functions for the volume renderer, exact entry and exit of rays
    textured_room()           a triangle room of 3 m x 2.4 m x 2 m with a box in it, richly textured, no roof
    room_views()              cameras on a ring in it
    write_room_photos()       photos of it on disk, as a photo folder
    room_reconstruction()     the same, posed: what the poses stage would hand on

Import as `from tests.worlds import ...`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from recon.bench.synthetic.materials import bricks, crate_side, mottled, planks, plaster, slabs
from recon.bench.synthetic.renderer import TexturedWorld, render_color
from recon.bench.synthetic.surfaces import assemble, box, rectangle, texture_size
from recon.formats.images import write_image
from recon.geometry import Camera, Points, Rays, Reconstruction, View, intersect_box, look_at
from recon.geometry.transforms import Array

UP = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Solid:
    """A sphere (half extents all the same radius) or an axis-aligned box of constant density, coloured by place."""

    kind: str  # "sphere" or "box"
    center: tuple[float, float, float] = (0.1, -0.05, 0.02)
    half: tuple[float, float, float] = (0.5, 0.5, 0.5)
    density: float = 200.0  # per scene unit

    def signed_distance(self, positions: Tensor) -> Tensor:
        """Negative inside [n]; exact for the sphere and for the box."""
        offset = positions - positions.new_tensor(self.center)
        if self.kind == "sphere":
            return offset.norm(dim=-1) - self.half[0]
        q = offset.abs() - positions.new_tensor(self.half)
        return q.clamp_min(0).norm(dim=-1) + q.amax(-1).clamp_max(0)

    def density_fn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Densities [n] and features [n, 3] (the positions, which `color_fn` turns into colours)."""
        return self.density * (self.signed_distance(positions) < 0).to(positions.dtype), positions

    def color_fn(self, features: Tensor, directions: Tensor) -> Tensor:
        """Colours [n, 3] of places: smooth, different everywhere, the same from all directions."""
        assert features.shape == directions.shape
        return color_of_place(features)

    def interval(self, rays: Rays) -> tuple[Tensor, Tensor]:
        """Exact entry and exit distances ([n], [n]); entry >= exit for a ray that misses."""
        center, half = rays.origins.new_tensor(self.center), rays.origins.new_tensor(self.half)
        if self.kind == "box":
            return intersect_box(rays, center - half, center + half)
        offset = rays.origins - center
        middle = -(offset * rays.directions).sum(-1)
        squared = self.half[0] ** 2 - (offset + middle[:, None] * rays.directions).square().sum(-1)
        chord = squared.clamp_min(0).sqrt()
        return torch.where(squared > 0, (middle - chord).clamp_min(0), 1.0), torch.where(
            squared > 0, middle + chord, 0.0
        )

    def opacity(self, rays: Rays) -> Tensor:
        """Exact opacity [n]: 1 - exp(-density * chord)."""
        enter, leave = self.interval(rays)
        return 1 - torch.exp(-self.density * (leave - enter).clamp_min(0))


def color_of_place(positions: Tensor) -> Tensor:
    """Colours [n, 3] in [0.1, 0.9] that vary smoothly and differently along every axis."""
    return 0.5 + 0.4 * torch.sin(positions * positions.new_tensor([3.0, 4.0, 5.0]) + positions.roll(1, -1))


# ---- the room ------------------------------------------------------------------------------------------------------

ROOM_LOW, ROOM_HIGH = np.array([-1.5, -1.2, 0.0]), np.array([1.5, 1.2, 2.0])


def textured_room(*, seed: int = 0, texel_m: float = 0.008) -> TexturedWorld:
    """A roofless room with a crate off the middle; inside faces point inwards, textures are full-bright."""
    (x0, y0, z0), (x1, y1, _) = ROOM_LOW, ROOM_HIGH
    dx, dy, dz = ROOM_HIGH - ROOM_LOW
    crate = box((0.25, -0.15), 0.0, (0.5, 0.7, 0.6), yaw_deg=25)[:5]
    surfaces = [
        rectangle((x0, y0, z0), (dx, 0, 0), (0, dy, 0)),
        rectangle((x0, y1, z0), (dx, 0, 0), (0, 0, dz)),
        rectangle((x1, y1, z0), (0, -dy, 0), (0, 0, dz)),
        rectangle((x1, y0, z0), (-dx, 0, 0), (0, 0, dz)),
        rectangle((x0, y0, z0), (0, dy, 0), (0, 0, dz)),
        *crate,
    ]
    textures = []
    for i, surface in enumerate(surfaces):
        size_hw, rng = texture_size(surface, texel_m), np.random.default_rng((seed, i))
        if i >= 5:
            albedo = crate_side(size_hw, texel_m, rng, color=(0.7, 0.5, 0.3), label=f"BOX {i}")
        elif i == 2:
            albedo = plaster(size_hw, texel_m, rng, color=(0.75, 0.7, 0.6), brick_share=0.4)
        elif i == 4:
            albedo = mottled(
                size_hw, texel_m, rng, colors=((0.8, 0.3, 0.2), (0.2, 0.4, 0.7), (0.9, 0.8, 0.4)), cell_m=0.2
            )
        else:
            albedo = (slabs, bricks, bricks, planks)[i](size_hw, texel_m, rng)
        textures.append(np.rint(255 * albedo).astype(np.uint8))
    return assemble(surfaces, textures, texel_m)


def room_camera(size_hw: tuple[int, int] = (96, 128)) -> Camera:
    """A pinhole with 67 degrees across."""
    h, w = size_hw
    return Camera("PINHOLE", size_hw, 0.75 * w, 0.75 * w, w / 2, h / 2)


def room_views(n: int) -> Array:
    """`world_from_camera` [n, 4, 4] on an ellipse in the room, looking across the middle, heights varying."""
    angles = 2 * np.pi * np.arange(n) / n
    eyes = np.stack([1.1 * np.cos(angles), 0.85 * np.sin(angles), 1.35 + 0.2 * np.sin(3 * angles + 1)], -1)
    targets = np.stack([-0.3 * eyes[:, 0], -0.3 * eyes[:, 1], 0.45 + 0.1 * np.cos(2 * angles)], -1)
    return np.stack([look_at(eye, target, UP) for eye, target in zip(eyes, targets, strict=True)])


def write_room_photos(folder: Path, n: int, *, size_hw: tuple[int, int] = (96, 128), seed: int = 0) -> list[Path]:
    """Photos photo_000.png ... of the room in `folder`, one for each pose of `room_views(n)`."""
    world, camera = textured_room(seed=seed), room_camera(size_hw)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo_{i:03d}.png" for i in range(n)]
    for path, pose in zip(paths, room_views(n), strict=True):
        color = render_color(world, camera, pose, supersampling=2)
        write_image(path, np.rint(255 * color).astype(np.uint8))
    return paths


def room_reconstruction(folder: Path, n: int, *, size_hw: tuple[int, int] = (96, 128), seed: int = 0) -> Reconstruction:
    """The photos written to `folder`, with exact poses and 500 sparse points on the room's surface."""
    paths = write_room_photos(folder, n, size_hw=size_hw, seed=seed)
    views = tuple(
        View(name=path.stem, image=path, camera=room_camera(size_hw), world_from_camera=pose, time_s=i / 15)
        for i, (path, pose) in enumerate(zip(paths, room_views(n), strict=True))
    )
    rng = np.random.default_rng(seed)
    positions = rng.uniform(ROOM_LOW, ROOM_HIGH, (500, 3))
    axis, side = rng.integers(3, size=500), rng.integers(2, size=500)
    side[axis == 2] = 0  # no roof
    positions[np.arange(500), axis] = np.stack([ROOM_LOW, ROOM_HIGH])[side, axis]
    points = Points(positions, rng.integers(0, 255, (500, 3)).astype(np.uint8))
    return Reconstruction(views, points=points, is_up_aligned=True)
