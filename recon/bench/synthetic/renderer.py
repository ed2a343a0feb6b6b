"""A textured triangle world with exact truth, ray-cast: what a camera sees of it, and how deep.

Used for the sample capture (`scripts/make_sample.py`) and for tests that need pictures with exact poses and geometry.
Light is part of the textures (`light.py`), so a surface has the same colour from everywhere: what a radiance
field or a mesh is scored against is geometry and texture, not a reflection model.

    w h             texels: texture level l of a surface has about (h / 2^l, w / 2^l) texels
    level           mip level, 0 = full resolution
    footprint       side of the world-space square that one sample stands for
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from recon.geometry import Camera, TriangleMesh, pixel_centers
from recon.geometry.surface import Hits, Surface
from recon.geometry.transforms import Array

Image = NDArray[np.float32]

N_LEVELS = 8


@dataclass(frozen=True)
class TexturedWorld:
    """Triangles with textures, under a sky gradient. Metres, z up. Triangles are seen from both sides."""

    vertices: NDArray[np.float64]  # [v, 3]
    faces: NDArray[np.int32]  # [f, 3]
    uvs: NDArray[np.float32]  # [v, 2]; (0, 0) is the bottom left corner of the texture
    face_textures: NDArray[np.int32]  # [f] index into textures
    textures: tuple[NDArray[np.uint8], ...]  # each [h, w, 3], row 0 at the top
    texel_m: float  # side of a texel of level 0 on the surface, the same for all textures
    sky_horizon: tuple[float, float, float] = (0.82, 0.87, 0.92)
    sky_zenith: tuple[float, float, float] = (0.42, 0.60, 0.85)

    def __post_init__(self) -> None:
        assert self.vertices.shape[1:] == (3,) and self.uvs.shape == (len(self.vertices), 2)
        assert self.faces.shape == (len(self.face_textures), 3)
        assert self.face_textures.min() >= 0 and self.face_textures.max() < len(self.textures)

    @property
    def mesh(self) -> TriangleMesh:
        """The geometry alone, corners of neighbouring surfaces not merged."""
        return TriangleMesh(self.vertices, self.faces)

    @cached_property
    def surface(self) -> Surface:
        """The faces, to ask; the world stands at its origin."""
        return Surface(self.mesh, origin=np.zeros(3))

    @cached_property
    def mipmaps(self) -> "MipMaps":
        return MipMaps.of(self.textures)


def render(
    world: TexturedWorld, camera: Camera, world_from_camera: Array, *, supersampling: int = 2
) -> tuple[Image, Image]:
    """Colour [h, w, 3] in [0, 1] (mean of supersampling^2 samples per pixel) and exact depth [h, w] at pixel centres.

    Depth runs along camera z in metres; 0 where the sky is seen.
    """
    return (
        render_color(world, camera, world_from_camera, supersampling=supersampling),
        render_depth(world, camera, world_from_camera),
    )


def render_color(world: TexturedWorld, camera: Camera, world_from_camera: Array, *, supersampling: int) -> Image:
    """Anti-aliased colour [h, w, 3] in [0, 1]: a grid of samples in each pixel, each filtered by its mip level."""
    h, w = camera.size_hw
    n = supersampling
    fine = camera.resized((h * n, w * n))
    directions = _directions(fine, world_from_camera)
    hits = _cast(world, world_from_camera[:3, 3], directions)
    color = _sky(world, directions)
    is_hit = hits.is_hit
    face = hits.faces[is_hit]
    uv = _interpolate(world.uvs[world.faces[face]], hits.barycentric[is_hit])
    cosine = np.abs((hits.normals[is_hit].astype(np.float32) * directions[is_hit]).sum(-1))
    footprint = hits.distance[is_hit].astype(np.float32) / fine.fx / np.sqrt(np.maximum(cosine, 0.05))
    level = np.log2(footprint / world.texel_m) + _level_dither((h * n, w * n), n)[is_hit]
    color[is_hit] = world.mipmaps.sample(world.face_textures[face], uv, np.rint(level).astype(np.int64))
    return color.reshape(h, n, w, n, 3).mean((1, 3), dtype=np.float32)


def render_depth(world: TexturedWorld, camera: Camera, world_from_camera: Array) -> Image:
    """Exact depth [h, w] along camera z at the pixel centres; 0 where nothing is hit."""
    return render_depth_and_cosine(world, camera, world_from_camera)[0]


def render_depth_and_cosine(world: TexturedWorld, camera: Camera, world_from_camera: Array) -> tuple[Image, Image]:
    """`render_depth`, and the cosine [h, w] between the ray and the surface's normal, 0 where nothing is hit."""
    directions = _directions(camera, world_from_camera)
    hits = _cast(world, world_from_camera[:3, 3], directions)
    depth = hits.distance.astype(np.float32) * (directions @ world_from_camera[:3, 2].astype(np.float32))
    cosine = np.abs((hits.normals * directions).sum(-1))
    return tuple(np.where(hits.is_hit, x, 0).astype(np.float32).reshape(camera.size_hw) for x in (depth, cosine))  # type: ignore[return-value]


