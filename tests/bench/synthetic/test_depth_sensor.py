"""The faults of the synthetic depth sensor are those that it promises."""

import numpy as np

from recon.bench.synthetic.depth_sensor import BASELINE_M, FARTHEST_M, STEP_PX, sensed_depth


def sensed(depth_m: np.ndarray, *, cosine: float = 1.0, scale_error: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(0)
    cosines = np.full(depth_m.shape, cosine)
    return sensed_depth(depth_m, cosines, focal_px=500.0, scale_error=scale_error, rng=rng) / 1000


def test_errors_grow_with_the_square_of_the_depth_and_the_scale_is_off() -> None:
    for depth in (1.0, 4.0):
        error = sensed(np.full((40, 60), depth), scale_error=0.03) - 1.03 * depth
        step = depth**2 * STEP_PX / (500 * BASELINE_M)
        assert abs(error.mean()) < 0.3 * step + 1e-3
        assert 0.3 * step < error.std() < step + 1e-3


def test_edges_grazing_angles_and_far_things_are_missing() -> None:
    depth = np.full((40, 60), 2.0)
    depth[:, 30:] = 3.0
    found = sensed(depth) > 0
    assert not found[:, 29:31].any() and found[:, :25].all() and found[:, 35:].all()
    assert not sensed(depth, cosine=0.1).any()
    assert not sensed(np.full((4, 5), FARTHEST_M + 0.1)).any()
    assert not sensed(np.full((4, 5), np.inf)).any()
