"""Training on a small textured room with exact poses: it learns, it resumes exactly, it refuses bad checkpoints."""

from pathlib import Path

import pytest
import torch

from recon import kernels
from recon.field.checkpoint import load_checkpoint, save_checkpoint
from recon.field.field_file import load_trained_field
from recon.field.settings import HashGridSettings
from recon.formats import cameras_json
from recon.geometry import Reconstruction
from recon.train.quality import LEAST, MOST, Forecast, budget_of, steps_of
from recon.train.schedule import Budget, learning_rate
from recon.train.settings import TrainSettings
from recon.train.stage import train_field
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings
from tests.worlds import room_reconstruction

ROOT = Path(__file__).resolve().parents[2]
BACKENDS = ["reference", *(["native"] if kernels.is_there("native") else [])]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    return room_reconstruction(tmp_path_factory.mktemp("room"), 24, size_hw=(48, 64))


@pytest.fixture(autouse=True)
def _restore_backend():
    yield
    kernels.use("reference")


def settings(**changes: object) -> dict:
    """The arguments of `train_field` for a small field; a change is one of conf/train, or of the arguments themselves."""
    arguments = {"config_text": "", "seed": 3, "device": "cpu", "backend": "reference"}
    arguments |= {name: changes.pop(name) for name in tuple(changes) if name in arguments}
    small = {
        "max_seconds": None,
        "samples_per_step": 4096,
        "occupancy_probes": 4096,
        "preview_count": 1,
        "preview_size": 24,
    }
    field = default_settings(
        HashGridSettings,
        "field",
        "hash_grid",
        n_levels=4,
        log2_table_size_open=13,
        cells_per_pixel=0.1,
        width=32,
        occupancy_resolution=64,
    )
    return {**arguments, "field": field, "settings": default_settings(TrainSettings, "train", **small | changes)}


def train(root: Path, room: Reconstruction, **changes: object) -> Workspace:
    workspace = Workspace(root)
    cameras_json.write(workspace.cameras_json, room, root=root)
    train_field(workspace, reconstruction=room, **settings(**changes))
    return workspace


