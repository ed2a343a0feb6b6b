"""Structural similarity of two pictures [h, w, 3] in [0, 1], at one scale (SSIM) and at several (MS-SSIM).

SSIM (Wang et al. 2004): means, variances and covariance under 11x11 Gaussian windows of sigma 1.5, "valid" windows only (no
padding), so its map is 10 pixels smaller than the picture each way. MS-SSIM (Wang et al. 2003): the product over scales of
structure^weight, luminance at the coarsest only.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WINDOW, SIGMA = 11, 1.5  # Wang et al. 2004
C1, C2 = 0.01**2, 0.03**2  # stabilisers for pictures in [0, 1], same paper
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, table 1

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class StructuralSimilarity:
    """1 for equal pictures; NaN where the picture is smaller than one window or no window lies inside the mask."""

    ssim: float
    ms_ssim: float


@dataclass(frozen=True)
class ScaleMeans:
    """Means over the windows of one scale and the channels."""

    similarity: float  # luminance times structure
    structure: float


def structural_similarity(
    a: Floats,  # [h, w, 3]
    b: Floats,  # [h, w, 3]
    mask: NDArray[np.bool_] | None = None,  # [h, w]; only windows all of whose pixels count
) -> StructuralSimilarity:
    """SSIM, and MS-SSIM over the `n_scales` that fit.

    Scales halve by 2x2 means, an odd last row or column being dropped. A picture under 176 pixels has fewer than five
    scales; the remaining weights are then rescaled to sum to 1. Negative structure counts as 0.
    """
    means = list(_scales(a, b, mask))
    if not means:
        return StructuralSimilarity(math.nan, math.nan)
    terms = [*(mean.structure for mean in means[:-1]), means[-1].similarity]
    weights = np.array(SCALE_WEIGHTS[: len(terms)])
    product = np.prod(np.maximum(terms, 0) ** (weights / weights.sum()))  # NaN stays NaN
    return StructuralSimilarity(means[0].similarity, float(product))


def n_scales(size_hw: tuple[int, int]) -> int:
    """How many of the five scales fit: the coarsest must still hold one 11x11 window."""
    return sum(min(size_hw) // 2**scale >= WINDOW for scale in range(len(SCALE_WEIGHTS)))


def similarity_maps(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The luminance and the contrast-structure map, each [h - 10, w - 10, 3]."""
    mean_a, mean_b = _blur(a), _blur(b)
    product, squares = mean_a * mean_b, mean_a * mean_a + mean_b * mean_b
    covariance, variances = _blur(a * b) - product, _blur(a * a + b * b) - squares
    return (2 * product + C1) / (squares + C1), (2 * covariance + C2) / (variances + C2)


def _scales(a: Floats, b: Floats, mask: NDArray[np.bool_] | None) -> Iterator[ScaleMeans]:
    """The means of each scale that fits, finest first."""
    for _ in range(n_scales((a.shape[0], a.shape[1]))):
        luminance, structure = similarity_maps(a, b)
        is_inside = None if mask is None else _whole_windows(mask)
        yield ScaleMeans(_mean(luminance * structure, is_inside), _mean(structure, is_inside))
        a, b = _halve(a), _halve(b)
        mask = None if mask is None else _halve(mask.astype(np.float32)) == 1


def _blur(picture: Floats) -> Floats:
    """Gaussian means of every whole window: [h, w, 3] -> [h - 10, w - 10, 3]."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-(offsets**2) / (2 * SIGMA**2))
    kernel /= kernel.sum()
    edge = WINDOW // 2
    return np.asarray(cv2.sepFilter2D(picture, -1, kernel, kernel)[edge:-edge, edge:-edge], picture.dtype)


def _whole_windows(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[h - 10, w - 10]: the windows that lie wholly inside the mask [h, w]."""
    edge = WINDOW // 2
    inside = cv2.erode(mask.astype(np.uint8), np.ones((WINDOW, WINDOW), np.uint8))
    return inside[edge:-edge, edge:-edge] > 0


def _mean(values: Floats, is_inside: NDArray[np.bool_] | None) -> float:
    chosen = values if is_inside is None else values[is_inside]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else math.nan


def _halve(picture: Floats) -> Floats:
    """[h, w, ...] -> [h // 2, w // 2, ...] by 2x2 means; as it is when a side has one pixel."""
    h, w = (side // 2 for side in picture.shape[:2])
    if min(h, w) < 1:
        return picture
    return np.asarray(cv2.resize(picture[: 2 * h, : 2 * w], (w, h), interpolation=cv2.INTER_AREA), picture.dtype)
