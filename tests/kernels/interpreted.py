"""Run by test_triton.py in a process of its own with TRITON_INTERPRET=1: triton kernels on the CPU. Prints one JSON line a result.

python interpreted.py compare SIZE OPERANDS COMPARISON ...   against the reference
python interpreted.py train FOLDER STEPS                     a toy training, whole and in two halves, and of the other back ends
"""

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import triton.language as tl
import yaml

from recon import kernels
from recon.bench import parity
from recon.bench.parity_cases import Sizes
from recon.field.checkpoint import load_checkpoint
from recon.field.field_file import load_trained_field
from recon.field.settings import HashGridSettings
from recon.formats import cameras_json
from recon.kernels import HashLayout
from recon.kernels.triton import arguments
from recon.train.settings import TrainSettings
from recon.train.stage import train_field
from recon.train.training import StepReport, Training
from recon.workspace import Workspace
from recon.workspace.settings import read_settings
from tests.worlds import room_reconstruction

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "small": Sizes(70, 20, HashLayout(2, 4, 9, 4, 16), 32, 8, 0.15),
    "odd": Sizes(3, 7, HashLayout(3, 3, 9, 5, 31), 17, 6, 0.2),  # nothing is a power of two, and no bricks
    "many rays": Sizes(1, 70, HashLayout(2, 4, 9, 4, 16), 16, 8, 0.3),  # more than there are lanes: they take turns
    "one": Sizes(1, 1, HashLayout(1, 1, 6, 3, 3), 1, 8, 0.3),
}


def compare(size: str, operands: str, *names: str) -> None:
    arguments.OPERANDS = {"half": tl.float16, "single": tl.float32}[operands]
    for name in names:
        torch.manual_seed(0)
        kernels.use("triton", "cpu")
        for compared in getattr(parity, name)(torch.device("cpu"), SIZES[size]):
            print(json.dumps(asdict(compared)))


def train(folder: str, n_steps: str) -> None:
    room = room_reconstruction(Path(folder) / "room", 4, size_hw=(12, 16))
    runs = {}
    others = [name for name in ("reference", "native") if kernels.is_there(name)]
    for name, backend in (("whole", "triton"), ("halves", "triton"), *((name, name) for name in others)):
        workspace = Workspace(Path(folder) / name)
        cameras_json.write(workspace.cameras_json, room, root=workspace.root)
        arguments, losses = settings(backend, int(n_steps)), []
        with mock.patch.object(Training, "advance", writing_to(losses)):
            if name == "halves":
                with mock.patch.object(Training, "advance", stopped_at(2)), contextlib.suppress(KeyboardInterrupt):
                    train_field(workspace, reconstruction=room, **arguments)
            train_field(workspace, reconstruction=room, **arguments)
        runs[name] = load_checkpoint(workspace.checkpoint)["training"]
        print(json.dumps({"run": name, "losses": losses}))
    same = all(torch.equal(a, runs["halves"]["field"][key]) for key, a in runs["whole"]["field"].items())
    print(json.dumps({"resumes": same, "steps": runs["halves"]["step"]}))
    trained = load_trained_field(Workspace(Path(folder) / "whole"), device="cpu", backend="triton")
    view = room.views[0]
    found = trained.render(view.camera, view.world_from_camera).color
    kernels.use("reference")
    expected = trained.render(view.camera, view.world_from_camera).color
    print(json.dumps({"largest_difference": float(abs(found - expected).max())}))


def writing_to(losses: list[float]) -> Callable[..., StepReport]:
    """`Training.advance`, whose losses are kept."""
    advance = Training.advance

    def keeping(self: Training, *arguments: Any) -> StepReport:
        report = advance(self, *arguments)
        losses.append(float(report.loss))
        return report

    return keeping


def stopped_at(step: int) -> Callable[..., StepReport]:
    """`Training.advance`, but Ctrl-C comes before that step."""
    advance = Training.advance

    def until(self: Training, *arguments: Any) -> StepReport:
        if self.step == step:
            raise KeyboardInterrupt
        return advance(self, *arguments)

    return until


def settings(backend: str, n_steps: int) -> dict:
    train = yaml.safe_load((ROOT / "conf/train/default.yaml").read_text())
    field = yaml.safe_load((ROOT / "conf/field/hash_grid.yaml").read_text())
    train |= {"max_seconds": None, "max_steps": n_steps, "samples_per_step": 1024, "occupancy_probes": 256}
    train |= {"preview_count": 0, "checkpoint_seconds": 1e6}
    field |= {"n_levels": 2, "log2_table_size_open": 9, "cells_per_pixel": 0.05, "base_resolution": 8, "width": 16}
    field |= {"occupancy_resolution": 64, "steps_across_open": 16, "step_growth": 0.1}
    return {
        "field": read_settings(HashGridSettings, "field", field),
        "settings": read_settings(TrainSettings, "train", train),
        "config_text": "",
        "seed": 3,
        "device": "cpu",
        "backend": backend,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"compare": compare, "train": train}[sys.argv[1]](*sys.argv[2:])
