"""The pool: every pixel equally likely, within its budget, the same whenever and however often it is stopped."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chi2

from recon.formats.images import write_image
from recon.geometry import Camera, View
from recon.pixels import PixelPool, pixel_picks
from recon.pixels.pixel_picks import spread
from recon.pixels.pixel_pool import REUSE, Pixels
from recon.workspace.errors import UserError

SIZES_HW = [(40, 61), (33, 50), (52, 31), (40, 61)]
SMALL_MB = 0.008  # about a tenth of the pixels with their positions


def camera(size_hw: tuple[int, int]) -> Camera:
    return Camera("PINHOLE", size_hw, 50.0, 50.0, size_hw[1] / 2, size_hw[0] / 2)


@pytest.fixture
def views(tmp_path: Path) -> list[View]:
    """Pictures of unequal sizes in which no two pixels have the same colour."""
    found = []
    for i, (h, w) in enumerate(SIZES_HW):
        codes = np.arange(h * w).reshape(h, w)
        write_image(tmp_path / f"{i}.png", np.stack([codes % 256, codes // 256, codes * 0 + i], -1).astype(np.uint8))
        found.append(View(f"{i}", tmp_path / f"{i}.png", camera((h, w)), np.eye(4)))
    return found


def with_mask(view: View, mask: np.ndarray) -> View:
    path = view.image.with_name(f"mask_{view.name}.png")
    write_image(path, np.where(mask, 255, 0).astype(np.uint8))
    return replace(view, mask=path)


def pool_of(views: list[View], memory_mb: float = 1.0, *, n_drawn: int = 0) -> PixelPool:
    return PixelPool(views, max_size=None, memory_mb=memory_mb, seed=5, n_drawn=n_drawn)


def counts_of(pool: PixelPool, n_batches: int, n: int) -> list[np.ndarray]:
    """How often each pixel of each picture was drawn; every drawn colour is that of its pixel."""
    counts = [np.zeros(h * w, int) for h, w in SIZES_HW]
    generator = torch.Generator().manual_seed(1)
    for _ in range(n_batches):
        drawn = pool.draw(n, generator)
        codes = drawn.colors[:, 0].long() + 256 * drawn.colors[:, 1].long()
        assert torch.equal(codes, drawn.positions) and torch.equal(drawn.colors[:, 2].long(), drawn.photos)
        for photo, count in enumerate(counts):
            count += np.bincount(drawn.positions[drawn.photos == photo], minlength=len(count))
    return counts


def check_uniform(counts: np.ndarray, *, dispersion: float) -> None:
    """Pearson's statistic of counts that all have one expectation, their variance `dispersion` times it."""
    expected = counts.mean()
    statistic = ((counts - expected) ** 2 / expected).sum() / dispersion
    assert chi2.sf(statistic, len(counts) - 1) > 1e-4, f"{statistic:.0f} for {len(counts)} pixels"


def reuse_of(pool: PixelPool) -> float:
    """How often a pixel is drawn on average before it is replaced: counts spread by one more than that."""
    return pool._interval * len(SIZES_HW) / len(pool)


def test_all_pixels_are_there_and_equally_likely_when_they_fit(views: list[View]) -> None:
    pool = pool_of(views)
    assert pool.share == 1 and len(pool) == sum(h * w for h, w in SIZES_HW)
    assert pool.megabytes == 3 * len(pool) / 2**20
    check_uniform(np.concatenate(counts_of(pool, 20, 5000)), dispersion=1)


def test_over_time_all_pixels_are_equally_likely_when_they_do_not_fit(views: list[View]) -> None:
    pool = pool_of(views, SMALL_MB)
    assert reuse_of(pool) == pytest.approx(REUSE, rel=0.01)
    assert pool.share < 0.2 and pool.megabytes <= SMALL_MB
    counts = np.concatenate(counts_of(pool, 400, 1000))
    assert counts.min() > 0
    check_uniform(counts, dispersion=1 + reuse_of(pool))


def test_no_picture_is_ever_absent(views: list[View]) -> None:
    pool = pool_of(views, SMALL_MB)
    generator = torch.Generator().manual_seed(0)
    shares = np.array([h * w for h, w in SIZES_HW]) / sum(h * w for h, w in SIZES_HW)
    for _ in range(30):
        photos = pool.draw(4000, generator).photos
        np.testing.assert_allclose(np.bincount(photos, minlength=4) / 4000, shares, atol=0.04)


