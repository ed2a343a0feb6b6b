"""Picture scores: identities, symmetry, known values, and SSIM against its definition written out."""

import math

import numpy as np
import pytest
import torch

from recon.score import metrics


def pair(h: int = 37, w: int = 52, noise: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    y, x = torch.meshgrid(torch.linspace(0, 6, h), torch.linspace(0, 9, w), indexing="ij")
    a = torch.stack([x.sin(), (x * y).cos(), (y + x).sin()], -1).double() * 0.3 + 0.5
    b = (a + noise * torch.randn(a.shape, generator=generator).double()).clamp(0, 1)
    return a, b


@pytest.mark.parametrize("score", [metrics.ssim, metrics.ms_ssim, metrics.psnr])
def test_symmetric(score):
    a, b = pair()
    assert score(a, b) == pytest.approx(score(b, a), rel=1e-12)


def test_identity():
    a, _ = pair()
    assert metrics.psnr(a, a) == math.inf
    assert metrics.ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert metrics.ms_ssim(a, a) == pytest.approx(1, abs=1e-12)
    assert metrics.flip(a, a) == pytest.approx(0, abs=1e-6)


def test_psnr_of_a_known_error():
    a = torch.zeros(5, 7, 3)
    b = a.clone()
    b[0, 0] = 1.0  # mean squared error 1 / 35
    assert metrics.psnr(a, b) == pytest.approx(10 * math.log10(35), rel=1e-6)


def test_ssim_is_its_definition():
    """The formula of Wang et al. with explicit two-dimensional windows in numpy."""
    a, b = (x.numpy() for x in pair(h=15, w=19))
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
    assert metrics.ssim(*pair(h=15, w=19)) == pytest.approx(np.mean(values), rel=1e-9)


def test_ssim_of_flat_pictures_is_the_luminance_term():
    a, b = torch.full((20, 13, 3), 0.2).double(), torch.full((20, 13, 3), 0.6).double()
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert metrics.ssim(a, b) == pytest.approx(expected, rel=1e-6)


def test_ms_ssim_with_one_scale_is_ssim():
    a, b = pair(h=14, w=40)
    assert metrics.n_scales((14, 40)) == 1
    assert metrics.ms_ssim(a, b) == pytest.approx(metrics.ssim(a, b), rel=1e-12)


def test_ms_ssim_is_its_product():
    a, b = pair(h=23, w=40)  # two scales
    _, structure = metrics._ssim_maps(a, b)
    half_a, half_b = (x.view(-1, 2, 20, 2, 3).mean((1, 3)) for x in (a[:22], b[:22]))
    w0, w1 = 0.0448 / (0.0448 + 0.2856), 0.2856 / (0.0448 + 0.2856)
    expected = float(structure.mean()) ** w0 * metrics.ssim(half_a, half_b) ** w1
    assert metrics.ms_ssim(a, b) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("size", "expected"), [((176, 300), 5), ((175, 300), 4), ((11, 12), 1), ((10, 99), 0)])
def test_n_scales(size, expected):
    assert metrics.n_scales(size) == expected


def test_too_small_for_a_window_is_nan():
    a, b = pair(h=9, w=30)
    assert math.isnan(metrics.ssim(a, b)) and math.isnan(metrics.ms_ssim(a, b))
    assert math.isfinite(metrics.psnr(a, b))


@pytest.mark.parametrize("score", [metrics.psnr, metrics.ssim, metrics.ms_ssim, metrics.flip])
def test_masked_pixels_do_not_count(score):
    a, b = pair(h=61, w=84)
    mask = torch.ones(61, 84, dtype=torch.bool)
    mask[:, 50:] = False
    spoiled = b.clone()
    spoiled[:, 50:] = 1 - spoiled[:, 50:]
    assert score(spoiled, a, mask) == pytest.approx(score(b, a, mask), rel=1e-6)
    assert score(spoiled, a, None) != pytest.approx(score(b, a, None), rel=1e-2)


@pytest.mark.parametrize("score", [metrics.psnr, metrics.ssim, metrics.ms_ssim, metrics.flip])
def test_full_mask_changes_nothing_and_empty_mask_is_nan(score):
    a, b = pair()
    everything = torch.ones(37, 52, dtype=torch.bool)
    assert score(b, a, everything) == pytest.approx(score(b, a), rel=1e-6)
    assert math.isnan(score(b, a, ~everything))


def test_worse_pictures_score_worse():
    a, slightly = pair(noise=0.03)
    _, badly = pair(noise=0.3)
    assert metrics.ssim(a, slightly) > metrics.ssim(a, badly)
    assert metrics.ms_ssim(a, slightly) > metrics.ms_ssim(a, badly)
    assert 0 < metrics.flip(slightly, a) < metrics.flip(badly, a) <= 1


def test_lpips_is_none_with_a_reason_where_the_backbone_is_absent(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    metrics.lpips_model.cache_clear()
    model, reason = metrics.lpips_model()
    metrics.lpips_model.cache_clear()
    assert model is None and "AlexNet" in reason


def test_image_scores_has_every_score():
    a, b = pair(h=64, w=48)
    scores = metrics.image_scores(b.float(), a.float())
    assert list(scores) == ["psnr", "ssim", "ms_ssim", "flip", "lpips"]
    assert all(scores[name] is not None for name in ("psnr", "ssim", "ms_ssim", "flip"))
