"""Travel and sharpness against pictures whose motion and blur are known."""

import cv2
import numpy as np
import pytest

from recon.capture.motion import MotionMeter
from recon.capture.sharpness import measure_sharpness

H, W = 150, 260


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """A large smooth random pattern with detail at several scales. [400, 900]"""
    rng = np.random.default_rng(0)
    layers = [cv2.GaussianBlur(rng.normal(size=(400, 900)), (0, 0), s) * s for s in (1.5, 4, 12)]
    total = sum(layers)
    return np.clip(128 + 45 * total / total.std(), 0, 255).astype(np.uint8)


def view(texture: np.ndarray, x: float, y: float = 100.0, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    shift = np.float32([[1, 0, x], [0, 1, y]])
    crop = cv2.warpAffine(texture, shift, (W, H), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP).astype(float)
    return np.clip(crop + noise * np.random.default_rng(seed).normal(size=crop.shape), 0, 255).astype(np.uint8)


def travel(frames: list[np.ndarray]) -> list[float]:
    meter = MotionMeter()
    return [meter.advance(frame) for frame in frames]


@pytest.mark.parametrize("step", [0.5, 2.0, 6.0])
def test_a_pan_is_measured_as_a_fraction_of_the_longest_side(texture: np.ndarray, step: float) -> None:
    path = travel([view(texture, 50 + step * i, noise=2, seed=i) for i in range(40)])
    assert path[0] == 0 and path[-1] == pytest.approx(39 * step / W, rel=0.06)
    assert (np.diff(path) >= 0).all()


def test_hand_shake_adds_next_to_nothing(texture: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shaking = [view(texture, 100 + x, 100 + y, 2, i) for i, (x, y) in enumerate(rng.normal(0, 1.0, (60, 2)))]
    assert travel(shaking)[-1] < 0.025  # the path of the shake itself would be 60 steps of 1.8 pixels: 0.4


def test_the_same_frame_again_adds_nothing(texture: np.ndarray) -> None:
    frame = view(texture, 80)
    assert travel([frame] * 10)[-1] < 1e-4


def test_exposure_drift_is_no_motion(texture: np.ndarray) -> None:
    frame = view(texture, 80).astype(float)
    assert travel([np.clip(frame * gain, 0, 255).astype(np.uint8) for gain in np.linspace(1, 0.8, 20)])[-1] < 0.01


def test_cuts_and_noise_count_as_motion_and_blank_frames_do_not() -> None:
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, 255, (H, W), dtype=np.uint8) for _ in range(20)]
    assert travel(noise)[-1] > 0.5
    assert travel([np.full((H, W), 90, np.uint8)] * 20)[-1] == 0


@pytest.mark.parametrize("gain", [0.6, 1.0])
@pytest.mark.parametrize("length", [3, 7])
def test_motion_blur_lowers_sharpness_whatever_the_exposure(texture: np.ndarray, gain: float, length: int) -> None:
    crisp = view(texture, 60, noise=1)
    kernel = np.full((1, length), 1 / length)
    blurred = (cv2.filter2D(view(texture, 60).astype(float), -1, kernel) * gain).astype(np.uint8)
    assert measure_sharpness(blurred) < 0.9 * measure_sharpness(crisp)
    assert measure_sharpness((crisp * gain).astype(np.uint8)) == pytest.approx(measure_sharpness(crisp), rel=0.1)


def test_a_blank_picture_has_no_sharpness() -> None:
    assert measure_sharpness(np.full((H, W), 90, np.uint8)) < 1e-3
