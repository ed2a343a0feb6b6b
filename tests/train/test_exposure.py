"""Exposures of pictures: learned beside colours, and those of pictures that taught nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recon.geometry import Camera, View
from recon.pixels.exposures import NO_EXPOSURES, Exposures, lens_of
from recon.train.exposure import ExposureLearner

CPU = torch.device("cpu")
WIDE, TALL = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0), Camera("PINHOLE", (36, 24), 50.0, 50.0, 12.0, 18.0)
GAINS = torch.tensor([[1.1, 1.0, 0.95], [0.9, 1.0, 1.0], [1.0, 1.2, 1.0], [1.0, 0.9, 1.05]])


def view(name: str, camera: Camera = WIDE) -> View:
    return View(name, Path(f"{name}.png"), camera, np.eye(4))


VIEWS = [view(name) for name in "cabd"]


def taught(n_steps: int, learner: ExposureLearner | None = None, *, seed: int = 0) -> ExposureLearner:
    """A learner that saw `n_steps` batches of pictures with GAINS, beside a field that has the mean brightness of them all."""
    learner = learner or ExposureLearner(VIEWS, CPU)
    generator = torch.Generator().manual_seed(seed)
    for step in range(n_steps):
        photos = torch.randint(4, (200,), generator=generator)
        true = 0.1 + 0.7 * torch.rand(200, 3, generator=generator)
        evened = learner.evened(true * GAINS[photos], photos)
        rate = 0.03 * 0.5 ** (6 * step / n_steps)
        learner.begin(rate)
        learner.learn(true * GAINS.log().mean(0).exp(), evened, photos, huber_delta=0.1)
        learner.end()
    return learner


def test_gains_are_found_up_to_the_mean_of_all() -> None:
    found = taught(600).exposures()
    expected = GAINS.log() - GAINS.log().mean(0)
    assert found.names == ("a", "b", "c", "d")
    np.testing.assert_allclose(found.log_gains, expected[[1, 2, 0, 3]], atol=0.01)
    assert found.spread == pytest.approx(float(expected.numpy().std()), rel=0.15)


def test_a_picture_between_two_takes_their_mean_and_one_beyond_the_end_its_neighbours() -> None:
    gains = np.array([[0.5, 1, 1], [2, 1, 4]], np.float32)
    exposures = Exposures(("f1", "f3"), (lens_of(WIDE), lens_of(WIDE)), np.log(gains))
    np.testing.assert_allclose(exposures.gain(view("f3")), [2, 1, 4], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain(view("f2")), [1, 1, 2], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain(view("f0")), [0.5, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain(view("f9")), [2, 1, 4], rtol=1e-6)
    np.testing.assert_array_equal(NO_EXPOSURES.gain(view("f2")), np.ones(3))


def test_a_picture_of_a_test_split_of_its_own_has_no_neighbours() -> None:
    exposures = Exposures.of_views(
        [view("train_1"), view("train_0")], np.log([[0.5, 1, 1], [2, 1, 4]]).astype(np.float32)
    )
    np.testing.assert_allclose(exposures.gain(view("train_0")), [2, 1, 4], rtol=1e-6)
    np.testing.assert_array_equal(exposures.gain(replace(view("test_0"), split="test")), np.ones(3))


def test_of_two_phones_that_take_turns_each_has_its_own_neighbours() -> None:
    names, gains = tuple(f"f{i}" for i in (0, 1, 3, 4, 5)), np.array([[1.0], [2.0], [2.0], [1.0], [2.0]]) * np.ones(3)
    lenses = tuple(lens_of(TALL if gain > 1 else WIDE) for gain in gains[:, 0])
    exposures = Exposures(names, lenses, np.log(gains).astype(np.float32))
    np.testing.assert_allclose(exposures.gain(view("f2")), [1, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain(view("f2", TALL)), [2, 2, 2], rtol=1e-6)
    third = Camera("PINHOLE", (24, 36), 41.0, 41.0, 18.0, 12.0)  # taught nothing: those beside it are all there is
    np.testing.assert_allclose(exposures.gain(view("f2", third)), [2, 2, 2], rtol=1e-6)


def test_it_goes_on_exactly_where_it_was() -> None:
    state = taught(20).state()
    resumed = ExposureLearner(VIEWS, CPU)
    resumed.load_state(state)
    straight = taught(20)
    for learner in (resumed, straight):
        taught(20, learner, seed=1)
    np.testing.assert_array_equal(resumed.exposures().log_gains, straight.exposures().log_gains)


def test_checkpoints_keep_them() -> None:
    exposures = taught(5).exposures()
    again = Exposures.of(exposures.plain())
    assert again.names == exposures.names and again.lenses == exposures.lenses
    np.testing.assert_array_equal(again.log_gains, exposures.log_gains)
