"""Materials of the sample courtyard: albedo pictures [h, w, 3] in [0, 1] with detail from decimetres to millimetres.

No picture repeats: features found on one surface match nowhere else. `size_hw` is in texels and `texel_m` their side.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from recon.bench.synthetic.drawing import Color, Size, finish, palette_of, stamp, stencil
from recon.bench.synthetic.noise import Rng, courses, fractal, ramp, relief
from recon.bench.synthetic.renderer import Image

BRICK_REDS = ((0.58, 0.27, 0.19), (0.66, 0.34, 0.22), (0.49, 0.21, 0.17), (0.72, 0.45, 0.30), (0.40, 0.20, 0.19))
SANDSTONES = ((0.66, 0.60, 0.50), (0.56, 0.52, 0.47), (0.72, 0.64, 0.50), (0.48, 0.47, 0.46), (0.62, 0.52, 0.42))


def bricks(size_hw: Size, texel_m: float, rng: Rng, *, palette: Sequence[Color] = BRICK_REDS) -> Image:
    """Brickwork, each brick of another tint, with soot stains."""
    per_m = 1 / texel_m
    laid = courses(size_hw, (0.072 * per_m, 0.08 * per_m), (0.2 * per_m, 0.27 * per_m), rng, waviness=0.0022 * per_m)
    grain = fractal(size_hw, 0.03 * per_m, rng)
    is_brick = ramp(laid.joint_distance + 0.0012 * per_m * grain, 0.003 * per_m, 0.007 * per_m)
    tint = 1 + laid.per_cell(rng, spread=0.16) + 0.10 * grain
    mortar = np.array([0.66, 0.63, 0.57], np.float32) * (1 + 0.12 * grain[..., None])
    stone = laid.pick(palette_of(palette), rng) * tint[..., None]
    color = mortar + (stone - mortar) * is_brick[..., None]
    soot = ramp(fractal(size_hw, 0.8 * per_m, rng), 0.4, 2.2)[..., None]
    return finish(color * (1 - 0.45 * soot) * relief(is_brick * 1.2 + 0.35 * grain, 0.5))


def plaster(size_hw: Size, texel_m: float, rng: Rng, *, color: Color, brick_share: float = 0.2) -> Image:
    """Stained, cracked plaster that has fallen off in places and shows the brickwork behind."""
    per_m = 1 / texel_m
    grain, clouds = fractal(size_hw, 0.02 * per_m, rng), fractal(size_hw, 0.9 * per_m, rng)
    coat = np.asarray(color, np.float32) * (1 + 0.09 * clouds + 0.06 * grain)[..., None]
    drips = ramp(fractal(size_hw, (1.4 * per_m, 0.09 * per_m), rng), 0.7, 2.2)[..., None]
    coat = coat * (1 - 0.5 * drips * np.array([0.6, 0.75, 1.0], np.float32))
    crack = ramp(-np.abs(fractal(size_hw, 0.55 * per_m, rng)), -0.03, 0.0) * ramp(clouds, 0.0, 0.6)
    coat = coat * (1 - 0.65 * crack)[..., None]
    fallen = fractal(size_hw, 0.7 * per_m, rng)
    edge = float(np.quantile(fallen, 1 - brick_share))
    is_coated = ramp(-fallen, -edge - 0.02, -edge + 0.02)
    rim = 1 - 0.45 * ramp(-np.abs(fallen - edge - 0.06), -0.08, 0.0)[..., None]
    behind = bricks(size_hw, texel_m, rng) * rim
    return finish((behind + (coat - behind) * is_coated[..., None]) * relief(2.5 * is_coated + 0.3 * grain, 0.35))


def slabs(size_hw: Size, texel_m: float, rng: Rng) -> Image:
    """A floor of worn stone slabs of all sizes, moss in the joints, dark spills."""
    per_m = 1 / texel_m
    laid = courses(size_hw, (0.28 * per_m, 0.55 * per_m), (0.3 * per_m, 0.8 * per_m), rng, waviness=0.004 * per_m)
    grain, clouds = fractal(size_hw, 0.05 * per_m, rng), fractal(size_hw, 0.5 * per_m, rng)
    veins = ramp(-np.abs(fractal(size_hw, 0.25 * per_m, rng)), -0.05, 0.0) * ramp(clouds, -0.2, 0.8)
    tint = 1 + laid.per_cell(rng, spread=0.13) + 0.11 * grain + 0.08 * clouds - 0.3 * veins
    stone = laid.pick(palette_of(SANDSTONES), rng) * tint[..., None]
    chips = ramp(grain, 1.9, 2.3)[..., None]
    stone = stone * (1 - 0.5 * chips)
    is_stone = ramp(laid.joint_distance + 0.003 * per_m * grain, 0.005 * per_m, 0.011 * per_m)
    moss = np.array([0.24, 0.28, 0.14], np.float32) * (1 + 0.25 * grain[..., None])
    color = moss + (stone - moss) * is_stone[..., None]
    spill = ramp(fractal(size_hw, 0.6 * per_m, rng), 1.3, 1.6)[..., None]
    return finish(color * (1 - 0.42 * spill) * relief(is_stone + 0.3 * grain, 0.5))


def planks(
    size_hw: Size,
    texel_m: float,
    rng: Rng,
    *,
    color: Color = (0.62, 0.44, 0.27),
    width_m: float = 0.13,
    is_upright: bool = False,
) -> Image:
    """Boards with grain, knots and nails, lying or upright.

    size_hw: pixels; texel_m: the side of one. rng: for the grain. color: in the mean; width_m: of a board; is_upright: boards run
    up instead of across.
    """
    if is_upright:
        return np.ascontiguousarray(
            np.rot90(planks((size_hw[1], size_hw[0]), texel_m, rng, color=color, width_m=width_m))
        )
    per_m = 1 / texel_m
    laid = courses(size_hw, (0.85 * width_m * per_m, 1.15 * width_m * per_m), (0.7 * per_m, 1.8 * per_m), rng)
    bend = laid.per_cell(rng, spread=40.0) + 1.2 * fractal(size_hw, (0.06 * per_m, 0.4 * per_m), rng)
    rings = np.sin(5 * bend + 2.0 * fractal(size_hw, (0.012 * per_m, 0.35 * per_m), rng)).astype(np.float32)
    fibre = fractal(size_hw, (0.006 * per_m, 0.12 * per_m), rng)
    knots = ramp(fractal(size_hw, (0.05 * per_m, 0.08 * per_m), rng), 2.0, 2.5)
    tint = 1 + laid.per_cell(rng, spread=0.17) + 0.10 * rings + 0.11 * fibre - 0.55 * knots
    wear = fractal(size_hw, 0.4 * per_m, rng)
    grey = np.array([0.52, 0.50, 0.47], np.float32)
    wood = np.asarray(color, np.float32) + (grey - color) * ramp(wear, 0.2, 2.0)[..., None] * 0.7
    is_board = ramp(laid.joint_distance, 0.001 * per_m, 0.004 * per_m)[..., None]
    return finish(wood * tint[..., None] * (0.25 + 0.75 * is_board) * relief(0.4 * fibre, 0.4))


def crate_side(size_hw: Size, texel_m: float, rng: Rng, *, color: Color, label: str) -> Image:
    """A packing case: boards in a frame of battens, nails, a stencilled label."""
    face = planks(size_hw, texel_m, rng, color=color, width_m=0.11)
    batten = max(2, round(0.055 / texel_m))
    h, w = size_hw
    lighter = tuple(min(1.0, 1.18 * c) for c in color)
    lying = planks((batten, w), texel_m, rng, color=lighter, width_m=0.2)  # type: ignore[arg-type]
    upright = planks((h, batten), texel_m, rng, color=lighter, width_m=0.2, is_upright=True)  # type: ignore[arg-type]
    face[:batten], face[-batten:] = lying, lying[:, ::-1]
    face[:, :batten], face[:, -batten:] = upright, upright[::-1]
    inner = (batten, batten), (w - batten - 1, h - batten - 1)
    stamp(face, (0.15, 0.11, 0.07), lambda mask: cv2.rectangle(mask, *inner, 255, max(1, batten // 8)))
    stencil(face, label, (0.13, 0.12, 0.14), center=(w / 2, 0.42 * h), width=0.68 * w)
    stencil(face, f"No {rng.integers(100, 999)}", (0.5, 0.1, 0.08), center=(w / 2, 0.68 * h), width=0.4 * w)
    return face


def painted_metal(size_hw: Size, texel_m: float, rng: Rng, *, color: Color, band: Color, label: str) -> Image:
    """A drum: paint with two bands and a label, scratched and rusting.

    size_hw: pixels; texel_m: the side of one. rng: for scratches and rust. color: of the paint, band: of the bands.
    """
    per_m = 1 / texel_m
    h, w = size_hw
    image = np.broadcast_to(np.asarray(color, np.float32), (h, w, 3)).copy()
    for low, high in ((0.16, 0.27), (0.70, 0.76)):
        image[round(low * h) : round(high * h)] = band
    for i in range(3):
        stencil(image, f"{label} {i + 1}", (0.95, 0.93, 0.86), center=((i + 0.5) * w / 3, 0.48 * h), width=0.24 * w)
    grain, clouds = fractal(size_hw, 0.03 * per_m, rng), fractal(size_hw, 0.22 * per_m, rng)
    rust = ramp(clouds + 0.35 * grain, 1.0, 1.35)[..., None]
    rust_color = np.array([0.42, 0.21, 0.10], np.float32) * (1 + 0.3 * grain[..., None])
    scratch = ramp(fractal(size_hw, (0.004 * per_m, 0.25 * per_m), rng, octaves=3), 2.2, 2.8)[..., None]
    image = image * (1 + 0.08 * grain + 0.10 * clouds)[..., None]
    image = image + (rust_color - image) * rust
    return finish(image + (0.85 - image) * 0.6 * scratch)


def mottled(size_hw: Size, texel_m: float, rng: Rng, *, colors: Sequence[Color], cell_m: float) -> Image:
    """Patches of the given colours with grain: foliage, soil, a painted ball."""
    per_m = 1 / texel_m
    choice = np.stack([fractal(size_hw, cell_m * per_m, rng) for _ in colors], -1).argmax(-1)
    grain = fractal(size_hw, 0.025 * per_m, rng)
    return finish(palette_of(colors)[choice] * (1 + 0.16 * grain[..., None]) * relief(grain, 0.25))


def painted(size_hw: Size, texel_m: float, rng: Rng, *, color: Color) -> Image:
    """Paint, lacquer, plain cloth: one colour, with the half per cent of unevenness that the eye takes for none."""
    per_m = 1 / texel_m
    uneven = 0.004 * fractal(size_hw, 0.7 * per_m, rng, octaves=2) + 0.002 * fractal(size_hw, 2.0, rng, octaves=1)
    return finish(np.asarray(color, np.float32) * (1 + uneven[..., None]))
