"""Training on a GPU as a whole: recorded steps against steps by hand, checkpoints that change devices, held-out views."""

import copy
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from recon import kernels
from recon.bench.parity import Compared, error
from recon.field.field_file import load_trained_field
from recon.field.settings import HashGridSettings
from recon.formats import cameras_json
from recon.formats.images import fit_within
from recon.formats.photos import read_photo
from recon.geometry import Camera, Reconstruction, look_at
from recon.mesh.atlas import SurfaceSamples
from recon.mesh.blending import ShownBy, blend
from recon.mesh.photos import PhotoWithDepth
from recon.pixels import PixelPool, PixelSampler
from recon.score.metrics import psnr
from recon.train.recording import Recorder
from recon.train.schedule import Budget
from recon.train.settings import TrainSettings
from recon.train.setup import new_training
from recon.train.stage import train_field
from recon.train.training import Training
from recon.workspace import Workspace, read_metrics

WARM_STEPS = 400  # before anything is measured: compilers are done, and most sizes have been recorded
TIMED_STEPS = 160
BY_DEVICES = 8.0  # colours of 255, of single pixels: half-precision products against single ones
SIDE = 100  # pixels of the view that a processor renders too


@dataclass(frozen=True)
class Task:
    """What is trained, and how."""

    reconstruction: Reconstruction
    field: HashGridSettings
    settings: TrainSettings
    device: torch.device
    run: Path | None = None  # a run folder that knows depths of the pictures


class ByHand:
    """In place of a recording: the step anew."""

    def __init__(self, work: Callable[[], Any], *_others: Any) -> None:
        self.replay = work


def compare_recorded(task: Task) -> tuple[list[Compared], dict[str, float]]:
    """A recorded step gives what the same step by hand gives, up to what two runs by hand differ by (atomic additions come in any
    order); none waits for the host. And milliseconds a step, by hand and recorded."""
    device = task.device
    pool = PixelPool(task.reconstruction.training_views, max_size=None, memory_mb=4000, seed=0)
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        _set_up(workspace, task)
        kernels.use("auto", device)
        recipe = task.settings.recipe
        training = new_training(
            task.reconstruction, pool.outlines, task.field, recipe, workspace=workspace, seed=0, device=device
        )
    pixels, budget = PixelSampler(pool, training.scene.scene_from_world, device), Budget(4 * WARM_STEPS, None)
    for _ in range(WARM_STEPS):
        training.advance(pixels, budget)
    recorder, by_hand = training.recorder, Recorder(training.generator, record=ByHand)
    assert recorder is not None
    state = copy.deepcopy(training.state())
    ends = []
    for which in (by_hand, by_hand, recorder, recorder):
        training.load_state(copy.deepcopy(state))
        training.recorder = which
        for _ in range(2):  # not more: later the number of samples, which differs by rounding, sets that of rays
            report = training.advance(pixels, budget)
        ends.append((report.loss.clone(), training.field.get_parameter("table").detach().clone()))
    before = state["field"]["table"]
    (loss, table), (loss_again, again), _, (loss_recorded, recorded) = ends
    noise, difference = error(again - before, table - before), error(recorded - before, table - before)
    found = [
        Compared("recorded step: loss", error(loss_recorded, loss), 3 * error(loss_again, loss) + 1e-4),
        Compared("recorded step: change of the table", difference, 3 * noise + 1e-3),
        Compared("waits within steps", float(_waits(training, pixels, budget)), 0.0),
    ]
    times = {}
    for name, which in (("by hand", by_hand), ("recorded", recorder)):
        training.recorder = which
        times[name] = _milliseconds(training, pixels, budget)
    return found, times


def _waits(training: Training, pixels: PixelSampler, budget: Budget) -> int:
    """How many of some steps, with the update of the occupancy between them, make the host wait for the GPU."""
    waits = 0
    for _ in range(2 * training.recipe.occupancy_interval):
        torch.cuda.set_sync_debug_mode("error")
        try:
            training.advance(pixels, budget)
        except RuntimeError as caught:
            waits += 1
            print(f"a step waits: {caught}")
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return waits


def _milliseconds(training: Training, pixels: PixelSampler, budget: Budget) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(TIMED_STEPS):
        training.advance(pixels, budget)
    torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - began) / TIMED_STEPS


