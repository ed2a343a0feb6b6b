"""nerfstudio's nerfacto and recon on the same data for the same seconds, each in its own environment."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from recon.workspace.errors import UserError

START_UP_SECONDS = 120  # that nerfacto may need before its first step


def why_no_peers(nerfstudio: Path | None) -> str | None:
    """None when nerfstudio can be run, else the reason."""
    if nerfstudio is None:
        return "no environment of nerfstudio was given (nerfstudio=/path/to/its/venv)"
    program = nerfstudio / "bin" / "ns-train"
    return None if program.is_file() else f"{program} does not exist"


def measure_peers(nerfstudio: Path, data: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Rays per second and training PSNR of both after `seconds` of training on a transforms.json with its pictures.

    nerfacto runs its torch implementation on the CPU with its default settings. Raises UserError where it does not start.
    """
    data = data.resolve()
    with tempfile.TemporaryDirectory() as folder:
        return {
            "recon": _recon(data, Path(folder), seconds),
            "nerfacto": _nerfacto(nerfstudio, data, Path(folder), seconds),
        }


def _recon(data: Path, folder: Path, seconds: float) -> dict[str, float]:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "scripts/train.py", "dataset=transforms", f"dataset.path={data}"]
    command += [f"workspace={folder / 'recon'}", "train.quality=null", f"train.max_seconds={seconds}"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"recon did not train on {data}: {done.stderr.strip().splitlines()[-1]}")
    train = json.loads((folder / "recon" / "metrics.json").read_text())["train"]
    return {"rays_per_second": train["rays_per_second"], "psnr_train": train["psnr_train"], "seconds": train["seconds"]}


def _nerfacto(nerfstudio: Path, data: Path, folder: Path, seconds: float) -> dict[str, float]:
    command = [
        str(nerfstudio / "bin" / "ns-train"),
        "nerfacto",
        "--data",
        str(data),
        "--output-dir",
        str(folder / "ns"),
    ]
    command += ["--machine.device-type", "cpu", "--pipeline.model.implementation", "torch", "--vis", "tensorboard"]
    command += ["--steps-per-eval-image", "1000000", "--steps-per-eval-batch", "1000000"]
    command += ["--steps-per-eval-all-images", "1000000", "--mixed-precision", "False", "--logging.steps-per-log", "1"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
    with (folder / "ns.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
        try:
            _wait(process, folder, seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    rays, psnr = (_scalars(folder, tag) for tag in ("Train Rays / Sec", "Train Metrics Dict/psnr"))
    if not rays:
        said = (folder / "ns.log").read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise UserError(f"nerfacto took no step; it said last: {said[-1]}. Try {command[0]} nerfacto by hand.")
    return {"rays_per_second": median(rays), "psnr_train": median(psnr[-10:]) if psnr else 0.0, "steps": len(rays)}


def _wait(process: subprocess.Popen, folder: Path, seconds: float) -> None:
    """Until `seconds` after the first step, or until it ends by itself."""
    began, first = time.monotonic(), None
    while process.poll() is None:
        time.sleep(1)
        if first is None and _scalars(folder, "Train Rays / Sec"):
            first = time.monotonic()
        if first is not None and time.monotonic() - first > seconds:
            return
        if first is None and time.monotonic() - began > START_UP_SECONDS:
            return


def _scalars(folder: Path, tag: str) -> list[float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for events in (folder / "ns").rglob("events.out.tfevents.*"):
        accumulator = EventAccumulator(str(events), size_guidance={"scalars": 0})
        accumulator.Reload()
        if tag in accumulator.Tags()["scalars"]:
            return [event.value for event in accumulator.Scalars(tag)]
    return []
