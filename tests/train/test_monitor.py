"""The TensorBoard monitor, read back with TensorBoard's own reader."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from recon.geometry import Camera, Points, Reconstruction, View
from recon.render.views import RenderedView
from recon.train.monitor import Monitor, camera_frusta, flat_settings

CAMERA = Camera("PINHOLE", (20, 30), 30, 30, 15, 10)


def read(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        return EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0}).Reload()


def scene(n=9):
    poses = [np.eye(4) for _ in range(n)]
    for i, pose in enumerate(poses):
        pose[0, 3] = i
    points = Points(np.random.default_rng(0).normal(size=(40, 3)), np.full((40, 3), 90, np.uint8))
    return Reconstruction(tuple(View(f"{i}", Path("x.png"), CAMERA, p) for i, p in enumerate(poses)), points)


def view():
    h, w = 20, 30
    return RenderedView(
        np.full((h, w, 3), 0.5, np.float32), np.ones((h, w), np.float32), np.full((h, w), 2, np.float32),
        np.zeros((h, w, 3), np.float32),
    )  # fmt: skip


def test_scalars_read_back(tmp_path):
    with Monitor(tmp_path) as monitor:
        for step in range(3):
            monitor.scalars(step, {"loss/total": 1 / (step + 1), "speed/rays_per_second": 1000 * step})
    events = read(tmp_path)
    assert [(e.step, e.value) for e in events.Scalars("loss/total")][2] == (2, pytest.approx(1 / 3))
    assert len(events.Scalars("speed/rays_per_second")) == 3


def test_resume_purges_the_steps_it_repeats(tmp_path):
    with Monitor(tmp_path) as monitor:
        for step in range(0, 50, 10):
            monitor.scalars(step, {"loss": 1.0})
    with Monitor(tmp_path, resume_step=30) as monitor:
        for step in range(30, 60, 10):
            monitor.scalars(step, {"loss": 2.0})
    events = [(e.step, e.value) for e in read(tmp_path).Scalars("loss")]
    assert events == [(0, 1.0), (10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0), (50, 2.0)]


@pytest.mark.parametrize("has_truth", [False, True])
def test_held_out_picture(tmp_path, has_truth):
    true_depth = np.full((20, 30), 3, np.float32) if has_truth else None
    with Monitor(tmp_path) as monitor:
        monitor.held_out(5, "0008", photo=np.zeros((20, 30, 3), np.float32), rendered=view(), true_depth=true_depth)
    (image,) = read(tmp_path).Images("held_out/0008")
    panels = 5 if has_truth else 4
    assert image.step == 5 and (image.height, image.width) == (20, panels * 30 + (panels - 1) * 4)


def test_scene_config_and_hparams(tmp_path):
    with Monitor(tmp_path) as monitor:
        monitor.scene(scene())
        monitor.config("train:\n  max_steps: 3\n")
        monitor.hparams({"train": {"max_steps": 3, "lr": 0.01}, "device": "cpu"}, {"eval/psnr": 21.5})
    events = read(tmp_path)
    tensors = events.Tags()["tensors"]
    assert "config/text_summary" in tensors
    assert "scene/cameras_VERTEX" in tensors and "scene/points_VERTEX" in tensors
    assert events.Scalars("eval/psnr")[0].value == pytest.approx(21.5)
    assert len(list(tmp_path.iterdir())) == 1  # no sub-run for the hparams
    assert any(name.startswith("_hparams_/") for name in events.summary_metadata)


def test_frusta_are_at_the_cameras_and_look_forward():
    vertices, faces, colors = camera_frusta(scene(9))
    assert vertices.shape == (45, 3) and faces.shape == (72, 3) and colors.shape == (45, 3)
    np.testing.assert_allclose(vertices[::5, 0], np.arange(9), atol=1e-12)
    assert (vertices.reshape(9, 5, 3)[:, 1:, 2] > 0).all() and faces.max() == 44
    assert (colors[0] != colors[5]).any() and (colors[0] == colors[40]).all()  # 0 and 8 are held out


def test_flat_settings():
    assert flat_settings({"a": {"b": 1, "c": {"d": None}}, "e": True}) == {"a.b": 1, "a.c.d": "None", "e": True}


def test_importing_the_monitor_does_not_import_tensorboard():
    code = "import sys, recon.train.monitor; assert 'tensorboard' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
