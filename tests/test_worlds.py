"""The test worlds themselves: what they claim to be exact is."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from recon.bench.synthetic.renderer import render
from recon.formats.images import read_image
from recon.geometry import Rays


def _worlds():  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location("tests.worlds", Path(__file__).parent / "worlds.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    spec.loader.exec_module(module)
    return module


worlds = _worlds()


@pytest.mark.parametrize("kind", ["sphere", "box"])
def test_entry_and_exit_lie_on_the_surface_and_the_middle_inside(kind: str) -> None:
    solid = worlds.Solid(kind, half=(0.5, 0.5, 0.5) if kind == "sphere" else (0.3, 0.5, 0.2))
    generator = torch.Generator().manual_seed(0)
    origins = 3 * torch.nn.functional.normalize(torch.randn(400, 3, generator=generator), dim=-1)
    aims = 0.5 * torch.randn(400, 3, generator=generator) - origins
    rays = Rays(origins, torch.nn.functional.normalize(aims, dim=-1))
    enter, leave = solid.interval(rays)
    hit = enter < leave
    assert 50 < hit.sum() < 390
    for t in (enter, leave):
        assert solid.signed_distance(rays.at(t))[hit].abs().max() < 1e-5
    assert (solid.density_fn(rays.at((enter + leave) / 2))[0][hit] > 0).all()
    assert solid.opacity(rays)[~hit].max() == 0
    samples = rays.origins[:, None] + torch.linspace(0, 6, 200)[:, None] * rays.directions[:, None]
    assert (solid.signed_distance(samples[~hit].reshape(-1, 3)) >= -1e-6).all()


def test_the_room_surrounds_its_cameras_and_its_photos_are_on_disk(tmp_path: Path) -> None:
    reconstruction = worlds.room_reconstruction(tmp_path, 3, size_hw=(24, 36))
    world = worlds.textured_room()
    for view in reconstruction.views:
        color, depth = render(world, view.camera, view.world_from_camera)
        assert read_image(view.image) / 255 == pytest.approx(color, abs=0.003)
        assert depth[depth > 0].min() > 0.2 and depth.max() < 4.5 and (depth > 0).mean() > 0.9
