"""Drawing into pictures [h, w, 3] in [0, 1]: stencils, stamps, blobs of paint, one picture in another."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from recon.bench.synthetic.noise import Rng, fractal, ramp
from recon.bench.synthetic.renderer import Image

Color = tuple[float, float, float]
Size = tuple[int, int]


def stencil(image: Image, text: str, color: Color, *, center: tuple[float, float], width: float) -> None:
    """Paint a line of text of that width, in texels, into the picture."""
    (text_w, text_h), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    scale = width / text_w
    corner = (round(center[0] - width / 2), round(center[1] + scale * text_h / 2))
    thickness = max(1, round(2.4 * scale))
    font = cv2.FONT_HERSHEY_DUPLEX
    stamp(image, color, lambda mask: cv2.putText(mask, text, corner, font, scale, 255, thickness, cv2.LINE_AA))


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
    image += cover * 0.85 * (vivid(rng) - image)


def stamp(image: Image, color: Sequence[float] | NDArray, draw: Callable[[NDArray[np.uint8]], object]) -> None:
    """Paint what `draw` puts on an 8-bit mask (OpenCV draws smooth edges and text on nothing else)."""
    mask = np.zeros(image.shape[:2], np.uint8)
    draw(mask)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if len(rows):
        part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        cover = mask[part][..., None] / np.float32(255)
        image[part] += cover * (np.asarray(color, np.float32) - image[part])


def fill(mask: NDArray[np.uint8], corners: NDArray) -> None:
    """Fill the polygon with these corners [n, 2] (x, y) in a mask."""
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA)


def vivid(rng: Rng) -> NDArray[np.float32]:
    """A random saturated colour [3], neither black nor burnt out."""
    hue, saturation, value = rng.uniform(0, 6), rng.uniform(0.4, 0.85), rng.uniform(0.35, 0.95)
    wheel = np.clip(np.abs((hue + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)
    return (value * (1 - saturation * (1 - wheel))).astype(np.float32)


def palette_of(colors: Sequence[Color]) -> NDArray[np.float32]:
    """Colours as an array [n, 3]."""
    return np.asarray(colors, np.float32)


def finish(color: NDArray) -> Image:
    """Into [0.02, 0.95]: nothing in the world is quite black or white."""
    return np.ascontiguousarray(np.clip(color, 0.02, 0.95).astype(np.float32))
