"""Random pixels as rays: a ray goes through the pixel whose colour it has."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recon.formats.images import write_image
from recon.geometry import Camera, Similarity, View, look_at
from recon.pixels import PixelPool, PixelSampler
from recon.pixels.pixel_sampler import BatchesAhead

DISTORTIONS = {
    "PINHOLE": (),
    "OPENCV": (0.05, -0.02, 0.001, -0.002),
    "OPENCV_FISHEYE": (0.02, -0.01, 0.001, 0.0),
}


def colored_views(folder: Path, model: str) -> list[View]:
    """Three cameras of different sizes; each pixel says where it is: (column, row, picture)."""
    views = []
    for i in range(3):
        h, w = 20 + 3 * i, 31 - 2 * i
        rows, columns = np.indices((h, w))
        pixels = np.stack([columns, rows, np.full_like(rows, i)], -1).astype(np.uint8)
        write_image(folder / f"{i}.png", pixels)
        camera = Camera(model, (h, w), 33.0 + i, 35.0, 15.0, 10.0, DISTORTIONS[model])
        pose = look_at(np.array([2.0, i - 1.0, 0.3 * i]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        views.append(View(f"{i}", folder / f"{i}.png", camera, pose))
    return views


@pytest.mark.parametrize("memory_mb", [1.0, 0.004])
@pytest.mark.parametrize("model", DISTORTIONS)
def test_drawn_rays_project_to_their_pixels(model: str, memory_mb: float, tmp_path: Path) -> None:
    views = colored_views(tmp_path, model)
    pool = PixelPool(views, max_size=None, memory_mb=memory_mb, seed=0)
    assert (pool.share == 1) == (memory_mb == 1)
    scene_from_world = Similarity(0.4, np.eye(3), np.array([0.1, 0.2, -0.3]))
    batch = PixelSampler(pool, scene_from_world, torch.device("cpu")).sample(100, torch.Generator().manual_seed(1))
    world = scene_from_world.inverse().points(batch.rays.at(torch.full((100,), 0.7)).double().numpy())
    assert set(batch.photo_indices.tolist()) == {0, 1, 2} and batch.alphas is None
    for position, color, index in zip(world, batch.colors, batch.photo_indices.tolist(), strict=True):
        view = views[index]
        in_camera = (position - view.world_from_camera[:3, 3]) @ view.world_from_camera[:3, :3]
        pixel = view.camera.project(torch.from_numpy(in_camera)).numpy()
        column, row, picture = np.rint(255 * color.numpy())
        np.testing.assert_allclose(pixel, [column + 0.5, row + 0.5], atol=0.01)
        assert picture == index


def test_pictures_are_shrunk_with_their_cameras(tmp_path: Path) -> None:
    views = colored_views(tmp_path, "OPENCV")
    pool = PixelPool(views, max_size=14, memory_mb=1, seed=0)
    assert [view.camera for view in pool.views] == [
        view.camera.resized(view_hw) for view, view_hw in zip(views, [(9, 14), (11, 14), (13, 14)], strict=True)
    ]


def test_alpha_comes_with_the_colours(tmp_path: Path) -> None:
    views = []
    for i, view in enumerate(colored_views(tmp_path, "PINHOLE")):
        h, w = view.camera.size_hw
        path = tmp_path / f"cut_{i}.png"
        write_image(path, np.dstack([np.full((h, w, 3), 100, np.uint8), np.full((h, w), 51 * i, np.uint8)]))
        views.append(replace(view, image=path))
    pool = PixelPool(views, max_size=None, memory_mb=1, seed=0)
    batch = PixelSampler(pool, Similarity.identity(), torch.device("cpu")).sample(90, torch.Generator().manual_seed(1))
    assert batch.alphas is not None
    torch.testing.assert_close(batch.alphas, 0.2 * batch.photo_indices.float())


def test_pixels_that_a_gpu_does_not_hold_are_made_ahead_and_go_on_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device of its own kind ("meta" has no memory) and, to see what was drawn, on the CPU."""
    views = colored_views(tmp_path, "PINHOLE")

    def sampler(device: str, n_drawn: int = 0) -> PixelSampler:
        pool = PixelPool(views, max_size=None, memory_mb=1.0, seed=0, n_drawn=n_drawn)
        monkeypatch.setattr(pool, "move_to", lambda _device: None)
        return PixelSampler(pool, Similarity.identity(), torch.device(device))

    away = sampler("meta")
    assert not away.is_on_device
    sizes = [len(away.sample(n, torch.Generator())) for n in (50, 50, 80, 80, 40)]
    assert sizes == [50, 50, 50, 80, 40]  # never more than asked for: what came was thrown away
    assert away.sample(40, torch.Generator()).rays.origins.device.type == "meta"

    ahead = BatchesAhead(sampler("meta")._made_on_the_host, torch.device("cpu"))
    first, second = (ahead.next(30) for _ in range(2))
    assert not torch.equal(first.colors, second.colors)
    again = BatchesAhead(sampler("meta", n_drawn=30)._made_on_the_host, torch.device("cpu")).next(30)
    assert torch.equal(again.colors, second.colors) and torch.equal(again.rays.directions, second.rays.directions)
