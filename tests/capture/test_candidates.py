"""Candidates on disk: the sharpest of every cell, few of them however long the video is."""

from pathlib import Path

import numpy as np
import pytest

from recon.capture.candidates import Candidates
from recon.capture.keyframes import Spacing

H, W = 6, 9


def offered(folder: Path, progress: np.ndarray, sharpness: np.ndarray, capacity: int) -> tuple[Candidates, list[int]]:
    """All frames offered; how many files there were after each."""
    candidates, counts = Candidates(folder / "c", capacity_fn=lambda cell: capacity, jpeg_quality=90), []
    for i, (p, s) in enumerate(zip(progress, sharpness, strict=True)):
        image = np.full((H, W, 3), i % 256, np.uint8)
        candidates.offer(i, progress=float(p), sharpness=float(s), image_fn=lambda image=image: image)
        counts.append(len(list((folder / "c").iterdir())))
    return candidates, counts


@pytest.mark.parametrize("capacity", [10, 37, 1000])
def test_every_cell_keeps_its_sharpest(tmp_path: Path, capacity: int) -> None:
    rng = np.random.default_rng(0)
    progress, sharpness = np.cumsum(rng.uniform(0, 0.1, 400)), rng.uniform(0.2, 0.6, 400)
    candidates, counts = offered(tmp_path, progress, sharpness, capacity)
    chosen = candidates.finish()
    cells = (progress / candidates.cell_steps).astype(int)
    assert chosen == {int(np.flatnonzero(cells == c)[sharpness[cells == c].argmax()]) for c in np.unique(cells)}
    assert max(counts) <= capacity and len(chosen) <= capacity
    assert {candidates.file(i) for i in chosen} == set((tmp_path / "c").iterdir())
    assert capacity == 1000 or len(chosen) > capacity / 3


def test_a_still_camera_leaves_one(tmp_path: Path) -> None:
    candidates, _ = offered(tmp_path, np.zeros(50), np.linspace(0.1, 0.5, 50), 8)
    assert candidates.finish() == {49} and candidates.size_hw == (H, W)


def test_images_are_made_only_for_leaders(tmp_path: Path) -> None:
    made: list[int] = []

    def image_of(i: int) -> np.ndarray:
        made.append(i)
        return np.zeros((H, W, 3), np.uint8)

    candidates = Candidates(tmp_path / "c", capacity_fn=lambda cell: 8, jpeg_quality=90)
    for i, sharpness in enumerate([0.3, 0.2, 0.5, 0.5, 0.1]):
        candidates.offer(i, progress=0.0, sharpness=sharpness, image_fn=lambda i=i: image_of(i))
    assert made == [0, 2]


def test_slow_videos_hold_finer_cells_than_long_ones() -> None:
    spacing = Spacing(target_count=None, min_count=60, max_count=300, max_parallax=0.03, min_overlap=0.85)
    assert [spacing.n_candidates(cell) for cell in (1 / 40, 1 / 20, 1 / 4, 2.0)] == [80, 240, 1200, 1200]
