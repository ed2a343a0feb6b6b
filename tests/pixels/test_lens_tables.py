"""Directions by look-up against the cameras themselves."""

import pytest
import torch

from recon.geometry import Camera, pixel_centers
from recon.pixels.lens_tables import MAX_ERROR_PX, SPACINGS_PX, LensTables

CAMERAS = {
    "pinhole": Camera("PINHOLE", (90, 161), 120.0, 118.0, 79.0, 47.0),
    "phone": Camera("OPENCV", (270, 480), 400.0, 402.0, 236.0, 139.0, (0.12, -0.25, 1e-3, -2e-3)),
    "action camera": Camera("OPENCV", (270, 480), 260.0, 260.0, 240.0, 135.0, (-0.24, 0.05, 1e-3, 5e-4)),
    "fisheye": Camera("OPENCV_FISHEYE", (300, 420), 130.0, 131.0, 209.0, 153.0, (0.03, -0.01, 2e-3, -1e-4)),
    "one pixel": Camera("OPENCV", (1, 1), 3.0, 3.0, 0.5, 0.5, (0.1, 0.0, 0.0, 0.0)),
    "few pixels": Camera("OPENCV", (2, 5), 4.0, 4.0, 2.5, 1.0, (0.1, 0.0, 0.0, 0.0)),
}


def errors_px(camera: Camera, found: torch.Tensor, pixels: torch.Tensor) -> torch.Tensor:
    """How many pixels directions [n, 3] are off, in the direction in which the camera packs its pixels closest."""
    exact = camera.unproject(pixels)
    steps = [(camera.unproject(pixels + torch.tensor(s)) - exact).norm(dim=-1) for s in ((0.01, 0.0), (0.0, 0.01))]
    return (found.double() - exact).norm(dim=-1) / torch.minimum(*steps) * 0.01


@pytest.mark.parametrize("name", CAMERAS)
def test_every_pixel_is_exact_to_a_hundredth_of_a_pixel(name: str) -> None:
    camera = CAMERAS[name]
    pixels = pixel_centers(camera.size_hw).view(-1, 2)
    found = LensTables.of([camera]).directions(torch.zeros(len(pixels), dtype=torch.int64), pixels)
    assert float(errors_px(camera, found, pixels.double()).max()) < 2 * MAX_ERROR_PX
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(len(pixels)))


def test_cameras_of_all_models_and_sizes_are_looked_up_together_and_equal_ones_share() -> None:
    cameras = list(CAMERAS.values())
    tables = LensTables.of([*cameras, *cameras])
    assert len(tables._directions) == len(LensTables.of(cameras)._directions)
    generator = torch.Generator().manual_seed(2)
    index = torch.randint(2 * len(cameras), (500,), generator=generator)
    sizes = torch.tensor([camera.size_hw[::-1] for camera in cameras])[index % len(cameras)]
    pixels = (torch.rand(500, 2, generator=generator) * sizes).floor() + 0.5
    found = tables.directions(index, pixels)
    for i, camera in enumerate(cameras):
        mine = index % len(cameras) == i
        assert mine.any()
        assert float(errors_px(camera, found[mine], pixels[mine].double()).max()) < 2 * MAX_ERROR_PX


def test_tables_are_small_and_a_lens_that_no_table_follows_gets_one_node_a_pixel() -> None:
    assert len(LensTables.of([CAMERAS["phone"]])._directions) < 0.1 * 270 * 480
    folding = Camera("OPENCV", (90, 120), 40.0, 40.0, 60.0, 45.0, (-0.4, 0.0, 0.0, 0.0))  # r (1 - 0.4 r^2) turns back
    tables = LensTables.of([folding])
    assert len(tables._directions) == 90 * 120 and SPACINGS_PX[-1] == 1
    pixels = pixel_centers((90, 120)).view(-1, 2)
    found = tables.directions(torch.zeros(len(pixels), dtype=torch.int64), pixels)
    torch.testing.assert_close(found, folding.unproject(pixels.double()).float(), atol=1e-5, rtol=0)