def compare_devices(task: Task) -> list[Compared]:
    """A training begins on the processor, goes on on the GPU, and again on the processor; a view of the field is the same there."""
    small = replace(task.field, log2_table_size=12, occupancy_resolution=64)
    steps = replace(
        task.settings, max_seconds=None, max_steps=1, samples_per_step=2048, occupancy_probes=2048, max_image_size=200
    )
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        counts = []
        for device, n_steps in ((torch.device("cpu"), 3), (task.device, 300), (torch.device("cpu"), 303)):
            _train(workspace, replace(task, field=small, settings=replace(steps, max_steps=n_steps), device=device))
            counts.append(read_metrics(workspace)["train"]["steps"])
        view = task.reconstruction.held_out_views[0]
        camera = view.camera.resized(fit_within(view.camera.size_hw, SIDE))
        pictures = [
            load_trained_field(workspace, device=str(device), backend="auto").render(camera, view.world_from_camera)
            for device in ("cpu", task.device)
        ]
    difference = 255 * np.abs(pictures[0].color - pictures[1].color)
    return [
        Compared(
            "checkpoints change devices: steps missing", float(sum(map(abs, np.subtract(counts, (3, 300, 303))))), 0.0
        ),
        Compared("a view on GPU and processor, of 255", float(np.percentile(difference, 99)), BY_DEVICES),
    ]


def compare_painting(device: torch.device, *, n: int = 50_000, seed: int = 0) -> Compared:
    """Colours of photos blended on a surface by the GPU and by the processor, of 255."""
    rng = np.random.default_rng(seed)
    camera = Camera("OPENCV", (90, 120), 100.0, 100.0, 61.0, 44.0, (0.05, -0.02, 1e-3, -1e-3))
    photos = []
    for height in (1.5, 2.0, 2.5):
        pose = look_at(np.array([0.3 * height, 0.2, height]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
        color = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
        depth = rng.uniform(0.98, 1.05, (45, 60)).astype(np.float32) * np.float32(height)
        photos.append(PhotoWithDepth(camera, pose, color, rng.random((90, 120)) > 0.1, depth))
    positions = np.concatenate([rng.uniform(-1, 1, (n, 2)), np.zeros((n, 1))], 1).astype(np.float32)
    faces, corners = rng.integers(0, 200, n), rng.integers(0, 120, (n, 3), dtype=np.int32)
    shares = rng.dirichlet(np.ones(3), n).astype(np.float32)
    samples = SurfaceSamples(positions, np.tile(np.array([0, 0, 1], np.float32), (n, 1)), faces, corners, shares)
    weights, gains = (rng.random(shape).astype(np.float32) for shape in ((3, 120), (3, 3)))
    shown = ShownBy(weights, rng.random((3, 200)) > 0.2)
    found = [
        blend(photos, shown, gains, samples, tolerance=0.01, device=each) for each in (device, torch.device("cpu"))
    ]
    (colors, sums), (expected, expected_sums) = found
    assert (expected_sums > 0).mean() > 0.2
    differ = np.abs(colors - expected).max(1) + np.abs(sums - expected_sums) > 1 / 255
    return Compared("texture: places painted otherwise", float(differ.mean()), 1e-4)


def trained_and_judged(task: Task) -> dict[str, Any]:
    """Metrics of a training, PSNR over all its held-out views, and how long a view takes."""
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        _train(workspace, task)
        trained = load_trained_field(workspace, device=str(task.device), backend="auto")
        metrics = read_metrics(workspace)["train"]
    began, scores = time.monotonic(), []
    for view in task.reconstruction.held_out_views:
        rendered = trained.render(view.camera, view.world_from_camera).exposed(trained.exposures.gain(view))
        scores.append(psnr(rendered.color, read_photo(view, view.camera.size_hw).over(1.0)))
    return {
        "psnr": sum(scores) / len(scores),
        "n_views": len(scores),
        "seconds_a_view": (time.monotonic() - began) / len(scores),
        **metrics,
    }


def _train(workspace: Workspace, task: Task) -> None:
    _set_up(workspace, task)
    train_field(
        workspace,
        reconstruction=task.reconstruction,
        field=task.field,
        settings=task.settings,
        config_text="",
        seed=0,
        device=str(task.device),
        backend="auto",
    )


def _set_up(workspace: Workspace, task: Task) -> None:
    """What a training reads, in a run folder of its own."""
    if task.run is not None:
        for known in (workspace.tracks_npz.parent, workspace.matching):
            if (task.run / known.name).is_dir():
                shutil.copytree(task.run / known.name, known, dirs_exist_ok=True)
    cameras_json.write(workspace.cameras_json, task.reconstruction, root=workspace.root)
