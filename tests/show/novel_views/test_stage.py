"""The render stage with an analytic stand-in for the field: a plane seen by cameras along a line."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats import cameras_json
from recon.formats.video import read_frames
from recon.geometry import Camera, Reconstruction, Scale, View
from recon.render.views import RenderedView
from recon.show.novel_views.settings import ViewsSettings
from recon.show.novel_views.stage import nice_step, render_path
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

CAMERA = Camera("PINHOLE", (36, 50), 40, 40, 25, 18)
SMALL = {"seconds": 1.0, "fps": 5.0, "max_size": 40, "smoothing": 0.0}


def render(camera, pose):
    """A wall at z = 10 with sky in the top rows; colour tells the camera's position."""
    h, w = camera.size_hw
    depth = np.full((h, w), 10 - pose[2, 3], np.float32)
    depth[:3] = 0
    normal = np.zeros((h, w, 3), np.float32)
    normal[3:, :, 2] = -1
    color = np.full((h, w, 3), pose[2, 3] / 10, np.float32)
    return RenderedView(color, (depth > 0).astype(np.float32), depth, normal)


def capture(scale=None):
    views = []
    for i in range(4):
        pose = np.eye(4)
        pose[2, 3] = i
        views.append(View(f"{i}", Path(f"{i}.png"), CAMERA, pose))
    return Reconstruction(tuple(views), scale=scale)


def run(tmp_path, path="interpolate", scale=None, render_view_fn=render, **settings):
    return render_path(
        Workspace(tmp_path),
        reconstruction=capture(scale),
        render_view_fn=render_view_fn,
        path=path,
        settings=default_settings(ViewsSettings, "views", **SMALL | settings),
    )


def test_files_and_videos(tmp_path):
    folder = run(tmp_path)
    assert folder == tmp_path / "views/interpolate"
    for suffix in ("", "_depth", "_normal"):
        frames = list(read_frames(tmp_path / f"views/interpolate{suffix}.mp4"))
        assert len(frames) == 5 and frames[0].image.shape == (28, 40, 3)
    assert sorted(p.name for p in folder.glob("*_00003*")) == [f"{k}_00003.png" for k in ("color", "depth", "normal")]
    assert not list(folder.glob("*.npy"))
    assert read_metrics(Workspace(tmp_path))["views"]["interpolate"]["frames"] == 5


@pytest.mark.parametrize("scale", [None, Scale(0.5, "given", 0.01)])
def test_raw_depth_reads_back_with_its_unit(tmp_path, scale):
    folder = run(tmp_path, scale=scale)
    info = json.loads((folder / "depth.json").read_text())
    assert info["unit"].startswith("metre" if scale else "scene unit")
    depth = np.asarray(Image.open(folder / "depth_00002.png"))
    assert depth.dtype == np.uint16 and (depth[:3] == 0).all()
    expected = (10 - 1.5) * (scale.metres_per_unit if scale else 1)
    np.testing.assert_allclose(depth[3:] * info["units_per_step"], expected, atol=info["units_per_step"])


def test_cameras_of_the_path_are_a_posed_capture(tmp_path):
    folder = run(tmp_path)
    value = json.loads((folder / "cameras.json").read_text())
    path = cameras_json.decode(value, root=tmp_path, points=None, source=folder / "cameras.json")
    assert len(path.views) == 5 and path.views[4].image.exists()
    np.testing.assert_allclose(path.centers[:, 2], np.linspace(0, 3, 5), atol=1e-6)


def test_without_png_only_depth_stays(tmp_path):
    folder = run(tmp_path, png=False)
    assert len(list(folder.glob("*.png"))) == 5 == len(list(folder.glob("depth_*.png")))


def test_a_rerun_is_skipped(tmp_path):
    run(tmp_path)

    def never(camera, pose):
        raise AssertionError("rendered again")

    run(tmp_path, render_view_fn=never)


def test_a_path_file_brings_its_frames_and_rate(tmp_path):
    stop = {"camera_to_world": np.diag([1.0, -1, -1, 1]).reshape(-1).tolist(), "fov": 60, "aspect": 1.5}
    value = {"render_height": 20, "render_width": 30, "fps": 10, "camera_path": [stop] * 3}
    (tmp_path / "my path.json").write_text(json.dumps(value))
    folder = run(tmp_path, path=str(tmp_path / "my path.json"))
    assert folder.name == "my_path" and len(list(folder.glob("color_*.png"))) == 3
    assert json.loads((folder / "cameras.json").read_text())["fps"] == 10


def test_sky_only_is_no_trouble(tmp_path):
    def sky(camera, pose):
        h, w = camera.size_hw
        zero = np.zeros((h, w), np.float32)
        return RenderedView(np.ones((h, w, 3), np.float32), zero, zero, np.zeros((h, w, 3), np.float32))

    folder = run(tmp_path, render_view_fn=sky)
    assert (np.asarray(Image.open(folder / "depth_00000.png")) == 0).all()


@pytest.mark.parametrize("settings", [{"seconds": 0}, {"fps": 0}, {"max_size": 1}, {"smoothing": -1}, {"path": "loop"}])
def test_impossible_settings_are_user_errors_and_write_nothing(tmp_path, settings):
    with pytest.raises(UserError, match="expected"):
        run(tmp_path, **settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reach", "step"), [(30.0, 0.001), (100.0, 0.002), (1e-3, 2e-8), (54.6, 0.001), (250.0, 0.005)]
)
def test_nice_step(reach, step):
    assert nice_step(reach) == pytest.approx(step, rel=1e-9)