def _directions(camera: Camera, world_from_camera: Array) -> Image:
    """Unit directions [h * w, 3] in the world through the pixel centres."""
    in_camera = camera.unproject(pixel_centers(camera.size_hw)).reshape(-1, 3)
    return (in_camera @ torch.from_numpy(world_from_camera[:3, :3].T.astype(np.float32))).numpy()


def _cast(world: TexturedWorld, origin: Array, directions: Image) -> Hits:
    return world.surface.cast(np.broadcast_to(origin, directions.shape), directions)


def _sky(world: TexturedWorld, directions: Image) -> Image:
    """Sky colour [n, 3]: horizon to zenith by elevation."""
    horizon, zenith = (np.array(c, np.float32) for c in (world.sky_horizon, world.sky_zenith))
    return (horizon + (zenith - horizon) * np.clip(directions[:, 2:], 0, 1) ** 0.7).astype(np.float32)


def _interpolate(corners: NDArray, barycentric: NDArray) -> NDArray:
    """Values [n, c] at barycentric weights [n, 2] of the second and third corner of corners [n, 3, c]."""
    b, c = barycentric[:, :1], barycentric[:, 1:]
    return corners[:, 0] * (1 - b - c) + corners[:, 1] * b + corners[:, 2] * c


def _level_dither(size_hw: tuple[int, int], n: int) -> Image:
    """Level offsets [h * w] in (-1/2, 1/2) that differ within each n x n pixel: blends neighbouring mip levels."""
    offsets = ((np.arange(n * n, dtype=np.float32) + 0.5) / (n * n) - 0.5).reshape(n, n)
    return np.tile(offsets, (size_hw[0] // n, size_hw[1] // n)).reshape(-1).astype(np.float32)


@dataclass(frozen=True)
class MipMaps:
    """All levels of all textures in one flat array, so that one gather serves every sample of a picture."""

    texels: NDArray[np.uint8]  # [n, 3]
    starts: NDArray[np.int64]  # [textures, levels] first texel
    heights: NDArray[np.int32]  # [textures, levels]
    widths: NDArray[np.int32]  # [textures, levels]

    @staticmethod
    def of(textures: tuple[NDArray[np.uint8], ...]) -> "MipMaps":
        pyramids = [_pyramid(texture) for texture in textures]
        flat = [level for pyramid in pyramids for level in pyramid]
        sizes = np.array([level.shape[:2] for level in flat]).reshape(len(textures), N_LEVELS, 2)
        areas = sizes.prod(-1).reshape(-1)
        starts = np.concatenate([[0], np.cumsum(areas)[:-1]]).reshape(len(textures), N_LEVELS)
        texels = np.concatenate([level.reshape(-1, 3) for level in flat])
        return MipMaps(texels, starts, sizes[..., 0].astype(np.int32), sizes[..., 1].astype(np.int32))

    def sample(self, texture: NDArray, uv: NDArray, level: NDArray) -> Image:
        """Bilinear colours [n, 3] in [0, 1] of textures [n] at uv [n, 2] and levels [n] (clamped)."""
        level = np.clip(level, 0, N_LEVELS - 1)
        h, w, start = (table[texture, level] for table in (self.heights, self.widths, self.starts))
        x = np.clip(uv[:, 0] * w - 0.5, 0, w - 1).astype(np.float32)
        y = np.clip((1 - uv[:, 1]) * h - 0.5, 0, h - 1).astype(np.float32)
        left, top = x.astype(np.int64), y.astype(np.int64)
        x_weight, y_weight = (x - left)[:, None], (y - top)[:, None]
        right_step = (left + 1 < w).astype(np.int64)
        first = start + top * w + left
        below = first + np.where(top + 1 < h, w, 0)
        upper = self._row(first, right_step, x_weight)
        lower = self._row(below, right_step, x_weight)
        return (upper + (lower - upper) * y_weight) / np.float32(255)

    def _row(self, index: NDArray, right_step: NDArray, weight: Image) -> Image:
        left = self.texels[index].astype(np.float32)
        return left + (self.texels[index + right_step] - left) * weight


def _pyramid(texture: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    levels = [texture]
    for _ in range(N_LEVELS - 1):
        h, w = levels[-1].shape[:2]
        half = ((w + 1) // 2, (h + 1) // 2)
        levels.append(np.asarray(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA), np.uint8))
    return levels
