"""What scripts/check_gpu.sh runs: parity on the GPU, recorded steps against steps by hand, its kernels as shares of its ceilings, a
data set for some seconds each, the capture of a run folder for the first of them, and the sample from film to world.

python scripts/check_gpu.py data=/path/to/lego run=runs/walk seconds=20,60,120 out=gpu.json device=cuda
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from recon.workspace.errors import UserError  # noqa: E402
from recon.workspace.settings import positive_number  # noqa: E402

EVALUATION_S = 15  # a data set is rendered and compared in that time
CHAIN_S = 60  # with less left, the sample's chain is not begun
CHAIN_NEEDS = ("av", "cv2", "hydra", "mujoco", "open3d", "pycolmap", "trimesh", "xatlas")


@dataclass(frozen=True)
class CheckSettings:
    """What is asked for on the command line, as name=value."""

    data: str = ""  # folder of a data set; "": none
    run: str = ""  # run folder whose capture is trained too; "": none
    seconds: tuple[float, ...] = (20.0, 60.0, 120.0)
    out: str = "gpu.json"
    device: str = "cuda"
    limit: float = 345.0  # seconds in all

    @staticmethod
    def of(arguments: Sequence[str]) -> "CheckSettings":
        names = [field.name for field in fields(CheckSettings)]
        if loose := [argument for argument in arguments if "=" not in argument]:
            raise UserError(f"{loose[0]}: expected name=value, with a name of {', '.join(names)}.")
        given: dict[str, Any] = dict(argument.split("=", 1) for argument in arguments)
        if unknown := set(given) - set(names):
            raise UserError(f"{', '.join(sorted(unknown))}: expected {', '.join(names)}.")
        if "seconds" in given:
            given["seconds"] = tuple(positive_number("seconds", each) for each in given["seconds"].split(","))
        if "limit" in given:
            given["limit"] = positive_number("limit", given["limit"])
        settings = CheckSettings(**given)
        if settings.data and not Path(settings.data, "transforms_train.json").is_file():
            raise UserError(
                f"data={settings.data}: expected a folder with transforms_train.json and transforms_test.json, found no "
                "transforms_train.json there. Name the folder of the data set, or leave data= out."
            )
        return settings


def main() -> int:
    started = time.monotonic()
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(f"usage: check_gpu.py {' '.join(f'[{field.name}=...]' for field in fields(CheckSettings))}\n\n{__doc__}")
        return 0
    settings = CheckSettings.of(sys.argv[1:])
    from recon.bench import gpu_training
    from recon.bench.parity import compare_backends
    from recon.field.trained import choose_device

    def left() -> float:
        return settings.limit - (time.monotonic() - started)

    device = choose_device(settings.device)
    rows = [*compare_backends(device), gpu_training.compare_painting(device)]
    found: dict[str, Any] = {"trained": [], "recorded": {}}
    save(settings, found, rows)
    found |= speed(device)
    todo = tasks(settings, device)
    if not todo:
        print("training: skipped: no data=... and no run=...")
    for task in todo:
        compared, found["recorded"][str(task.run or "data set")] = gpu_training.compare_recorded(task)
        rows += compared
        save(settings, found, rows)
    rows += gpu_training.compare_devices(todo[0]) if todo else []
    runs = [(task, settings.seconds[0]) for task in todo[1:]]
    for task, each in runs + [(task, each) for task in todo[:1] for each in settings.seconds]:
        if each + EVALUATION_S > left():
            print(f"training for {each:g} s: skipped: {left():.0f} s are left of {settings.limit:g}")
            continue
        found["trained"].append(trained(task, each))
        save(settings, found, rows)
    found["chain"] = chain(settings.device, left())
    save(settings, found, rows)
    print_table(found)
    print(f"{time.monotonic() - started:.0f} s in all -> {settings.out}")
    return 0 if all(row.holds for row in rows) else 1


def speed(device: Any) -> dict[str, Any]:
    """Ceilings of the card, the kernels of one step, rays per second by back end."""
    from recon.bench import gpu

    ceilings = gpu.measure_gpu_ceilings(device)
    kernels, rays_per_second = gpu.measure_gpu_step(device, ceilings)
    backends = gpu.measure_gpu_backends(device)
    return {
        "ceilings": asdict(ceilings),
        "kernels": [asdict(kernel) for kernel in kernels],
        "rays_per_second": rays_per_second,
        "backends": backends,
    }


def tasks(settings: CheckSettings, device: Any) -> list[Any]:
    """What is trained: the data set, and the capture of a run folder; each for as long as is said later."""
    import yaml

    from recon.bench.gpu_training import Task
    from recon.field.settings import HashGridSettings
    from recon.formats import blender
    from recon.formats.cameras_json import read_reconstruction
    from recon.train.settings import TrainSettings
    from recon.workspace import Workspace
    from recon.workspace.settings import read_settings

    values = yaml.safe_load((ROOT / "conf/train/default.yaml").read_text())
    values |= {"quality": None, "max_seconds": 1, "preview_count": 0, "checkpoint_seconds": 1e6}
    sizes = yaml.safe_load((ROOT / "conf/field/hash_grid.yaml").read_text())
    kinds = read_settings(HashGridSettings, "field", sizes), read_settings(TrainSettings, "train", values), device
    found = []
    if settings.data:
        found.append(Task(blender.read(Path(settings.data)), *kinds))
    if settings.run:
        run = Path(settings.run)
        found.append(Task(read_reconstruction(Workspace(run), needs_tracks=True), *kinds, run=run))
    return found


def trained(task: Any, seconds: float) -> dict[str, Any]:
    """A training of so many seconds, and how good its field is."""
    from recon.bench.gpu_training import trained_and_judged

    timed = replace(task, settings=replace(task.settings, max_seconds=seconds))
    what = "data set" if task.run is None else task.run.name
    return {"what": what, "asked_seconds": seconds, **trained_and_judged(timed)}


def chain(device: str, seconds: float) -> dict[str, Any]:
    """The sample from film to verified world in at most so many seconds; how far it came, and what each stage took."""
    from recon.workspace import Workspace, read_metrics

    missing = [name for name in CHAIN_NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        remedy = "bash scripts/setup.sh makes .venv; then PYTHON=.venv/bin/python bash scripts/check_gpu.sh"
        return {"ended": f"skipped: {', '.join(missing)} not installed ({remedy})"}
    if seconds < CHAIN_S:
        return {"ended": f"skipped: {max(seconds, 0):.0f} s are left"}
    with TemporaryDirectory() as folder:
        given = [
            f"workspace={folder}/run",
            f"device={device}",
            "train.quality=draft",
            "views.seconds=1",
            "matching.max_size=320",
        ]
        try:
            done = subprocess.run(
                [sys.executable, ROOT / "scripts/run.py", "experiment=demo", *given], cwd=ROOT, timeout=seconds
            )
            ended = f"exit code {done.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {seconds:.0f} s"
        metrics = read_metrics(Workspace(Path(folder) / "run"))
    return {"ended": ended, **{name: metrics.get(name) for name in ("stages", "train", "eval", "truth", "world")}}


def save(settings: CheckSettings, found: dict[str, Any], rows: list[Any]) -> None:
    import platform

    import torch

    found["parity"] = [{**asdict(row), "holds": row.holds} for row in rows]
    machine = {"python": platform.python_version(), "torch": torch.__version__}
    Path(settings.out).write_text(json.dumps({"machine": machine, **found}, indent=1))


def print_table(found: dict[str, Any]) -> None:
    """Everything on one screen."""
    ceilings = found["ceilings"]
    print(
        f"\n{ceilings['card']}: copies {ceilings['copy_gb_s']:,.0f} GB/s, half products {ceilings['half_tflops']:,.0f} TFLOP/s,"
    )
    rows = f"read {ceilings['gather_rows_s'] / 1e9:.2f}, added to {ceilings['scatter_rows_s'] / 1e9:.2f}"
    print(f"random rows of 16 bytes, 1e9/s: {rows}")
    print("\nparity (error, limit)")
    for row in found["parity"]:
        print(f"  {row['name']:48s} {row['error']:.1e}  {row['limit']:.0e}  {'' if row['holds'] else 'FAILS'}")
    print("\none step of 2^18 samples")
    for kernel in found["kernels"][:14]:
        share = "" if kernel["fraction"] is None else f"{100 * kernel['fraction']:5.1f} % of {kernel['ceiling']}"
        print(f"  {kernel['name'][:60]:60s} {kernel['milliseconds']:8.3f} ms  {share}")
    print("  rays/s of whole steps: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in found["backends"].items()))
    for what, times in found["recorded"].items():
        print(f"  a step of {what}: " + ", ".join(f"{name} {ms:.2f} ms" for name, ms in times.items()))
    for run in found["trained"]:
        print(
            f"\n{run['what']}, {run['asked_seconds']:g} s: {run['psnr']:.2f} dB over {run['n_views']} held-out views, "
            f"{run['steps']:,} steps, "
            f"{run['rays_per_second']:,} rays/s, {run['samples_per_second']:,} samples/s, {run['samples_per_ray']} samples/ray, "
            f"{1e3 * run['seconds_a_view']:.0f} ms per view"
        )
    sample = found["chain"]
    print(f"\nthe sample from film to world: {sample['ended']}")
    for name, stage in (sample.get("stages") or {}).items():
        print(f"  {name:16s} {stage['seconds']:7.1f} s")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
