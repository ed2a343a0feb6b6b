"""Sun with cast shadows and open sky, ray-cast once and multiplied into the textures of a world.

    light = sun_color * max(cos(sun), 0) * visible fraction of the sun's disc
          + sky_color * visible fraction of the sky (cosine-weighted) + bounce_color * the rest

Light adds up linearly and textures are display values, so a texture is multiplied by light^(1 / 2.2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.renderer import Image, TexturedWorld
from recon.bench.synthetic.surfaces import Surface, assemble, texture_size
from recon.geometry.transforms import Array

LIFT_M = 0.004  # rays start this far off the surface: above float32 error, below the size of any part
DISPLAY_GAMMA = 2.2
RAYS_PER_BATCH = 2_000_000


@dataclass(frozen=True)
class Daylight:
    """A clear day. Linear colours; the sum of the three should come to about 1 on a surface that faces the sun."""

    sun_direction: tuple[float, float, float] = (-0.42, -0.33, 0.85)  # towards the sun
    sun_color: tuple[float, float, float] = (0.84, 0.77, 0.64)
    sky_color: tuple[float, float, float] = (0.36, 0.41, 0.48)
    bounce_color: tuple[float, float, float] = (0.21, 0.19, 0.165)
    sun_radius_deg: float = 1.2  # wider than the real 0.27: soft edges that a coarse light grid can hold
    n_sun_rays: int = 7
    n_sky_rays: int = 48


def lit_world(
    surfaces: Sequence[Surface],
    albedos: Sequence[Image],  # each [h, w, 3] in [0, 1], row 0 at the top
    *,
    texel_m: float,
    daylight: Daylight,
    light_texel_m: float,
) -> TexturedWorld:
    """Surfaces with the light multiplied into their albedo; light is cast on a coarser grid of `light_texel_m`."""
    blank = assemble(surfaces, [np.zeros((2, 2, 3), np.uint8)] * len(surfaces), texel_m)
    sizes = [texture_size(surface, light_texel_m) for surface in surfaces]
    samples = [s.points_fn(s.texel_uvs(size)) for s, size in zip(surfaces, sizes, strict=True)]
    positions = np.concatenate([position for position, _ in samples])
    normals = np.concatenate([normal for _, normal in samples])
    light = _light(blank, positions, normals, daylight)
    maps = np.split(light, np.cumsum([h * w for h, w in sizes])[:-1])
    textures = [
        _multiply(albedo, flat.reshape(*size, 3)) for albedo, flat, size in zip(albedos, maps, sizes, strict=True)
    ]
    return assemble(surfaces, textures, texel_m)


def _light(world: TexturedWorld, positions: Array, normals: Array, daylight: Daylight) -> Image:
    """Light [n, 3] that falls on points [n, 3] with unit normals [n, 3]."""
    starts = positions + LIFT_M * normals
    sun = np.asarray(daylight.sun_direction) / np.linalg.norm(daylight.sun_direction)
    sun_rays = _disc_directions(daylight.n_sun_rays, np.deg2rad(daylight.sun_radius_deg))
    sky_rays = _cosine_directions(daylight.n_sky_rays)
    sun_seen = _visible_fraction(world, starts, np.broadcast_to(sun, starts.shape), sun_rays)
    direct = sun_seen * np.clip(normals @ sun, 0, None)
    open_sky = _visible_fraction(world, starts, normals, sky_rays)
    terms = (
        (direct, daylight.sun_color),
        (open_sky, daylight.sky_color),
        (1 - open_sky, daylight.bounce_color),
    )
    return sum(amount[:, None] * np.asarray(color) for amount, color in terms).astype(np.float32)


def _visible_fraction(world: TexturedWorld, starts: Array, axes: Array, rays: Array) -> NDArray[np.float64]:
    """Per point [n] the fraction of `rays` [k, 3] (about +z, turned onto each axis [n, 3]) that hit nothing."""
    fractions = np.empty(len(starts))
    step = max(1, RAYS_PER_BATCH // len(rays))
    for begin in range(0, len(starts), step):
        part = slice(begin, begin + step)
        turned = np.einsum("nij,kj->nki", _frames(axes[part]), rays)
        from_points = np.broadcast_to(starts[part, None], turned.shape)
        blocked = world.surface.is_blocked(from_points.reshape(-1, 3), turned.reshape(-1, 3))
        fractions[part] = 1 - blocked.reshape(-1, len(rays)).mean(-1)
    return fractions


def _frames(axes: Array) -> Array:
    """Rotations [n, 3, 3] that take +z to unit axes [n, 3] (Duff et al. 2017, "Building an orthonormal basis")."""
    x, y, z = np.moveaxis(axes, -1, 0)
    sign = np.where(z >= 0, 1.0, -1.0)
    a = -1 / (sign + z)
    b = x * y * a
    tangent = np.stack([1 + sign * x * x * a, sign * b, -sign * x], -1)
    other = np.stack([b, sign + y * y * a, -y], -1)
    return np.stack([tangent, other, axes], -1)


def _disc_directions(n: int, radius_rad: float) -> Array:
    """n unit directions [n, 3] about +z, even over a cone of `radius_rad`."""
    return _spiral(n, np.sin(radius_rad))


def _cosine_directions(n: int) -> Array:
    """n unit directions [n, 3] about +z with density cos(angle): even over the unit disc (Malley's method)."""
    return _spiral(n, 1.0)


def _spiral(n: int, radius: float) -> Array:
    """A golden-angle spiral over the disc of `radius`, lifted onto the unit sphere."""
    rank = np.arange(n) + 0.5
    r, angle = radius * np.sqrt(rank / n), rank * np.pi * (3 - np.sqrt(5))
    return np.stack([r * np.cos(angle), r * np.sin(angle), np.sqrt(1 - r * r)], -1)


def _multiply(albedo: Image, light: Image) -> NDArray[np.uint8]:
    """Texture [h, w, 3]: albedo times the light grid, with a soft shoulder instead of clipped highlights."""
    h, w = albedo.shape[:2]
    smooth = cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)
    color = albedo * smooth ** np.float32(1 / DISPLAY_GAMMA)
    shoulder = np.where(color > 0.8, 0.8 + 0.2 * np.tanh((color - 0.8) / 0.2), color)
    return np.rint(255 * np.clip(shoulder, 0, 1)).astype(np.uint8)
