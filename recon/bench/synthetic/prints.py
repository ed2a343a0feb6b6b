"""What is printed or woven: posters and carpets, of shapes that no two have in common."""

from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.drawing import Size, fill, finish, stamp, stencil, vivid
from recon.bench.synthetic.noise import Rng, fractal
from recon.bench.synthetic.renderer import Image


def poster(size_hw: Size, rng: Rng, *, title: str) -> Image:
    """A printed picture: sky of two colours, a pile of random shapes, a title, a paper rim."""
    h, w = size_hw
    top, bottom = vivid(rng), vivid(rng)
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
    return finish(image * (1 + 0.04 * fractal(size_hw, 20.0, rng)[..., None]))


def rug(size_hw: Size, rng: Rng) -> Image:
    """A woven carpet: nested borders and a field of random diamonds."""
    h, w = size_hw
    image = np.zeros((h, w, 3), np.float32)
    for i, share in enumerate((0.0, 0.05, 0.09, 0.16, 0.2)):
        inset = round(share * min(h, w))
        image[inset : h - inset, inset : w - inset] = 0.75 * vivid(rng) if i % 2 else (0.55, 0.10, 0.12)
    step = min(h, w) / 9
    for y in np.arange(0.25 * min(h, w), h - 0.22 * min(h, w), step):
        for x in np.arange(0.25 * min(h, w), w - 0.22 * min(h, w), step):
            for part in (1.0, 0.55):
                reach = part * step * rng.uniform(0.35, 0.6)
                corners = np.array([[x, y - reach], [x + reach, y], [x, y + reach], [x - reach, y]])
                stamp(image, vivid(rng), partial(fill, corners=corners))
    weave = fractal(size_hw, (2.0, 6.0), rng, octaves=3) + fractal(size_hw, 0.3 * h, rng)
    return finish(image * (1 + 0.10 * weave[..., None]))


def _random_shape(image: Image, rng: Rng) -> None:
    h, w = image.shape[:2]
    center = rng.uniform((0, 0), (w, 0.85 * h))
    reach, color = rng.uniform(0.04, 0.2) * min(h, w), vivid(rng)
    kind = rng.integers(3)
    if kind == 0:
        thickness = int(rng.choice([-1, max(1, round(0.3 * reach))]))
        at, radius = _pixel(center), max(1, round(reach))
        stamp(image, color, lambda mask: cv2.circle(mask, at, radius, 255, thickness, cv2.LINE_AA))
    elif kind == 1:
        corners = center + reach * rng.standard_normal((rng.integers(3, 6), 2))
        stamp(image, color, lambda mask: fill(mask, cv2.convexHull(corners.astype(np.float32))[:, 0]))
    else:
        line = _pixel(center), _pixel(center + 3 * reach * rng.standard_normal(2))
        stamp(image, color, lambda mask: cv2.line(mask, *line, 255, max(1, round(0.25 * reach)), cv2.LINE_AA))


def _pixel(xy: NDArray) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))
