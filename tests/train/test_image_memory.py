"""Training on more pictures than fit: memory stays within the budget, and a stopped run goes on exactly."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recon import kernels
from recon.field.checkpoint import load_checkpoint
from recon.field.settings import HashGridSettings
from recon.formats import cameras_json
from recon.formats.images import write_image
from recon.geometry import Camera, Points, Reconstruction, View, look_at
from recon.train.settings import TrainSettings
from recon.train.stage import train_field
from recon.workspace import Workspace
from tests.default_settings import default_settings

ROOT = Path(__file__).resolve().parents[2]
SIZE_HW = (480, 640)
PICTURE_MB = 480 * 640 * 3 / 2**20


def ring(folder: Path, n: int, size_hw: tuple[int, int]) -> Reconstruction:
    """n cameras around the origin; four noisy pictures between them."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    pictures = [folder / f"{i}.jpg" for i in range(4)]
    for i, picture in enumerate(pictures):
        write_image(picture, np.full((*size_hw, 3), 50 * i, np.uint8) + rng.integers(0, 9, (*size_hw, 1), np.uint8))
    h, w = size_hw
    camera = Camera("OPENCV", size_hw, float(w), float(w), w / 2, h / 2, (-0.1, 0.01, 0.0, 0.001))
    up, angles = np.array([0.0, 0.0, 1.0]), 2 * np.pi * np.arange(n) / n
    eyes = 3 * np.stack([np.cos(angles), np.sin(angles), np.full(n, 0.3)], -1)
    views = tuple(
        View(f"{i:03d}", pictures[i % 4], camera, look_at(eye, np.zeros(3), up)) for i, eye in enumerate(eyes)
    )
    positions = rng.normal(size=(300, 3))
    return Reconstruction(views, points=Points(positions, np.zeros((300, 3), np.uint8)), is_up_aligned=True)


def small_training(root: Path, reconstruction: Reconstruction, *, image_memory_mb: float, max_steps: int) -> Workspace:
    workspace = Workspace(root)
    cameras_json.write(workspace.cameras_json, reconstruction, root=root)
    field = default_settings(
        HashGridSettings,
        "field",
        "hash_grid",
        n_levels=2,
        log2_table_size_open=12,
        cells_per_pixel=0.05,
        occupancy_resolution=64,
    )
    settings = default_settings(
        TrainSettings,
        "train",
        max_seconds=None,
        samples_per_step=4096,
        occupancy_probes=4096,
        preview_count=0,
        image_memory_mb=image_memory_mb,
        max_steps=max_steps,
    )
    train_field(
        workspace,
        reconstruction=reconstruction,
        field=field,
        settings=settings,
        config_text="",
        seed=0,
        device="cpu",
        backend="reference",
    )
    return workspace


def peak_mb(folder: Path, n: int, image_memory_mb: float) -> float:
    """Peak resident memory of a process that trains on n pictures (its own: a child's ru_maxrss starts with its parent's)."""
    program = (
        "import sys, pathlib, json; sys.path.insert(0, sys.argv[1])\n"
        "from tests.train.test_image_memory import SIZE_HW, ring, small_training\n"
        "folder, n, budget = pathlib.Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])\n"
        "small_training(folder, ring(folder, n, SIZE_HW), image_memory_mb=budget, max_steps=12)\n"
        "lines = dict(l.split(':') for l in pathlib.Path('/proc/self/status').read_text().splitlines() if ':' in l)\n"
        "print(json.dumps(int(lines['VmHWM'].split()[0]) / 1024))\n"
    )
    arguments = [str(ROOT), str(folder / f"{n}_{image_memory_mb}"), str(n), str(image_memory_mb)]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc, absent here")
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path: Path) -> None:
    """40 and 160 pictures within 20 MB differ by less than 20 MB; 160 whole ones take what they weigh, 140 MB."""
    few, many = peak_mb(tmp_path, 40, 20), peak_mb(tmp_path, 160, 20)
    whole = peak_mb(tmp_path, 160, 1500)
    assert many - few < 20
    assert whole - many > 0.7 * (140 * PICTURE_MB - 20)  # 140 of the 160 are trained on


def test_a_killed_run_with_a_pool_resumes_to_the_same_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without a pool (test_training.py), with pictures replaced before and after the stop."""
    from recon.pixels import PixelPool
    from recon.train.training import Training

    reconstruction = ring(tmp_path, 12, (30, 41))
    replaced = []
    refresh = PixelPool._refresh
    monkeypatch.setattr(PixelPool, "_refresh", lambda self: (replaced.append(self._refreshed), refresh(self)))
    whole = small_training(tmp_path / "whole", reconstruction, image_memory_mb=0.004, max_steps=24)
    assert len(replaced) > len(reconstruction.views) and replaced == list(range(len(replaced)))

    advance = Training.advance

    def stop_at_12(self: Training, *arguments: object) -> object:
        if self.step == 12:
            raise KeyboardInterrupt
        return advance(self, *arguments)

    first_run = list(replaced)
    replaced.clear()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "advance", stop_at_12)
        small_training(tmp_path / "halves", reconstruction, image_memory_mb=0.004, max_steps=24)
    n_before = len(replaced)
    halves = small_training(tmp_path / "halves", reconstruction, image_memory_mb=0.004, max_steps=24)
    assert 0 < n_before < len(first_run) and replaced[-1] == first_run[-1]
    a, b = (load_checkpoint(workspace.checkpoint)["training"]["field"] for workspace in (whole, halves))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert kernels.fused(torch.device("cpu")) is None  # `reference`, as was asked for
