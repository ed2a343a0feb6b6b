"""The triton back end on a machine without a GPU, through Triton's interpreter: against the reference, and a toy training.

What the interpreter cannot see: races (programs run one after the other; only atomic additions to the table's gradient meet)
and what a card's compiler makes of the code. `scripts/check_gpu.sh` runs the same comparisons on a card.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recon import kernels
from recon.workspace.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="the package triton is not installed"
)
N_STEPS = 4  # of the toy training
SINGLE = 1e-4  # with float32 operands only the order of sums differs


def interpreted(*arguments: object) -> list[dict]:
    """What interpreted.py prints: kernels are interpreted only if the environment says so before they are defined."""
    command = [sys.executable, str(Path(__file__).with_name("interpreted.py")), *map(str, arguments)]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@needs_triton
@pytest.mark.parametrize("size", ["odd", "one"])
def test_values_and_gradients_in_single_precision(size: str) -> None:
    names = ["encoding", "harmonics", "density", "gradients", "optimizer", "occupancy"]
    found = interpreted("compare", size, "single", *(f"compare_{name}" for name in names))
    assert len(found) == 17
    assert {c["name"]: c["error"] for c in found if not c["error"] < SINGLE} == {}


@needs_triton
def test_values_and_gradients_in_half_precision() -> None:
    found = interpreted("compare", "small", "half", "compare_density", "compare_gradients")
    assert len(found) == 10
    assert {c["name"]: c["error"] for c in found if not c["error"] < c["limit"]} == {}
    assert max(c["error"] for c in found) > SINGLE  # half it is


@needs_triton
@pytest.mark.slow
@pytest.mark.parametrize("size", ["many rays", "odd", "one"])
def test_rays(size: str) -> None:
    found = interpreted("compare", size, "single", "compare_march", "compare_looking")
    assert len(found) == 6
    assert {c["name"]: c["error"] for c in found if not c["error"] < max(SINGLE, 0.1 * c["limit"])} == {}


@needs_triton
@pytest.mark.slow
def test_training_resuming_and_rendering(tmp_path: Path) -> None:
    *runs, resumed, rendered = interpreted("train", tmp_path, N_STEPS)
    curves = {run["run"]: run["losses"] for run in runs}
    assert resumed == {"resumes": True, "steps": N_STEPS}
    assert "reference" in curves and ("native" in curves) == kernels.is_there("native")
    for name, curve in curves.items():  # of every back end; half precision and the order of sums are what may differ
        assert curve == pytest.approx(curves["reference"], rel=0.02), name
        assert len(curve) == N_STEPS and curve[-1] < 0.9 * curve[0], name
    assert rendered["largest_difference"] < 0.01


def test_without_a_gpu_it_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    if os.environ.get("TRITON_INTERPRET", "") not in ("", "0"):
        pytest.skip("TRITON_INTERPRET=1: kernels do run on this CPU")
    with pytest.raises(UserError, match="backend=triton"):
        kernels.use("triton", "cpu")
    assert not kernels.is_there("triton", "cpu")
