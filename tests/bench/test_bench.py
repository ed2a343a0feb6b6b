"""The benchmark runs, says why it skips, and its numbers hang together. No test looks at how fast anything is."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recon import bench, kernels
from recon.bench import peers
from recon.bench.frames_growth import measure_frames_growth
from recon.bench.steps import Step, rows_touched
from recon.geometry import Rays
from recon.kernels import Samples, native
from recon.workspace.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
needs_native = pytest.mark.skipif(native.why_missing() is not None, reason=f"native kernels: {native.why_missing()}")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/bench.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_peers_are_skipped_with_a_reason(tmp_path: Path) -> None:
    done = run("peers", f"nerfstudio={tmp_path}", f"out={tmp_path / 'out.json'}")
    assert done.returncode == 0 and "skipped" in done.stdout and "ns-train does not exist" in done.stdout
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    "argument", ["fast=1", "peer", "out=", "seconds=soon", "seconds=-1", "out=no/such/folder/x.json"]
)
def test_a_wrong_argument_is_one_line(argument: str) -> None:
    done = run(argument)
    assert done.returncode == 2 and argument.split("=")[0] in done.stderr and len(done.stderr.splitlines()) == 1


@needs_native
def test_gather_and_scatter_touch_every_row_they_are_given() -> None:
    native.set_n_threads(2)
    table = torch.arange(40, dtype=torch.float32).view(10, 4)
    rows = torch.randint(10, (64,), dtype=torch.int32)
    assert native.gather_rows(table, rows) == pytest.approx(float(table[rows.long()].sum()))
    tables = [torch.zeros(10, 4), torch.zeros(10, 4)]
    native.scatter_rows(tables, rows)
    torch.testing.assert_close(sum(tables)[:, 0], torch.bincount(rows, minlength=10).float())


@needs_native
def test_rays_of_the_benchmark_end_at_their_surface() -> None:
    step = Step(n_samples=1 << 12, log2_table_size=12)
    kernels.use("native")
    ended = len(step.march())
    kernels.use("reference")
    assert 0 < ended < 0.8 * len(step.march())  # the reference looks behind the surface too


@needs_native
def test_rows_touched_are_those_of_the_samples_cells() -> None:
    step = Step(n_samples=16, log2_table_size=15, samples_per_ray=16)
    step.rays = Rays(torch.zeros(1, 3), torch.tensor([[0.6, 0.64, 0.48]]))
    step.samples = Samples(
        torch.zeros(2, dtype=torch.int64), torch.tensor([0.01, 0.010001]), torch.tensor([0.01, 0.010001])
    )
    assert rows_touched(step) == [8] * step.field.layout.n_levels  # both lie in one cell of every level


@needs_native
@pytest.mark.slow
def test_every_kernel_has_a_time() -> None:
    ceilings = bench.measure_ceilings(2)
    assert ceilings.gather_rows_s["L2"] > ceilings.gather_rows_s["DRAM"] > 0
    times = bench.measure_kernels(ceilings)
    assert all(time.milliseconds > 0 for time in times) and sum(time.fraction is not None for time in times) == 3
    kernels.use("reference")


def fake_nerfstudio(root: Path, program: str) -> Path:
    (root / "bin").mkdir(parents=True)
    script = root / "bin" / "ns-train"
    script.write_text(f"#!{sys.executable}\n{program}")
    script.chmod(0o755)
    return root


def test_nerfacto_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    peer = fake_nerfstudio(tmp_path / "venv", "import sys\nsys.exit('no kernel for this machine')\n")
    with pytest.raises(UserError, match="it said last: no kernel for this machine"):
        peers._nerfacto(peer, tmp_path / "transforms.json", tmp_path, 1.0)


def test_nerfacto_is_read_while_it_runs_and_ended_in_time(tmp_path: Path) -> None:
    program = """
import sys, time
from torch.utils.tensorboard import SummaryWriter
writer = SummaryWriter(sys.argv[sys.argv.index("--output-dir") + 1] + "/run")
for step, rays in enumerate((400, 500, 600)):
    writer.add_scalar("Train Rays / Sec", rays, step)
    writer.add_scalar("Train Metrics Dict/psnr", 12.5, step)
writer.flush()
time.sleep(300)
"""
    peer = fake_nerfstudio(tmp_path / "venv", program)
    found = peers._nerfacto(peer, tmp_path / "transforms.json", tmp_path, 1.0)
    assert found == {"rays_per_second": 500, "psnr_train": 12.5, "steps": 3}


def test_growth_with_the_number_of_photos_is_told_stage_by_stage(tmp_path: Path) -> None:
    costs = measure_frames_growth(tmp_path, [12, 8], width=64, stage="capture")
    assert [(cost.stage, cost.n_photos) for cost in costs] == [("capture", 8), ("capture", 12)]
    assert costs[0].growth is None and costs[1].growth is not None and costs[1].peak_rss_mb > 0
    assert len(list((tmp_path / "photos_12_64").glob("*.jpg"))) == 12
    with pytest.raises(UserError, match="expected a stage of capture, poses, match"):
        measure_frames_growth(tmp_path, [16], width=64, stage="training")
