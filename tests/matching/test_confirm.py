"""What makes a matched depth believed."""

import numpy as np
import pytest

from recon.kernels.stereo import StereoView
from recon.matching.confirm import chance_of_error, coherence

SIZE = (40, 60)
INTRINSICS = (50.0, 50.0, 30.0, 20.0)


def view() -> StereoView:
    return StereoView(np.zeros(SIZE, np.uint8), INTRINSICS, np.eye(4), 0.5, 50.0)


def slanted(offset: float) -> np.ndarray:
    """The plane 0.3 x + 0.1 y + z = offset in every pixel, as q . X = 1."""
    return np.broadcast_to(np.float32([0.3, 0.1, 1.0]) / np.float32(offset), (*SIZE, 3)).copy()


@pytest.mark.parametrize("step", [1, 2, 8])
def test_a_plane_is_coherent_however_slanted(step: int) -> None:
    assert np.allclose(coherence(view(), slanted(4.0), step), 1)


def test_beside_a_step_half_of_the_neighbours_lie_on_the_plane() -> None:
    planes = slanted(4.0)
    planes[:, 30:] = slanted(6.0)[:, 30:]
    found = coherence(view(), planes, 2)
    assert np.allclose(found[:, :24], 1) and np.allclose(found[:, 36:], 1)
    assert np.allclose(found[10:30, 29], 14 / 24)  # two of five columns, and its own but for itself


def test_depths_at_random_are_not_coherent() -> None:
    rng = np.random.default_rng(0)
    planes = slanted(4.0) * rng.uniform(0.3, 3, (*SIZE, 1)).astype(np.float32)
    assert coherence(view(), planes, 2).mean() < 0.1


def test_more_agreement_likeness_and_coherence_mean_less_doubt() -> None:
    def doubt(agreeing: int, cost: float, near: float, far: float) -> float:
        each = [np.full((1, 1), value, np.float32) for value in (cost, near, far)]
        return float(chance_of_error(np.full((1, 1), agreeing, np.uint8), *each)[0, 0])

    sure = doubt(10, 0.1, 1, 1)
    assert sure < 0.05 and doubt(2, 0.6, 0.5, 0.1) > 0.6
    assert all(
        doubt(*worse) > sure for worse in [(2, 0.1, 1, 1), (10, 0.6, 1, 1), (10, 0.1, 0.5, 1), (10, 0.1, 1, 0.5)]
    )
