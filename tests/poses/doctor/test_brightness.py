"""Exposure: measured on the same things, blind to what else comes into the picture."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.formats.frame_set import FrameSet
from recon.poses.doctor.brightness import exposure_step, measure_brightness
from tests.poses.doctor.findings import chain_matching, frame_images


def test_a_step_is_in_stops_and_antisymmetric() -> None:
    levels = np.random.default_rng(0).uniform(40, 110, 50)
    assert exposure_step(levels, 2 * levels) == pytest.approx(1.0)
    assert exposure_step(2 * levels, levels) == pytest.approx(-1.0)


def test_clipped_and_few_levels_say_nothing() -> None:
    levels = np.full(50, 130.0)
    assert np.isnan(exposure_step(levels, np.full(50, 255.0))) and np.isnan(exposure_step(levels[:9], levels[:9]))


def test_a_bright_window_is_no_change_of_exposure_and_half_the_light_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    scene = cv2.resize(rng.integers(60, 120, (12, 16), dtype=np.uint8), (64, 48), interpolation=cv2.INTER_LINEAR)
    window = scene.copy()
    window[:, 32:] = 240
    pictures = [scene, window, (window * 0.5).astype(np.uint8)]
    frames = tuple(frame_images(5))
    (tmp_path / frames[4].image).write_bytes(b"no picture")
    for frame, picture in zip(frames, pictures, strict=False):  # the fourth is missing
        cv2.imwrite(str(tmp_path / frame.image), picture)
    pixels = np.stack([rng.uniform(0, 30, 40), rng.uniform(0, 48, 40)], 1)
    matching = replace(chain_matching(5), neighbours=((pixels, pixels),) * 4)
    found = measure_brightness(tmp_path, FrameSet("video", frames, True), matching)
    assert found.levels[1] > 1.3 * found.levels[0]
    assert np.isnan(found.steps[[0, 3, 4]]).all() and np.isnan(found.levels[3:]).all()
    assert capfd.readouterr().err == ""
    assert found.steps[1] == pytest.approx(0, abs=0.01) and found.steps[2] == pytest.approx(-1, abs=0.03)