@pytest.mark.parametrize("memory_mb", [1.0, SMALL_MB])
def test_masked_pixels_are_never_drawn_and_the_others_are_equally_likely(views: list[View], memory_mb: float) -> None:
    masks = [np.ones(size_hw, bool) for size_hw in SIZES_HW]
    masks[1][5:, 7:30] = False
    masks[3][:] = False
    views[1], views[3] = with_mask(views[1], masks[1]), with_mask(views[3], masks[3])
    pool = pool_of(views, memory_mb)
    assert pool.megabytes <= memory_mb
    counts = np.concatenate(counts_of(pool, 200, 1000))
    counted = np.concatenate([mask.ravel() for mask in masks])
    assert (counts[~counted] == 0).all()
    check_uniform(counts[counted], dispersion=1 if pool.share == 1 else 1 + reuse_of(pool))


def same(a: Pixels, b: Pixels) -> bool:
    return torch.equal(a.photos, b.photos) and torch.equal(a.positions, b.positions) and torch.equal(a.colors, b.colors)


@pytest.mark.parametrize("n_before", [0, 1, 700, 5000, 60_000])
def test_a_new_pool_goes_on_where_another_stopped(views: list[View], n_before: int) -> None:
    whole = pool_of(views, SMALL_MB)
    generator = torch.Generator().manual_seed(2)
    for start in range(0, n_before, 500):
        whole.draw(min(500, n_before - start), generator)
    resumed = pool_of(views, SMALL_MB, n_drawn=n_before)
    twin = torch.Generator()
    twin.set_state(generator.get_state())
    for _ in range(20):
        assert same(whole.draw(900, generator), resumed.draw(900, twin))


def test_nothing_depends_on_how_fast_pictures_are_read(views: list[View], monkeypatch: pytest.MonkeyPatch) -> None:
    def draws() -> list[Pixels]:
        pool, generator = pool_of(views, SMALL_MB), torch.Generator().manual_seed(2)
        return [pool.draw(1500, generator) for _ in range(12)]

    fast = draws()
    read: Callable[..., object] = pixel_picks.read_photo
    delays = iter(np.random.default_rng(0).uniform(0, 0.02, 1000))

    def late(*arguments: object) -> object:
        time.sleep(next(delays))
        return read(*arguments)

    monkeypatch.setattr(pixel_picks, "read_photo", late)
    assert all(same(a, b) for a, b in zip(fast, draws(), strict=True))


def test_pixels_are_spread_evenly_and_all_are_equally_likely() -> None:
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(spread(13, 13, rng), np.arange(13))
    assert len(spread(0, 0, rng)) == 0
    counts = np.zeros(29, int)
    for _ in range(20_000):
        found = spread(29, 7, rng)
        assert len(found) == 7 and (np.diff(found) >= 0).all() and found[0] >= 0 and found[-1] < 29
        np.add.at(counts, found, 1)
    check_uniform(counts, dispersion=1)


def test_opaque_alpha_is_dropped_and_mixed_alpha_refused(views: list[View]) -> None:
    h, w = SIZES_HW[1]
    write_image(views[1].image, np.full((h, w, 4), 255, np.uint8))
    pool = pool_of(views)
    assert pool.draw(10, torch.Generator()).alphas is None
    assert all(outline.is_visible is None for outline in pool.outlines)
    assert [outline.view.camera for outline in pool.outlines] == [view.camera for view in pool.views]
    cut = np.full((h, w, 4), 255, np.uint8)
    cut[:5, :, 3] = 0
    write_image(views[1].image, cut)
    with pytest.raises(UserError, match=r"0\.png: has no alpha channel"):
        pool_of(views)
    for view in views:  # an opaque picture among pictures with silhouettes is filled
        size_hw = view.camera.size_hw
        write_image(view.image, cut if view is views[1] else np.full((*size_hw, 4), 255, np.uint8))
    for memory_mb in (1.0, SMALL_MB):
        pool = pool_of(views, memory_mb)
        visible = [outline.is_visible for outline in pool.outlines]
        assert visible[0] is not None and visible[0].all() and visible[1] is not None and not visible[1].all()
        drawn = pool.draw(3000, torch.Generator().manual_seed(0))
        assert drawn.alphas is not None
        assert torch.equal(drawn.alphas == 0, (drawn.photos == 1) & (drawn.positions < 5 * w))


def test_pictures_that_cannot_be_trained_on(views: list[View]) -> None:
    with pytest.raises(UserError, match="no pixel to train on"):
        pool_of([with_mask(view, np.zeros(view.camera.size_hw, bool)) for view in views])
    with pytest.raises(UserError, match=r"train\.image_memory_mb=1e-05: too little for 4 pictures"):
        pool_of(views, 1e-5)
