"""Parts of a world before it is lit: surfaces, each with what it is made of."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from recon.bench.synthetic import materials, prints
from recon.bench.synthetic.drawing import Color
from recon.bench.synthetic.noise import Rng
from recon.bench.synthetic.renderer import Image
from recon.bench.synthetic.surfaces import Surface, box, texture_size

Material = Callable[[tuple[int, int], float, Rng], Image]  # (size_hw, texel_m, rng) -> albedo
Part = tuple[Surface, Material]
Place = Callable[[float, float], tuple[float, float]]  # (x, y) on a thing -> (x, y) in the world


def all_of(surfaces: Sequence[Surface], material: Material) -> list[Part]:
    """Surfaces of one material."""
    return [(surface, material) for surface in surfaces]


def painted(color: Color, shade: float = 1.0) -> Material:
    """Even paint; `shade` tells one wall from the next as the light does."""
    tinted = tuple(shade * c for c in color)
    return partial(materials.painted, color=tinted)  # type: ignore[arg-type]


def printed(title: str) -> Material:
    """A poster with a title, as large as the surface."""

    def material(size_hw: tuple[int, int], _: float, rng: Rng) -> Image:
        return prints.poster(size_hw, rng, title=title)

    return material


def turned(center: tuple[float, float], yaw_deg: float) -> Place:
    """Where places on a thing are that stands at `center`, turned about its vertical axis."""
    cos, sin = np.cos(np.deg2rad(yaw_deg)), np.sin(np.deg2rad(yaw_deg))
    return lambda x, y: (float(center[0] + x * cos - y * sin), float(center[1] + x * sin + y * cos))


def legs(at: Place, reach: tuple[float, float], size: tuple[float, float, float], *, yaw_deg: float) -> list[Surface]:
    """The sides of four legs of that size (x, y, height) that stand `reach` from the middle of a thing in x and in y."""
    places = [(x, y) for x in (-reach[0], reach[0]) for y in (-reach[1], reach[1])]
    return [side for x, y in places for side in box(at(x, y), 0, size, yaw_deg=yaw_deg)[:4]]


def albedos_of(parts: Sequence[Part], *, seed: int, texel_m: float) -> list[Image]:
    """The picture on each part, with random numbers of its own."""
    return [
        material(texture_size(surface, texel_m), texel_m, np.random.default_rng((seed, i)))
        for i, (surface, material) in enumerate(parts)
    ]