def parameters(workspace: Workspace) -> dict[str, torch.Tensor]:
    return load_checkpoint(workspace.checkpoint)["training"]["field"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_killed_run_resumes_to_the_same_parameters(
    backend: str, tmp_path: Path, room: Reconstruction, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped at step 15 of 30 and started again: bit for bit what 30 uninterrupted steps give."""
    whole = train(tmp_path / "whole", room, max_steps=30, backend=backend)

    from recon.train.training import Training

    advance = Training.advance

    def stop_at_15(self: Training, *arguments: object) -> object:
        if self.step == 15:
            raise KeyboardInterrupt
        return advance(self, *arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "advance", stop_at_15)
        train(tmp_path / "halves", room, max_steps=30, backend=backend)
    saved = load_checkpoint(tmp_path / "halves/field/checkpoint.pt")
    assert saved["training"]["step"] == 15
    halves = train(tmp_path / "halves", room, max_steps=30, backend=backend)

    a, b = parameters(whole), parameters(halves)
    assert all(torch.equal(a[name], b[name]) for name in a)
    moments = [load_checkpoint(w.checkpoint)["training"]["optimizer"]["means"] for w in (whole, halves)]
    assert all(torch.equal(x, y) for x, y in zip(*moments, strict=True))
    assert read_metrics(whole)["train"]["steps"] == read_metrics(halves)["train"]["steps"] == 30


def test_finished_training_is_not_repeated_and_a_larger_budget_goes_on(
    tmp_path: Path, room: Reconstruction, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = train(tmp_path, room, max_steps=6)
    before = workspace.checkpoint.read_bytes()
    assert workspace.field_file.stat().st_size < 0.25 * len(before)  # half precision, and no moments
    train(tmp_path, room, max_steps=6)
    assert "up to date" in capsys.readouterr().out
    assert workspace.checkpoint.read_bytes() == before
    small = workspace.field_file.read_bytes()
    workspace.field_file.unlink()  # as a run folder of an older version lacks it
    train(tmp_path, room, max_steps=6)
    assert workspace.field_file.read_bytes() == small
    assert "going on from step 6" in capsys.readouterr().out
    train(tmp_path, room, max_steps=9)
    assert "going on from step 6" in capsys.readouterr().out
    assert load_checkpoint(workspace.checkpoint)["training"]["step"] == 9
    train(tmp_path, room, max_steps=9, learning_rate=5e-3)
    assert "training anew" in capsys.readouterr().out


def test_a_checkpoint_made_on_a_gpu_goes_on_on_the_processor(tmp_path: Path, room: Reconstruction) -> None:
    """Random numbers of the two devices differ in kind, so the processor begins its own; all else goes on exactly."""
    workspace = train(tmp_path, room, max_steps=5)
    saved = load_checkpoint(workspace.checkpoint)
    saved["training"]["device"] = "cuda"
    saved["training"]["generator"] = torch.zeros(16, dtype=torch.uint8)  # a CUDA generator's state is 16 bytes
    save_checkpoint(workspace.checkpoint, saved)
    train(tmp_path, room, max_steps=8)
    again = load_checkpoint(workspace.checkpoint)["training"]
    assert again["step"] == 8 and again["device"] == "cpu"
    assert all(torch.isfinite(value).all() for value in again["field"].values())


def test_where_the_memory_of_a_gpu_ends_steps_get_smaller_for_good(
    tmp_path: Path, room: Reconstruction, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from recon.train.training import Training

    optimize, batches = Training._optimize, []

    def within_8192(self: Training, *arguments: object) -> object:
        batches.append(self.batch.n_samples)
        if self.batch.n_samples > 8192:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return optimize(self, *arguments)

    monkeypatch.setattr(Training, "_optimize", within_8192)
    workspace = train(tmp_path, room, max_steps=4, samples_per_step=16384)
    assert batches == [16384, 8192, 8192, 8192, 8192]
    assert capsys.readouterr().out.count("the GPU's memory ended") == 1
    assert load_checkpoint(workspace.checkpoint)["training"]["step"] == 4

    def never(self: Training, *arguments: object) -> object:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Training, "_optimize", never)
    with pytest.raises(UserError, match="the GPU's memory does not hold"):
        train(tmp_path / "none", room, max_steps=4, samples_per_step=16384)


@pytest.mark.slow
def test_it_learns_the_room_and_its_depth(tmp_path: Path, room: Reconstruction) -> None:
    """From fog to a recognisable room: training pictures, and depth of a training view against ray casting."""
    import numpy as np

    from recon.bench.synthetic.renderer import render
    from tests.worlds import textured_room

    workspace = train(tmp_path, room, max_steps=400, samples_per_step=16384, backend="auto")
    trained = load_trained_field(workspace, device="cpu", backend="auto")
    view = room.views[3]
    rendered = trained.render(view.camera, view.world_from_camera)
    color, depth = render(textured_room(), view.camera, view.world_from_camera)
    psnr = -10 * np.log10(((rendered.color - color) ** 2).mean())
    hit = (depth > 0) & (rendered.depth > 0)
    assert psnr > 17
    assert hit.mean() > 0.8
    assert np.median(np.abs(rendered.depth - depth)[hit] / depth[hit]) < 0.08


def test_checkpoints_that_are_not_ours_are_refused(tmp_path: Path, room: Reconstruction) -> None:
    workspace = Workspace(tmp_path)
    with pytest.raises(UserError, match="Train first"):
        load_trained_field(workspace, device="cpu", backend="reference")
    workspace.field.mkdir(parents=True)
    workspace.field_file.write_bytes(b"not a checkpoint")
    with pytest.raises(UserError, match="is not a checkpoint of recon"):
        load_trained_field(workspace, device="cpu", backend="reference")
    for file in (workspace.field_file, workspace.checkpoint):
        torch.save({"version": 99}, file)
    with pytest.raises(UserError, match="found 99"):
        load_trained_field(workspace, device="cpu", backend="reference")
    cameras_json.write(workspace.cameras_json, room, root=tmp_path)
    with pytest.raises(UserError, match="found 99"):  # nothing is trained over it either
        train_field(workspace, reconstruction=room, **settings(max_steps=2))
    torch.save(print, workspace.checkpoint)  # code, not data
    with pytest.raises(UserError, match="is not a checkpoint of recon"):
        load_checkpoint(workspace.checkpoint)


def test_budget_and_learning_rate() -> None:
    assert Budget(100, None).progress(25, 1e9) == 0.25
    assert Budget(None, 60).progress(10**6, 30.0) == 0.5
    assert Budget(100, 60).progress(50, 45.0) == 0.75
    with pytest.raises(UserError, match="all null"):
        settings(quality=None, max_steps=None, max_seconds=None)
    with pytest.raises(UserError, match="max_steps=0"):
        settings(max_steps=0)
    rates = [learning_rate(p / 100, peak=1.0, final_ratio=0.1) for p in range(101)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(1.0) and rates[-1] == pytest.approx(0.1)
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_quality_gives_steps_that_follow_pixels_and_scene() -> None:
    sample = {"n_pixels": 24_600_000, "n_cascades": 2}
    draft, standard, high = (steps_of(quality, **sample) for quality in ("draft", "standard", "high"))
    assert (
        standard == 4705 and 4 * draft == pytest.approx(standard, abs=2) and high == pytest.approx(4 * standard, abs=2)
    )
    assert steps_of("standard", n_pixels=4 * 24_600_000, n_cascades=2) == pytest.approx(2 * standard, abs=1)
    assert steps_of("standard", n_pixels=24_600_000, n_cascades=4) > standard
    assert (
        steps_of("draft", n_pixels=1, n_cascades=1) == LEAST and steps_of("high", n_pixels=10**12, n_cascades=8) == MOST
    )


def test_budget_is_the_quality_within_the_limits() -> None:
    def budget(**changes: object) -> Budget:
        return budget_of(settings(**changes)["settings"], n_pixels=24_600_000, n_cascades=2)

    assert budget(quality="standard") == Budget(4705, None)
    assert budget(quality="standard", max_seconds=60) == Budget(4705, 60)
    assert budget(quality="standard", max_steps=7) == Budget(7, None)
    assert budget(quality=None, max_seconds=60) == Budget(None, 60)


def test_forecast_is_told_once_and_leaves_the_first_seconds_out(capsys: pytest.CaptureFixture[str]) -> None:
    forecast = Forecast(Budget(1000, None), seconds=100.0)
    for step in range(1, 60):
        forecast.look(step, 100 + 2 + 0.5 * step)  # two seconds to start with, then two steps per second
    assert capsys.readouterr().out == "train: about 10 minutes on this machine; train.max_seconds limits it\n"


def test_devices_and_backends_that_are_not_there() -> None:
    from recon.field.trained import choose_device

    with pytest.raises(UserError, match="device=tpu"):
        choose_device("tpu")
    with pytest.raises(UserError, match="backend=triton"):
        kernels.use("triton", "cpu")
    with pytest.raises(UserError, match="backend=cuda"):
        kernels.use("cuda")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no CUDA device"):
            choose_device("cuda")


def test_one_of_several_gpus_is_chosen_and_apples_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from recon.field.trained import choose_device

    chosen: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    assert choose_device("cuda:1") == torch.device("cuda", 1) and choose_device("auto") == torch.device("cuda", 0)
    assert chosen == [1, 0]
    with pytest.raises(UserError, match="has 2 GPU"):
        choose_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto") == torch.device("cpu")
    assert "no kernels for Apple's GPU" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("training", "seconds"), float("nan")),
        (("training", "samples_per_ray"), 0.0),
        (("training", "step"), -5),
        (("training", "occupancy", "cursor"), -7),
        (("totals", "rays"), "many"),
        (("curve", "steps"), 5),
        (("curve", "loss"), [None]),
    ],
)
def test_plain_values_that_no_training_has_are_refused(
    tmp_path: Path, room: Reconstruction, place: tuple[str, ...], value: object
) -> None:
    """Sealed with a right digest, as another program, or a bug of ours, would write them."""
    workspace = train(tmp_path, room, max_steps=2)
    state = load_checkpoint(workspace.checkpoint)
    parent = state
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = value
    save_checkpoint(workspace.checkpoint, state)
    with pytest.raises(UserError, match="is not a checkpoint of recon"):
        train_field(workspace, reconstruction=room, **settings(max_steps=4))
