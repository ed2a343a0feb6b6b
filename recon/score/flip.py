"""FLIP, the difference of two pictures as seen when flipping between them (Andersson et al. 2020), for low dynamic range.

Colours are compared after the eye's contrast sensitivity has blurred them, edges and points by how strong they are; the error
is colour^(1 - feature). Settings are the paper's, seen at 67 pixels per degree: a desktop screen at 0.7 m.
"""

import math
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PIXELS_PER_DEGREE = 67.0206432
COLOR_EXPONENT, FEATURE_EXPONENT = 0.7, 0.5
KNEE, KNEE_ERROR = 0.4, 0.95  # colour differences up to this share of the greatest make up this much of the error
FEATURE_WIDTH_DEG = 0.082
# Contrast sensitivity of the achromatic, red-green and blue-yellow channel: sums of Gaussians (weight, width), table 1.
SENSITIVITY = (((1.0, 0.0047),), ((1.0, 0.0053),), ((34.1, 0.04), (13.5, 0.025)))

XYZ_FROM_RGB = np.array(
    [[10135552, 8788810, 4435075], [2613072, 8788810, 887015], [1425312, 8788810, 70074185]]
) / np.array([[24577794], [12288897], [73733382]])
WHITE = XYZ_FROM_RGB.sum(1)
_OPPONENT = np.array([[0, 116, 0], [500, -500, 0], [0, 200, -200]])  # YCxCz of XYZ / white, plus (-16, 0, 0)
OPPONENT_FROM_RGB = _OPPONENT @ (XYZ_FROM_RGB / WHITE[:, None])
RGB_FROM_OPPONENT = np.linalg.inv(OPPONENT_FROM_RGB)


def flip_map(render: Floats, photo: Floats) -> Floats:
    """FLIP error [h, w] in [0, 1] of two pictures [h, w, 3] in [0, 1]; 0 where they are equal."""
    opponent = [_linear(np.clip(picture, 0, 1)) @ OPPONENT_FROM_RGB.T.astype(np.float32) for picture in (render, photo)]
    a, b = (_hunt_lab(np.clip(_blurred(x) @ RGB_FROM_OPPONENT.T.astype(np.float32), 0, 1)) for x in opponent)
    color = _redistributed(np.power(_hyab(a, b), np.float32(COLOR_EXPONENT)))
    lightness = [np.ascontiguousarray(x[..., 0] / 116) for x in opponent]
    strengths = [_features(x) for x in lightness]
    feature = np.maximum(*(np.abs(one - other) for one, other in zip(*strengths, strict=True)))
    feature = np.clip(cv2.pow(feature / math.sqrt(2), FEATURE_EXPONENT), 0, 1)
    return np.power(color, 1 - feature)


def _linear(picture: Floats) -> Floats:
    """sRGB -> linear light."""
    curved = cv2.pow((picture.astype(np.float32) + 0.055) / 1.055, 2.4)
    return np.where(picture > 0.04045, curved, picture / 12.92).astype(np.float32)


def _blurred(opponent: Floats) -> Floats:
    """Each channel as the eye resolves it."""
    channels = [
        sum(
            (weight * cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE))
            for weight, kernel in _sensitivity_kernels(channel)
        )
        for channel, plane in enumerate(cv2.split(opponent))
    ]
    return np.stack(channels, -1)


@cache
def _sensitivity_kernels(channel: int) -> list[tuple[float, NDArray[np.float64]]]:
    """Kernels along one axis, each of sum 1, and the share of each in the channel."""
    widest = max(width for gaussians in SENSITIVITY for _, width in gaussians)
    radius = math.ceil(3 * math.sqrt(widest / (2 * math.pi**2)) * PIXELS_PER_DEGREE)
    offsets_deg = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    kernels = [np.exp(-(math.pi**2) * offsets_deg**2 / width) for _, width in SENSITIVITY[channel]]
    masses = [
        weight * math.sqrt(math.pi / width) * kernel.sum() ** 2
        for (weight, width), kernel in zip(SENSITIVITY[channel], kernels, strict=True)
    ]
    return [(mass / sum(masses), kernel / kernel.sum()) for mass, kernel in zip(masses, kernels, strict=True)]


def _features(lightness: Floats) -> tuple[Floats, Floats]:
    """Strengths [h, w] of edges and of points."""
    smooth, slope, curvature = _feature_kernels()

    def strength(kernel: NDArray[np.float64]) -> Floats:
        along_x = cv2.sepFilter2D(lightness, -1, kernel, smooth, borderType=cv2.BORDER_REPLICATE)
        along_y = cv2.sepFilter2D(lightness, -1, smooth, kernel, borderType=cv2.BORDER_REPLICATE)
        return np.hypot(along_x, along_y).astype(np.float32)

    return strength(slope), strength(curvature)


@cache
def _feature_kernels() -> tuple[NDArray[np.float64], ...]:
    """A Gaussian and its first and second derivative; the positive and the negative part of each sums to 1 or -1."""
    sigma = 0.5 * FEATURE_WIDTH_DEG * PIXELS_PER_DEGREE
    radius = math.ceil(3 * sigma)
    x = np.arange(-radius, radius + 1, dtype=float)
    gaussian = np.exp(-(x**2) / (2 * sigma**2))
    derivatives = [-x * gaussian, (x**2 / sigma**2 - 1) * gaussian]
    balanced = [np.where(d < 0, d / -d[d < 0].sum(), d / d[d > 0].sum()) for d in derivatives]
    return gaussian / gaussian.sum(), *balanced


def _hunt_lab(rgb: Floats) -> Floats:
    """Linear light -> CIELAB whose colours grow with lightness (Hunt effect)."""
    xyz = rgb @ (XYZ_FROM_RGB / WHITE[:, None]).T.astype(np.float32)
    bend = 6 / 29
    f = np.where(xyz > bend**3, cv2.pow(np.maximum(xyz, 0), 1 / 3), xyz / (3 * bend**2) + 4 / 29).astype(np.float32)
    lightness = 116 * f[..., 1] - 16
    a, b = 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])
    return np.stack([lightness, 0.01 * lightness * a, 0.01 * lightness * b], -1)


def _hyab(a: Floats, b: Floats) -> Floats:
    """City-block distance in lightness, Euclidean in colour."""
    difference = a - b
    return np.abs(difference[..., 0]) + np.hypot(difference[..., 1], difference[..., 2])


@cache
def _greatest() -> float:
    """The greatest colour difference, that of pure green and pure blue."""
    green, blue = (_hunt_lab(np.array([[color]], np.float32)) for color in ((0, 1, 0), (0, 0, 1)))
    return float(_hyab(green, blue)[0, 0] ** COLOR_EXPONENT)


def _redistributed(error: Floats) -> Floats:
    """Most differences are small: those up to the knee get most of [0, 1]."""
    knee = KNEE * _greatest()
    above = KNEE_ERROR + (error - knee) / (_greatest() - knee) * (1 - KNEE_ERROR)
    return np.where(error < knee, KNEE_ERROR / knee * error, above).astype(np.float32)
