"""The viewer: its camera, its pictures, its error without viser, and a server that starts and stops."""

import itertools
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recon.geometry import Camera, Points, Reconstruction, View
from recon.render.views import RenderedView
from recon.show.viewer import stage as viewer
from recon.show.viewer.settings import ViewSettings
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

CAMERA = Camera("PINHOLE", (20, 30), 30, 30, 15, 10)


def render(camera, pose):
    h, w = camera.size_hw
    depth = np.full((h, w), 2, np.float32)
    normal = np.zeros((h, w, 3), np.float32)
    return RenderedView(np.full((h, w, 3), 0.5, np.float32), np.ones((h, w), np.float32), depth, normal)


def settings(**changes):
    return default_settings(ViewSettings, "view", **changes)


def scene():
    points = Points(np.zeros((5, 3)), np.zeros((5, 3), np.uint8))
    return Reconstruction(
        (View("a", Path("a.png"), CAMERA, np.eye(4)), View("b", Path("b.png"), CAMERA, np.eye(4))), points
    )


@pytest.mark.parametrize(("aspect", "size_hw"), [(1.5, (40, 60)), (0.5, (60, 30))])
def test_viewer_camera(aspect, size_hw):
    camera = viewer.viewer_camera(math.radians(60), aspect, 60)
    assert camera.size_hw == size_hw
    top = camera.unproject(torch.tensor([camera.cx, 0.0]))
    assert float(torch.atan2(-top[1], top[2])) == pytest.approx(math.radians(30), abs=1e-6)


@pytest.mark.parametrize("mode", ["color", "depth", "normal"])
def test_every_mode_is_a_picture(mode):
    picture = viewer.shown(render(CAMERA, np.eye(4)), mode)
    assert picture.shape == (20, 30, 3) and picture.dtype == np.uint8


def test_without_viser_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    with pytest.raises(UserError, match=r"pip install 'recon\[viewer\]'"):
        viewer.open_viewer(Workspace(tmp_path), reconstruction=scene(), render_view_fn=render, settings=settings())


def client():
    """A browser window without the browser."""
    camera = SimpleNamespace(fov=1.0, aspect=1.5, wxyz=np.array([1.0, 0, 0, 0]), position=np.zeros(3))
    drawn = []
    handle = SimpleNamespace(
        camera=camera,
        scene=SimpleNamespace(set_background_image=lambda image, **more: drawn.append(image)),
    )
    return viewer._Client(handle, scene()), camera, drawn


def test_pictures_grow_while_the_camera_rests_and_stop_at_the_limit():
    window, camera, drawn = client()
    while window.show(render, "color", 200):
        pass
    sizes = [image.shape[1] for image in drawn]
    assert sizes == sorted(sizes) and sizes[0] == viewer.START_SIZE and sizes[-1] == 200
    camera.position = np.array([0.1, 0, 0])
    assert window.show(render, "color", 200)


def test_a_slow_machine_gets_coarser_pictures_while_moving(monkeypatch):
    clock = itertools.count(0, 4)  # every render takes four seconds
    monkeypatch.setattr(viewer, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    window, camera, drawn = client()
    window.show(render, "color", 200)
    camera.position = np.array([0.1, 0, 0])
    window.show(render, "color", 200)
    assert drawn[1].shape[1] == viewer.MIN_SIZE < drawn[0].shape[1]


@pytest.mark.filterwarnings("ignore")  # of viser's web server
def test_server_starts_and_stops(tmp_path):
    pytest.importorskip("viser", reason="the extra 'viewer' is not installed")
    stops = iter([False, True])
    viewer.open_viewer(
        Workspace(tmp_path),
        reconstruction=scene(),
        render_view_fn=render,
        settings=settings(port=18437, max_size=64),
        should_stop=lambda: next(stops),
    )
