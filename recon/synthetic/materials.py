"""Materials of the sample courtyard: albedo pictures [h, w, 3] in [0, 1] with detail from decimetres to millimetres.

No picture repeats: features found on one surface match nowhere else. `size_hw` is in texels and `texel_m` their side.
"""

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.synthetic.noise import Grey, Rng, courses, fractal, ramp, relief
from recon.synthetic.renderer import Image

Color = tuple[float, float, float]
Size = tuple[int, int]

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
    stone = laid.pick(_palette(palette), rng) * tint[..., None]
    color = mortar + (stone - mortar) * is_brick[..., None]
    soot = ramp(fractal(size_hw, 0.8 * per_m, rng), 0.4, 2.2)[..., None]
    return _finish(color * (1 - 0.45 * soot) * relief(is_brick * 1.2 + 0.35 * grain, 0.5))


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
    return _finish((behind + (coat - behind) * is_coated[..., None]) * relief(2.5 * is_coated + 0.3 * grain, 0.35))


def slabs(size_hw: Size, texel_m: float, rng: Rng) -> Image:
    """A floor of worn stone slabs of all sizes, moss in the joints, dark spills."""
    per_m = 1 / texel_m
    laid = courses(size_hw, (0.28 * per_m, 0.55 * per_m), (0.3 * per_m, 0.8 * per_m), rng, waviness=0.004 * per_m)
    grain, clouds = fractal(size_hw, 0.05 * per_m, rng), fractal(size_hw, 0.5 * per_m, rng)
    veins = ramp(-np.abs(fractal(size_hw, 0.25 * per_m, rng)), -0.05, 0.0) * ramp(clouds, -0.2, 0.8)
    tint = 1 + laid.per_cell(rng, spread=0.13) + 0.11 * grain + 0.08 * clouds - 0.3 * veins
    stone = laid.pick(_palette(SANDSTONES), rng) * tint[..., None]
    chips = ramp(grain, 1.9, 2.3)[..., None]
    stone = stone * (1 - 0.5 * chips)
    is_stone = ramp(laid.joint_distance + 0.003 * per_m * grain, 0.005 * per_m, 0.011 * per_m)
    moss = np.array([0.24, 0.28, 0.14], np.float32) * (1 + 0.25 * grain[..., None])
    color = moss + (stone - moss) * is_stone[..., None]
    spill = ramp(fractal(size_hw, 0.6 * per_m, rng), 1.3, 1.6)[..., None]
    return _finish(color * (1 - 0.42 * spill) * relief(is_stone + 0.3 * grain, 0.5))


