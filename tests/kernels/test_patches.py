"""Patches found by the native kernel against the same steps of Lucas and Kanade written to be read."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from recon import kernels
from recon.kernels.patches import Limits, find_patches

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="the native kernels are not built")

LIMITS = Limits(
    n_rounds=5, max_gain=2, min_likeness=0.9, hopeless=0.5, max_shift=2, max_last_step=0.05, min_texture=300, flat=1e-2
)
RADIUS, SIZE = 7, (90, 120)
SIDE = 2 * RADIUS + 1


def picture(seed: int) -> NDArray[np.float32]:
    """[h, w, 3]: something to see and its slopes."""
    noise = np.random.default_rng(seed).normal(0, 255, SIZE).astype(np.float32)
    grey = cv2.GaussianBlur(noise, (0, 0), 2.0)
    slopes = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1)))
    return np.stack([np.asarray(layer, np.float32) for layer in (grey, *slopes)], -1)


def warps(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Nearly the identity, each about a middle somewhere, some of them too near to the border."""
    turned = np.eye(2) + rng.normal(0, 0.05, (n, 2, 2))
    result = np.zeros((n, 3, 3))
    result[:, :2, :2] = turned
    result[:, :2, 2] = rng.uniform((5, 5), (SIZE[1] - 5, SIZE[0] - 5), (n, 2))
    result[:, 2] = np.concatenate([rng.normal(0, 5e-4, (n, 2)), np.ones((n, 1))], 1)
    result[:, :2] += result[:, :2, 2:] * result[:, 2:] * (1, 1, 0)
    return result * rng.uniform(0.5, 2, (n, 1, 1))


def read(layers: NDArray[np.float32], x: NDArray, y: NDArray) -> NDArray:
    return np.stack([map_coordinates(layers[..., i].astype(float), (y, x), order=1) for i in range(3)])


def places(warp: NDArray[np.float64]) -> NDArray[np.float64]:
    down, right = np.mgrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1].reshape(2, -1)
    x, y, z = warp @ np.stack([right, down, np.ones(SIDE**2)])
    return np.stack([x / z, y / z])


def defined(grey: NDArray, warp: NDArray, layers: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Where the middle of one patch lies, None where it is not found."""
    at, (h, w), margin = places(warp), layers.shape[:2], LIMITS.max_shift + 1
    if not ((at > margin) & (at < np.array([[w], [h]]) - 1 - margin)).all():
        return None
    wanted, shift = grey.ravel() - grey.mean(), np.zeros(2)
    for _ in range(LIMITS.n_rounds):
        seen, *slopes = read(layers, *(at + shift[:, None]))
        seen = seen - seen.mean()
        slopes = np.stack(slopes) - np.mean(slopes, 1, keepdims=True)
        gain = np.clip(seen @ wanted / (seen @ seen), 1 / LIMITS.max_gain, LIMITS.max_gain)
        matrix = slopes @ slopes.T + LIMITS.flat * np.eye(2)
        step = np.linalg.solve(matrix, slopes @ (wanted - gain * seen))
        likeness = seen @ wanted / np.sqrt((seen @ seen) * (wanted @ wanted))
        shift += np.clip(step, -1, 1)
        if np.abs(shift).max() >= LIMITS.max_shift or np.linalg.eigvalsh(matrix)[0] <= LIMITS.min_texture:
            return None
        if np.abs(step).max() < LIMITS.max_last_step:
            return at[:, SIDE**2 // 2] + shift if likeness > LIMITS.min_likeness else None
        if likeness <= LIMITS.hopeless:
            return None
    return None


def test_patches_are_found_where_the_definition_finds_them() -> None:
    rng = np.random.default_rng(3)
    layers, warp = picture(0), warps(rng, 200)
    moved = warp.copy()
    moved[:, :2] += rng.uniform(-1.8, 1.8, (200, 2, 1)) * warp[:, 2:]
    grey = np.stack([read(layers, *places(m))[0].reshape(SIDE, SIDE) for m in moved])
    grey = 10 + 1.3 * grey + rng.normal(0, 3, grey.shape)
    grey[::10] = rng.normal(0, 50, grey[::10].shape)  # some look like nothing in the picture
    middles, is_found = find_patches(grey.astype(np.float32), warp, layers, LIMITS)
    expected = [defined(g.astype(np.float32).astype(float), w, layers) for g, w in zip(grey, warp, strict=True)]
    assert is_found.tolist() == [e is not None for e in expected]
    assert 60 < is_found.sum() < 180
    for middle, wanted in zip(middles[is_found], (e for e in expected if e is not None), strict=True):
        assert np.abs(middle - wanted).max() < 1e-3


def test_a_patch_behind_the_camera_and_none_at_all_are_not_found() -> None:
    layers, warp = picture(0), warps(np.random.default_rng(0), 1)
    warp[:, 2] *= -1
    assert not find_patches(np.zeros((1, SIDE, SIDE), np.float32), warp, layers, LIMITS)[1].any()
    assert len(find_patches(np.zeros((0, SIDE, SIDE), np.float32), np.zeros((0, 3, 3)), layers, LIMITS)[1]) == 0
