"""Travel and sharpness against pictures whose motion and blur are known."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from recon.capture import flow
from recon.capture.motion import Motion, MotionMeter
from recon.capture.sharpness import measure_sharpness
from recon.geometry import Camera
from tests.poses import room

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


def path(frames: list[np.ndarray]) -> list[Motion]:
    meter = MotionMeter()
    return [meter.advance(frame) for frame in frames]


def never_decreases(motions: list[Motion]) -> bool:
    return all(b.parallax >= a.parallax and b.turnover >= a.turnover for a, b in pairwise(motions))


@pytest.mark.parametrize("step", [0.5, 2.0, 6.0])
def test_turnover_of_a_pan_is_the_share_of_the_width_it_passes(texture: np.ndarray, step: float) -> None:
    motions = path([view(texture, 50 + step * i, noise=2, seed=i) for i in range(40)])
    assert motions[0] == Motion(0, 0) and never_decreases(motions)
    assert motions[-1].turnover == pytest.approx(39 * step / W, rel=0.06)


def test_turnover_of_a_rise_is_the_share_of_the_height(texture: np.ndarray) -> None:
    motions = path([view(texture, 50, 50 + 2 * i, noise=2, seed=i) for i in range(40)])
    assert motions[-1].turnover == pytest.approx(39 * 2 / H, rel=0.06)


@pytest.mark.parametrize("focal", [0.6, 0.9, 1.6])
def test_turning_on_the_spot_is_turnover_without_parallax(focal: float) -> None:
    lens, walls = Camera("PINHOLE", (H, W), focal * W, focal * W, W / 2, H / 2, ()), room.textures(0)
    eye, angles = np.array([0.0, -1.0, 0.0]), np.linspace(-0.3, 0.3, 30)
    toward = [eye + np.array([np.sin(a), np.cos(a), -0.2]) for a in angles]
    shown = [room.render(lens, room.look_at(eye, target, room.UP), walls)[..., 1] for target in toward]
    motion = path(shown)[-1]
    # Between the share of the width that passes the middle and that which passes the borders of a flat picture.
    assert 0.9 * 0.6 * focal < motion.turnover < 1.1 * 0.6 * focal * (1 + 0.25 / focal**2)
    assert motion.parallax < 0.05 * motion.turnover


def test_moving_past_near_things_is_parallax() -> None:
    lens, walls = room.camera((H, W)), room.textures(0)
    motion = path([room.render(lens, pose, walls)[..., 1] for pose in room.walk(25)])[-1]
    assert motion.parallax > 0.15 and motion.turnover > 0.3


def test_hand_shake_adds_next_to_nothing(texture: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    shaking = [view(texture, 100 + x, 100 + y, 2, i) for i, (x, y) in enumerate(rng.normal(0, 1.0, (60, 2)))]
    motion = path(shaking)[-1]  # the path of the shake itself would be 60 steps of 1.8 pixels: 0.4
    assert motion.turnover < 0.04 and motion.parallax < 0.01


def test_the_same_frame_again_adds_nothing(texture: np.ndarray) -> None:
    frame = view(texture, 80)
    motion = path([frame] * 10)[-1]
    assert motion.turnover < 1e-4 and motion.parallax < 1e-4


def test_a_person_before_a_still_camera_is_no_motion(texture: np.ndarray) -> None:
    rng = np.random.default_rng(3)
    person = cv2.resize(rng.integers(0, 255, (24, 10), dtype=np.uint8), (34, 90))
    frames = []
    for i in range(40):
        frame = view(texture, 80, noise=2, seed=i)
        frame[40:130, 6 * i : 6 * i + 34] = person[:, : W - 6 * i]
        frames.append(frame)
    motion = path(frames)[-1]
    assert motion.turnover < 0.02 and motion.parallax < 0.02


def test_exposure_drift_is_no_motion(texture: np.ndarray) -> None:
    frame = view(texture, 80).astype(float)
    motion = path([np.clip(frame * gain, 0, 255).astype(np.uint8) for gain in np.linspace(1, 0.8, 20)])[-1]
    assert motion.turnover < 0.01 and motion.parallax < 0.01


def test_cuts_and_noise_count_as_motion_and_blank_frames_do_not() -> None:
    rng = np.random.default_rng(2)
    noise = [rng.integers(0, 255, (H, W), dtype=np.uint8) for _ in range(20)]
    assert path(noise)[-1].turnover > 0.5
    assert path([np.full((H, W), 90, np.uint8)] * 20)[-1] == Motion(0, 0)


# ---- fields of flow ------------------------------------------------------------------------------------------------


@pytest.fixture
def positions() -> np.ndarray:
    """Corners spread over a picture of 1 x 0.6. [250, 2]"""
    return np.random.default_rng(4).uniform(-0.5, 0.5, (250, 2)) * [1.0, 0.6]


def turned(positions: np.ndarray, angles: np.ndarray, focal: float) -> np.ndarray:
    """Exact displacements of far points when the camera turns by `angles` about x, y and z."""
    rays = np.concatenate([positions / focal, np.ones((len(positions), 1))], axis=1) @ cv2.Rodrigues(angles)[0].T
    return focal * rays[:, :2] / rays[:, 2:] - positions


@pytest.mark.parametrize("focal", [0.55, 0.9, 1.7])
@pytest.mark.parametrize("angles", [(0.0, 0.04, 0.0), (0.03, 0.0, 0.0), (0.0, 0.0, 0.06), (0.02, -0.02, 0.03)])
def test_a_turn_about_any_axis_leaves_no_parallax(positions: np.ndarray, focal: float, angles: tuple) -> None:
    moved = turned(positions, np.array(angles), focal)
    assert flow.parallax(positions, moved) < 0.04 * flow.typical_length(moved)


def test_parallax_of_near_things_survives_a_turn(positions: np.ndarray) -> None:
    near = positions[:, 1] > 0.09  # a third of the corners
    moved = turned(positions, np.array([0.0, 0.03, 0.0]), 0.9)
    moved[near] += [0.02, 0.0]
    assert flow.parallax(positions, moved) == pytest.approx(0.02, rel=0.5)


def test_turnover_counts_what_leaves_or_enters(positions: np.ndarray) -> None:
    size_wh = np.array([1.0, 0.6])
    for moved in (0.02 * positions, -0.02 * positions):  # forward: all four borders lose 1 %; backward: they gain it
        assert flow.turnover(positions, moved, size_wh) == pytest.approx(0.04, rel=0.02)
    spun = 0.02 * np.stack([-positions[:, 1], positions[:, 0]], axis=-1)
    assert 0 < flow.turnover(positions, spun, size_wh) < 0.02


def test_a_few_moving_things_do_not_turn_the_camera(positions: np.ndarray) -> None:
    moved = np.zeros_like(positions)
    moved[:40] = [0.08, 0.01]
    assert flow.parallax(positions, moved) < 0.002


# ---- sharpness -----------------------------------------------------------------------------------------------------


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
