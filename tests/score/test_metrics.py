"""Picture scores: identities, symmetry, known values, and SSIM against its definition written out."""

import math

import numpy as np
import pytest
import torch

from recon.score import metrics
from recon.score.flip import flip_map
from recon.score.ssim import n_scales, similarity_maps, structural_similarity


def pair(h: int = 37, w: int = 52, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.meshgrid(np.linspace(0, 6, h), np.linspace(0, 9, w), indexing="ij")
    a = np.stack([np.sin(x), np.cos(x * y), np.sin(y + x)], -1) * 0.3 + 0.5
    return a, np.clip(a + noise * np.random.default_rng(3).standard_normal(a.shape), 0, 1)


def ssim(a, b, mask=None):
    return structural_similarity(a, b, mask).ssim


def ms_ssim(a, b, mask=None):
    return structural_similarity(a, b, mask).ms_ssim


@pytest.mark.parametrize("score", [ssim, ms_ssim, metrics.psnr])
def test_symmetric(score):
    a, b = pair()
    assert score(a, b) == pytest.approx(score(b, a), rel=1e-12)


def test_identity():
    a, _ = pair()
    assert metrics.psnr(a, a) == math.inf
    assert ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert ms_ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert metrics.flip(a, a) == pytest.approx(0, abs=1e-6)


def test_psnr_of_a_known_error():
    a = np.zeros((5, 7, 3))
    b = a.copy()
    b[0, 0] = 1.0  # mean squared error 1 / 35
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(35), rel=1e-6)


def test_ssim_is_its_definition():
    """The formula of Wang et al. with explicit two-dimensional windows in numpy."""
    a, b = pair(h=15, w=19)
    offsets = np.arange(11) - 5
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()
    values = []
    for channel in range(3):
        for row in range(15 - 10):
            for column in range(19 - 10):
                p = a[row : row + 11, column : column + 11, channel]
                q = b[row : row + 11, column : column + 11, channel]
                mu_p, mu_q = (kernel * p).sum(), (kernel * q).sum()
                var_p, var_q = (kernel * (p - mu_p) ** 2).sum(), (kernel * (q - mu_q) ** 2).sum()
                cov = (kernel * (p - mu_p) * (q - mu_q)).sum()
                values.append(
                    (2 * mu_p * mu_q + 0.01**2)
                    * (2 * cov + 0.03**2)
                    / ((mu_p**2 + mu_q**2 + 0.01**2) * (var_p + var_q + 0.03**2))
                )
    assert ssim(*pair(h=15, w=19)) == pytest.approx(np.mean(values), rel=1e-9)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    a, b = np.full((20, 13, 3), 0.2), np.full((20, 13, 3), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b) == pytest.approx(expected, rel=1e-6)


def test_ms_ssim_with_one_scale_is_ssim():
    a, b = pair(h=14, w=40)
    assert n_scales((14, 40)) == 1
    assert ms_ssim(a, b) == pytest.approx(ssim(a, b), rel=1e-12)


def test_ms_ssim_is_its_product():
    a, b = pair(h=23, w=40)  # two scales
    _, structure = similarity_maps(a, b)
    half_a, half_b = (x.reshape(-1, 2, 20, 2, 3).mean((1, 3)) for x in (a[:22], b[:22]))
    w0, w1 = 0.0448 / (0.0448 + 0.2856), 0.2856 / (0.0448 + 0.2856)
    expected = float(structure.mean()) ** w0 * ssim(half_a, half_b) ** w1
    assert ms_ssim(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("size", "expected"), [((176, 300), 5), ((175, 300), 4), ((11, 12), 1), ((10, 99), 0)])
def test_n_scales(size, expected):
    assert n_scales(size) == expected


def test_too_small_for_a_window_is_nan():
    a, b = pair(h=9, w=30)
    assert math.isnan(ssim(a, b)) and math.isnan(ms_ssim(a, b))
    assert math.isfinite(metrics.psnr(a, b))


@pytest.mark.parametrize("score", [metrics.psnr, ssim, ms_ssim, metrics.flip])
def test_masked_pixels_do_not_count(score):
    a, b = pair(h=61, w=84)
    mask = np.ones((61, 84), bool)
    mask[:, 50:] = False
    spoiled = b.copy()
    spoiled[:, 50:] = 1 - spoiled[:, 50:]
    assert score(spoiled, a, mask) == pytest.approx(score(b, a, mask), rel=1e-6)
    assert score(spoiled, a, None) != pytest.approx(score(b, a, None), rel=1e-2)


@pytest.mark.parametrize("score", [metrics.psnr, ssim, ms_ssim, metrics.flip])
def test_full_mask_changes_nothing_and_empty_mask_is_nan(score):
    a, b = pair()
    everything = np.ones((37, 52), bool)
    assert score(b, a, everything) == pytest.approx(score(b, a), rel=1e-6)
    assert math.isnan(score(b, a, ~everything))


def test_worse_pictures_score_worse():
    a, slightly = pair(noise=0.03)
    _, badly = pair(noise=0.3)
    assert ssim(a, slightly) > ssim(a, badly)
    assert ms_ssim(a, slightly) > ms_ssim(a, badly)
    assert 0 < metrics.flip(slightly, a) < metrics.flip(badly, a) <= 1


def test_lpips_is_none_with_a_reason_where_the_backbone_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    metrics.lpips_model.cache_clear()
    model, reason = metrics.lpips_model()
    metrics.lpips_model.cache_clear()
    assert model is None and "AlexNet" in reason


def test_image_scores_has_every_score():
    a, b = pair(h=64, w=48)
    scores = metrics.image_scores(b.astype(np.float32), a.astype(np.float32))
    assert list(scores) == ["psnr", "ssim", "ms_ssim", "flip", "lpips"]
    assert all(scores[name] is not None for name in ("psnr", "ssim", "ms_ssim", "flip"))


@pytest.mark.parametrize("size", [(61, 84), (20, 23)])
def test_flip_is_that_of_its_authors(size):
    flip_evaluator = pytest.importorskip(
        "flip_evaluator", reason="flip-evaluator is not installed (pip install -e .[dev])"
    )
    a, b = (x.astype(np.float32) for x in pair(*size))
    b[:9, :12] = 1 - b[:9, :12]
    theirs, _, _ = flip_evaluator.evaluate(a, b, "LDR", applyMagma=False, computeMeanError=False)
    assert np.abs(flip_map(b, a) - np.asarray(theirs).reshape(size)).max() < 2e-5


def test_float32_scores_are_those_of_float64():
    a, b = pair(h=200, w=260)
    single, double = (structural_similarity(a.astype(kind), b.astype(kind)) for kind in (np.float32, np.float64))
    assert single.ssim == pytest.approx(double.ssim, abs=1e-5) and single.ms_ssim == pytest.approx(
        double.ms_ssim, abs=1e-5
    )
