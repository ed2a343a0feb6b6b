"""Planes fitted to depths: exact on a plane, blind to what stands before it, the same as least squares written to be read."""

import numpy as np
import pytest

from recon.kernels.plane_fits import coherence, fit_planes
from recon.kernels.stereo import Floats, StereoView

SIZE = (40, 60)


def view() -> StereoView:
    return StereoView(np.zeros(SIZE, np.uint8), (50.0, 48.0, 30.5, 19.0), np.eye(4), 0.5, 50.0)


def slanted(offset: float) -> Floats:
    """The plane 0.3 x + 0.1 y + z = offset in every pixel, as q . X = 1."""
    return np.broadcast_to(np.float32([0.3, 0.1, 1.0]) / np.float32(offset), (*SIZE, 3)).copy()


def rough(seed: int = 0) -> Floats:
    """Two slanted planes side by side, every pixel's own a little off in depth and slope."""
    rng = np.random.default_rng(seed)
    planes = slanted(4.0)
    planes[:, 30:] = slanted(5.5)[:, 30:]
    return planes * (1 + 0.004 * rng.standard_normal((*SIZE, 3))).astype(np.float32)


def inverse(planes: Floats) -> Floats:
    return np.einsum("hwc,hwc->hw", planes, view().rays())


def own_coherence(planes: Floats, step: int) -> Floats:
    return coherence(view(), planes, inverse(planes), step=step, tolerance=0.01)


def fitted_by_lstsq(planes: Floats, y: int, x: int, step: int, tolerances: tuple[float, ...]) -> Floats:
    """The definition, of one pixel."""
    depths, (fx, fy, cx, cy) = inverse(planes), view().intrinsics
    ys, xs = (np.arange(-2, 3) * step + at for at in (y, x))
    asked = [(j, i) for j in ys for i in xs if 0 <= j < SIZE[0] and 0 <= i < SIZE[1]]
    rays = np.array([((i + 0.5 - cx) / fx, (j + 0.5 - cy) / fy, 1.0) for j, i in asked])
    values, plane = np.array([depths[at] for at in asked]), planes[y, x].astype(np.float64)
    for tolerance in tolerances:
        near = np.abs(rays @ plane - values) < tolerance * depths[y, x]
        if near.sum() >= 8:
            plane = np.linalg.lstsq(rays[near], values[near], rcond=None)[0]
    return plane


@pytest.mark.parametrize("step", [1, 2, 8])
def test_a_plane_is_coherent_and_fitted_however_slanted(step: int) -> None:
    assert np.allclose(own_coherence(slanted(4.0), step), 1)
    assert np.allclose(fit_planes(view(), slanted(4.0), step=step, tolerances=(0.02, 0.01)), slanted(4.0), atol=2e-4)


def test_fits_are_least_squares_in_rounds() -> None:
    planes, tolerances = rough(), (0.02, 0.01)
    found = fit_planes(view(), planes, step=2, tolerances=tolerances)
    for y, x in [(0, 0), (20, 10), (20, 29), (20, 30), (33, 41), (39, 59)]:
        expected = fitted_by_lstsq(planes, y, x, 2, tolerances)
        ray = view().rays()[y, x]
        assert found[y, x] @ ray == pytest.approx(expected @ ray, rel=2e-4)
        assert np.allclose(found[y, x], expected, atol=4e-3)


def test_beside_a_step_half_of_the_neighbours_lie_on_the_plane_and_bend_nothing() -> None:
    planes = slanted(4.0)
    planes[:, 30:] = slanted(6.0)[:, 30:]
    found = own_coherence(planes, 2)
    assert np.allclose(found[:, :24], 1) and np.allclose(found[:, 36:], 1)
    assert np.allclose(found[10:30, 29], 14 / 24)  # two of five columns, and its own but for itself
    assert np.allclose(fit_planes(view(), planes, step=2, tolerances=(0.02, 0.01)), planes, atol=2e-4)


def test_where_too_few_depths_are_near_a_plane_stays_as_it_is() -> None:
    planes = slanted(4.0) * np.random.default_rng(0).uniform(0.2, 5, (*SIZE, 1)).astype(np.float32)
    found = fit_planes(view(), planes, step=2, tolerances=(0.02, 0.01))
    assert np.allclose(inverse(found), inverse(planes), rtol=1e-4) and own_coherence(planes, 2).mean() < 0.1


def test_pictures_smaller_than_what_is_asked_of_them() -> None:
    tiny = StereoView(np.zeros((2, 3), np.uint8), (5.0, 5.0, 1.5, 1.0), np.eye(4), 0.5, 50.0)
    planes = np.broadcast_to(np.float32([0.1, 0.0, 0.5]), (2, 3, 3))
    assert np.allclose(fit_planes(tiny, planes, step=2, tolerances=(0.02,)), planes, atol=1e-6)
    assert np.allclose(coherence(tiny, planes, planes @ np.float32([0, 0, 1]), step=8, tolerance=0.01), 0)
