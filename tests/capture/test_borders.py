"""Black bars round a film: found where they are sharp and always black, and nothing else is taken for one."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.capture.borders import black_bars
from recon.formats.masks import read_mask
from recon.formats.video_writing import write_video
from recon.workspace import Workspace
from tests.stages import capture_frames


def framed(top: int, bottom: int, left: int, right: int, *, edge: int = 160) -> np.ndarray:
    """What the brightest moment of a film of 90 x 160 may look like."""
    brightest = np.random.default_rng(0).integers(edge - 40, edge + 40, (90, 160)).astype(np.uint8)
    brightest[:top], brightest[90 - bottom :], brightest[:, :left], brightest[:, 160 - right :] = 8, 8, 8, 8
    return brightest


@pytest.mark.parametrize("bars", [(12, 12, 0, 0), (0, 0, 50, 50), (10, 0, 0, 3), (8, 9, 20, 21)])
def test_bars_are_found_to_the_pixel(bars: tuple[int, int, int, int]) -> None:
    found = black_bars(framed(*bars))
    assert found is not None
    counts = found.counts((90, 160))
    rows, columns = np.flatnonzero(counts.any(1)), np.flatnonzero(counts.any(0))
    inner = (rows[0], 89 - rows[-1], columns[0], 159 - columns[-1])
    assert all(bar <= width <= bar + 3 if bar else width == 0 for bar, width in zip(bars, inner, strict=True))


def test_dark_skies_and_whole_pictures_are_none() -> None:
    assert black_bars(framed(0, 0, 0, 0)) is None
    night = np.repeat(np.linspace(0, 200, 90).astype(np.uint8)[:, None], 160, 1)  # a sky that fades
    assert black_bars(night) is None
    assert black_bars(np.zeros((90, 160), np.uint8)) is None
    assert black_bars(framed(60, 0, 0, 0)) is None  # two thirds of a picture are no bar


def test_a_letterboxed_film_is_masked(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.normal(size=(90, 400, 3)), (0, 0), 2)
    wall = np.clip(140 + 40 * wall / wall.std(), 40, 255).astype(np.uint8)
    boxed = [np.pad(wall[:, 4 * i : 4 * i + 160], ((20, 20), (0, 0), (0, 0))) for i in range(60)]
    clip = write_video(tmp_path / "box.mp4", boxed, fps=20, crf=20)
    workspace = Workspace(tmp_path / "run")
    capture_frames(workspace, source=clip, target_count=12, min_count=10, max_count=40)
    masks = sorted((workspace.frames / "masks").iterdir())
    assert len(masks) == len(list(workspace.frames.glob("*.jpg"))) >= 10
    for mask in masks[::4]:
        counts = read_mask(mask)
        assert counts.shape == (130, 160) and not counts[:20].any() and not counts[110:].any() and counts[26:104].all()
