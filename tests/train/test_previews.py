"""Held-out views that are shown small while training."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.geometry import Camera, View
from recon.geometry.transforms import Array
from recon.render.views import RenderedView
from recon.score.metrics import psnr
from recon.train.previews import MOST, SAMPLES, previews_of


def stripes(camera: Camera, world_from_camera: Array) -> RenderedView:
    """An exact field: fine stripes that a ray hits or misses, whatever the size of the picture."""
    h, w = camera.size_hw
    across = (np.arange(w) + 0.5 - camera.cx) / camera.fx
    line = (np.floor(240 * across + 0.5).astype(int) % 2).astype(np.float32)
    color = np.broadcast_to(line[None, :, None], (h, w, 3)).copy()
    there = np.ones((h, w), np.float32)
    return RenderedView(color, there, 2 * there, np.zeros((h, w, 3), np.float32))


@pytest.fixture
def views(tmp_path: Path) -> list[View]:
    camera = Camera("PINHOLE", (96, 240), 240.0, 240.0, 120.0, 48.0)
    photo = np.rint(255 * stripes(camera, np.eye(4)).color).astype(np.uint8)
    Image.fromarray(photo).save(tmp_path / "stripes.png")
    return [View(f"{i}", tmp_path / "stripes.png", camera, np.eye(4)) for i in range(5)]


def test_an_exact_field_looks_like_its_small_photos(views: list[View]) -> None:
    previews = previews_of(views, 80)
    assert len(previews) == MOST
    for preview in previews:
        assert preview.photo.view.camera.size_hw == (32, 80) and preview.samples == SAMPLES
        one_ray = stripes(preview.photo.view.camera, preview.photo.view.world_from_camera)
        rendered = preview.rendered(stripes)
        assert rendered.opacity.shape == (32, 80) and (rendered.depth == 2).all()
        assert psnr(preview.photo.over(1.0), rendered.color) > psnr(preview.photo.over(1.0), one_ray.color) + 6


def test_a_photo_that_is_small_already_takes_one_ray_a_pixel(views: list[View]) -> None:
    assert [preview.samples for preview in previews_of(views, 300)] == [1, 1]


def test_no_held_out_views_give_no_previews() -> None:
    assert previews_of([], 80) == []
