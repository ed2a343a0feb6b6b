"""Exposures of pictures: learned beside colours, and those of pictures that taught nothing."""

import numpy as np
import pytest
import torch

from recon.field.exposure import NO_EXPOSURES, Exposures
from recon.train.exposure import ExposureLearner

CPU = torch.device("cpu")
NAMES = ("c", "a", "b", "d")
GAINS = torch.tensor([[1.1, 1.0, 0.95], [0.9, 1.0, 1.0], [1.0, 1.2, 1.0], [1.0, 0.9, 1.05]])


def taught(n_steps: int, learner: ExposureLearner | None = None, *, seed: int = 0) -> ExposureLearner:
    """A learner that saw `n_steps` batches of pictures with GAINS, beside a field that has the mean brightness of them all."""
    learner = learner or ExposureLearner(NAMES, CPU)
    generator = torch.Generator().manual_seed(seed)
    for step in range(n_steps):
        photos = torch.randint(4, (200,), generator=generator)
        true = 0.1 + 0.7 * torch.rand(200, 3, generator=generator)
        evened = learner.evened(true * GAINS[photos], photos)
        rate = 0.03 * 0.5 ** (6 * step / n_steps)
        learner.learn(true * GAINS.log().mean(0).exp(), evened, photos, huber_delta=0.1, learning_rate=rate)
    return learner


def test_gains_are_found_up_to_the_mean_of_all() -> None:
    found = taught(600).exposures()
    expected = GAINS.log() - GAINS.log().mean(0)
    assert found.names == ("a", "b", "c", "d")
    np.testing.assert_allclose(found.log_gains, expected[[1, 2, 0, 3]], atol=0.01)
    assert found.spread == pytest.approx(float(expected.numpy().std()), rel=0.15)


def test_a_picture_between_two_takes_their_mean_and_one_beyond_the_end_its_neighbours() -> None:
    exposures = Exposures(("f1", "f3"), np.log(np.array([[0.5, 1, 1], [2, 1, 4]], np.float32)))
    np.testing.assert_allclose(exposures.gain("f3"), [2, 1, 4], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain("f2"), [1, 1, 2], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain("f0"), [0.5, 1, 1], rtol=1e-6)
    np.testing.assert_allclose(exposures.gain("f9"), [2, 1, 4], rtol=1e-6)
    np.testing.assert_array_equal(NO_EXPOSURES.gain("f2"), np.ones(3))


def test_it_goes_on_exactly_where_it_was() -> None:
    state = taught(20).state()
    resumed = ExposureLearner(NAMES, CPU)
    resumed.load_state(state)
    straight = taught(20)
    for learner in (resumed, straight):
        taught(20, learner, seed=1)
    np.testing.assert_array_equal(resumed.exposures().log_gains, straight.exposures().log_gains)


def test_checkpoints_keep_them() -> None:
    exposures = taught(5).exposures()
    again = Exposures.of(exposures.plain())
    assert again.names == exposures.names
    np.testing.assert_array_equal(again.log_gains, exposures.log_gains)
