"""What makes a matched depth believed."""

from pathlib import Path

import numpy as np

from recon.kernels.stereo import Hypotheses, StereoView
from recon.matching.confirm import chance_of_error, fitted_to_surfaces
from recon.matching.passes import Matches
from recon.matching.shelf import Shelf


def test_likeness_and_coherence_mean_less_doubt() -> None:
    def doubt(cost: float, near: float, far: float) -> float:
        return float(chance_of_error(*(np.full((1, 1), value, np.float32) for value in (cost, near, far)))[0, 0])

    sure = doubt(0.1, 1, 1)
    assert sure < 0.05 and doubt(0.6, 0.5, 0.1) > 0.6
    assert all(doubt(*worse) > sure for worse in [(0.6, 1, 1), (0.1, 0.5, 1), (0.1, 1, 0.5)])


def test_rough_depths_of_a_slanted_surface_are_fitted_to_it(tmp_path: Path) -> None:
    size, rng = (40, 60), np.random.default_rng(0)
    view = StereoView(np.zeros(size, np.uint8), (50.0, 50.0, 30.0, 20.0), np.eye(4), 0.5, 50.0)
    road = np.broadcast_to(np.float32([0.0, 0.6, 0.5]), (*size, 3))  # grazing: depth changes tenfold over the picture
    rough = road * (1 + 0.005 * rng.standard_normal((*size, 1))).astype(np.float32)
    rough[..., :2] += 0.1 * rng.standard_normal((*size, 2)).astype(np.float32) * rough[..., 2:]
    rough[..., 2] -= np.einsum("hwc,hwc->hw", (rough - road)[..., :2], view.rays()[..., :2])  # slopes off, depths not
    matches = Matches.at(Shelf.of(tmp_path / "views", [view]), tmp_path)
    matches.put(Hypotheses.of(rough))
    fitted = fitted_to_surfaces(matches, tmp_path / "fitted")
    truth = view.depth(road.copy())
    inside = (slice(4, -4), slice(4, -4))
    before, after = (np.abs(m.depths[0] / truth - 1)[inside].mean() for m in (matches, fitted))
    assert after < 0.55 * before
    assert np.array_equal(fitted.hypotheses[0].costs, matches.hypotheses[0].costs)