def planks(
    size_hw: Size,
    texel_m: float,
    rng: Rng,
    *,
    color: Color = (0.62, 0.44, 0.27),
    width_m: float = 0.13,
    is_upright: bool = False,
) -> Image:
    """Boards with grain, knots and nails, lying or upright."""
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
    return _finish(wood * tint[..., None] * (0.25 + 0.75 * is_board) * relief(0.4 * fibre, 0.4))


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
    _stamp(face, (0.15, 0.11, 0.07), lambda mask: cv2.rectangle(mask, *inner, 255, max(1, batten // 8)))
    stencil(face, label, (0.13, 0.12, 0.14), center=(w / 2, 0.42 * h), width=0.68 * w)
    stencil(face, f"No {rng.integers(100, 999)}", (0.5, 0.1, 0.08), center=(w / 2, 0.68 * h), width=0.4 * w)
    return face


def stencil(image: Image, text: str, color: Color, *, center: tuple[float, float], width: float) -> None:
    """Paint a line of text of that width, in texels, into the picture."""
    (text_w, text_h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    scale = width / text_w
    corner = (round(center[0] - width / 2), round(center[1] + scale * text_h / 2))
    thickness = max(1, round(2.4 * scale))
    font = cv2.FONT_HERSHEY_DUPLEX
    _stamp(image, color, lambda mask: cv2.putText(mask, text, corner, font, scale, 255, thickness, cv2.LINE_AA))


def painted_metal(size_hw: Size, texel_m: float, rng: Rng, *, color: Color, band: Color, label: str) -> Image:
    """A drum: paint with two bands and a label, scratched and rusting."""
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
    return _finish(image + (0.85 - image) * 0.6 * scratch)


def mottled(size_hw: Size, texel_m: float, rng: Rng, *, colors: Sequence[Color], cell_m: float) -> Image:
    """Patches of the given colours with grain: foliage, soil, a painted ball."""
    per_m = 1 / texel_m
    choice = np.stack([fractal(size_hw, cell_m * per_m, rng) for _ in colors], -1).argmax(-1)
    grain = fractal(size_hw, 0.025 * per_m, rng)
    return _finish(_palette(colors)[choice] * (1 + 0.16 * grain[..., None]) * relief(grain, 0.25))


def poster(size_hw: Size, rng: Rng, *, title: str) -> Image:
    """A printed picture: sky of two colours, a pile of random shapes, a title, a paper rim."""
    h, w = size_hw
    top, bottom = _vivid(rng), _vivid(rng)
    fade = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    image = np.broadcast_to(top + (bottom - top) * fade, (h, w, 3)).astype(np.float32)
    image = np.ascontiguousarray(image * (1 + 0.12 * fractal(size_hw, min(h, w) / 3, rng)[..., None]))
    for _ in range(26):
        _random_shape(image, rng)
    band = slice(round(0.8 * h), round(0.95 * h))
    image[band] = 0.2 * image[band] + 0.8 * np.array([0.95, 0.93, 0.87], np.float32)
    stencil(image, title, (0.1, 0.1, 0.12), center=(w / 2, 0.875 * h), width=0.8 * w)
    rim = max(1, round(0.025 * w))
    image[:rim], image[-rim:], image[:, :rim], image[:, -rim:] = (0.93, 0.91, 0.86), (0.93, 0.91, 0.86), 0.92, 0.92
    return _finish(image * (1 + 0.04 * fractal(size_hw, 20.0, rng)[..., None]))


def rug(size_hw: Size, rng: Rng) -> Image:
    """A woven carpet: nested borders and a field of random diamonds."""
    h, w = size_hw
    image = np.zeros((h, w, 3), np.float32)
    for i, share in enumerate((0.0, 0.05, 0.09, 0.16, 0.2)):
        inset = round(share * min(h, w))
        image[inset : h - inset, inset : w - inset] = 0.75 * _vivid(rng) if i % 2 else (0.55, 0.10, 0.12)
    step = min(h, w) / 9
    for y in np.arange(0.25 * min(h, w), h - 0.22 * min(h, w), step):
        for x in np.arange(0.25 * min(h, w), w - 0.22 * min(h, w), step):
            for part in (1.0, 0.55):
                reach = part * step * rng.uniform(0.35, 0.6)
                corners = np.array([[x, y - reach], [x + reach, y], [x, y + reach], [x - reach, y]])
                _stamp(image, _vivid(rng), partial(_fill, corners=corners))
    weave = fractal(size_hw, (2.0, 6.0), rng, octaves=3) + fractal(size_hw, 0.3 * h, rng)
    return _finish(image * (1 + 0.10 * weave[..., None]))


def painted(size_hw: Size, texel_m: float, rng: Rng, *, color: Color) -> Image:
    """Paint, lacquer, plain cloth: one colour, with the half per cent of unevenness that the eye takes for none."""
    per_m = 1 / texel_m
    uneven = 0.004 * fractal(size_hw, 0.7 * per_m, rng, octaves=2) + 0.002 * fractal(size_hw, 2.0, rng, octaves=1)
    return _finish(np.asarray(color, np.float32) * (1 + uneven[..., None]))


def paste(target: Image, picture: Image, *, top: int, left: int) -> None:
    """Copy `picture` into `target`; what lies outside is cut off."""
    h, w = (min(a, b) for a, b in zip(picture.shape[:2], (target.shape[0] - top, target.shape[1] - left), strict=True))
    if h > 0 and w > 0:
        target[top : top + h, left : left + w] = picture[:h, :w]


def splash(image: Image, texel_m: float, rng: Rng, *, center: tuple[float, float], radius_m: float) -> None:
    """Spray-paint a ragged blob of a vivid colour at `center` (x, y as fractions of the picture)."""
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    distance = np.hypot(x - center[0] * w, y - center[1] * h) * texel_m / radius_m
    edge = distance + 0.22 * fractal((h, w), 0.5 * radius_m / texel_m, rng)
    cover = ramp(-edge, -1.0, -0.96)[..., None]
    image += cover * 0.85 * (_vivid(rng) - image)


def _random_shape(image: Image, rng: Rng) -> None:
    h, w = image.shape[:2]
    center = rng.uniform((0, 0), (w, 0.85 * h))
    reach, color = rng.uniform(0.04, 0.2) * min(h, w), _vivid(rng)
    kind = rng.integers(3)
    if kind == 0:
        thickness = int(rng.choice([-1, max(1, round(0.3 * reach))]))
        at, radius = _pixel(center), max(1, round(reach))
        _stamp(image, color, lambda mask: cv2.circle(mask, at, radius, 255, thickness, cv2.LINE_AA))
    elif kind == 1:
        corners = center + reach * rng.standard_normal((rng.integers(3, 6), 2))
        _stamp(image, color, lambda mask: _fill(mask, cv2.convexHull(corners.astype(np.float32))[:, 0]))
    else:
        line = _pixel(center), _pixel(center + 3 * reach * rng.standard_normal(2))
        _stamp(image, color, lambda mask: cv2.line(mask, *line, 255, max(1, round(0.25 * reach)), cv2.LINE_AA))


def _stamp(image: Image, color: Sequence[float] | NDArray, draw: Callable[[NDArray[np.uint8]], object]) -> None:
    """Paint what `draw` puts on an 8-bit mask (OpenCV draws smooth edges and text on nothing else)."""
    mask = np.zeros(image.shape[:2], np.uint8)
    draw(mask)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        cover = mask[part][..., None] / np.float32(255)
        image[part] += cover * (np.asarray(color, np.float32) - image[part])


def _fill(mask: NDArray[np.uint8], corners: NDArray) -> None:
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)


def _pixel(xy: NDArray) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))


def _vivid(rng: Rng) -> NDArray[np.float32]:
    """A random saturated colour [3], neither black nor burnt out."""
    hue, saturation, value = rng.uniform(0, 6), rng.uniform(0.4, 0.85), rng.uniform(0.35, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return (value * (1 - saturation * (1 - wheel))).astype(np.float32)


def _palette(colors: Sequence[Color]) -> NDArray[np.float32]:
    return np.asarray(colors, np.float32)


def _finish(color: NDArray) -> Image:
    """Into [0.02, 0.95]: nothing in the world is quite black or white."""
    return np.ascontiguousarray(np.clip(color, 0.02, 0.95).astype(np.float32))


__all__ = [
    "Grey",
    "bricks",
    "crate_side",
    "mottled",
    "painted",
    "painted_metal",
    "paste",
    "planks",
    "plaster",
    "poster",
    "rug",
    "slabs",
    "splash",
    "stencil",
]
