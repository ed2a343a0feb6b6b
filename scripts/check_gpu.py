"""What scripts/check_gpu.sh runs: parity on the GPU, its kernels as shares of its ceilings, a data set for some seconds
each, and the sample from film to world.

python scripts/check_gpu.py data=/path/to/lego seconds=20,60,120 out=gpu.json device=cuda
"""

import importlib.util
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from recon.workspace.errors import UserError  # noqa: E402

DEFAULTS = {"data": "", "seconds": "20,60,120", "out": "gpu.json", "device": "cuda", "limit": "345"}
EVALUATION_S = 15  # a data set is rendered and compared in that time
CHAIN_S = 60  # with less left, the sample's chain is not begun
CHAIN_NEEDS = ("av", "cv2", "hydra", "mujoco", "open3d", "pycolmap", "trimesh", "xatlas")


def main() -> int:
    started = time.monotonic()
    if {"-h", "--help"} & set(sys.argv[1:]):
        keys = " ".join(f"[{name}={value}]" for name, value in DEFAULTS.items())
        print(f"usage: check_gpu.py {keys}\n\n{__doc__}")
        return 0
    if loose := [argument for argument in sys.argv[1:] if "=" not in argument]:
        raise UserError(f"{loose[0]}: expected name=value, with a name of {', '.join(DEFAULTS)}.")
    settings = {**DEFAULTS, **dict(argument.split("=", 1) for argument in sys.argv[1:])}
    if unknown := set(settings) - set(DEFAULTS):
        raise UserError(f"{', '.join(sorted(unknown))}: expected {', '.join(DEFAULTS)}.")
    if settings["data"] and not Path(settings["data"], "transforms_train.json").is_file():
        raise UserError(
            f"data={settings['data']}: expected a folder with transforms_train.json and transforms_test.json, found no "
            "transforms_train.json there. Name the folder of the data set, or leave data= out."
        )
    from recon.field.trained import choose_device

    device = choose_device(settings["device"])
    found: dict[str, Any] = {"parity": parity(device)}
    save(settings, found)
    found |= speed(device)
    save(settings, found)
    found["trained"] = []
    for seconds in map(float, settings["seconds"].split(",")):
        left = float(settings["limit"]) - (time.monotonic() - started)
        if not settings["data"]:
            print("training: skipped: no data=...")
            break
        if seconds + EVALUATION_S > left:
            print(f"training for {seconds:g} s: skipped: {left:.0f} s are left of {settings['limit']}")
            continue
        found["trained"].append(quality(Path(settings["data"]), seconds, settings["device"]))
        save(settings, found)
    found["chain"] = chain(settings["device"], float(settings["limit"]) - (time.monotonic() - started))
    save(settings, found)
    print_table(found)
    print(f"{time.monotonic() - started:.0f} s in all -> {settings['out']}")
    return 0 if all(row["holds"] for row in found["parity"]) else 1


def parity(device: Any) -> list[dict[str, Any]]:
    """Every kernel against the reference."""
    from recon.bench.parity import compare_backends

    return [{**asdict(row), "holds": row.holds} for row in compare_backends(device)]


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


def quality(data: Path, seconds: float, device: str) -> dict[str, Any]:
    """Train on a data set of Blender's form; PSNR over all its held-out views."""
    import yaml

    from recon.field.field_file import load_trained_field
    from recon.field.settings import HashGridSettings
    from recon.formats import blender, cameras_json
    from recon.formats.photos import read_photo
    from recon.score.metrics import psnr
    from recon.train import train_field
    from recon.train.settings import TrainSettings
    from recon.workspace import Workspace, read_metrics
    from recon.workspace.settings import read_settings

    reconstruction = blender.read(data)
    values = yaml.safe_load((ROOT / "conf/train/default.yaml").read_text())
    values |= {"quality": None, "max_seconds": seconds, "preview_count": 0, "checkpoint_seconds": 1e6}
    sizes = yaml.safe_load((ROOT / "conf/field/hash_grid.yaml").read_text())
    with TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        cameras_json.write(workspace.cameras_json, reconstruction, root=workspace.root)
        train_field(
            workspace,
            reconstruction=reconstruction,
            field=read_settings(HashGridSettings, "field", sizes),
            settings=read_settings(TrainSettings, "train", values),
            config_text="",
            seed=0,
            device=device,
            backend="auto",
        )
        trained = load_trained_field(workspace, device=device, backend="auto")
        metrics = read_metrics(workspace)["train"]
    began, scores = time.monotonic(), []
    for view, is_out in zip(reconstruction.views, reconstruction.is_held_out, strict=True):
        if is_out:
            photo = read_photo(view, view.camera.size_hw)
            rendered = trained.render(view.camera, view.world_from_camera)
            scores.append(psnr(rendered.color, photo.over(1.0)))
    return {
        "asked_seconds": seconds,
        "psnr": sum(scores) / len(scores),
        "n_views": len(scores),
        "seconds_a_view": (time.monotonic() - began) / len(scores),
        **metrics,
    }


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
            done = subprocess.run([sys.executable, ROOT / "scripts/run.py", "experiment=demo", *given], timeout=seconds)
            ended = f"exit code {done.returncode}"
        except subprocess.TimeoutExpired:
            ended = f"stopped after {seconds:.0f} s"
        metrics = read_metrics(Workspace(Path(folder) / "run"))
    return {"ended": ended, **{name: metrics.get(name) for name in ("stages", "train", "eval", "truth", "world")}}


def save(settings: dict[str, str], found: dict[str, Any]) -> None:
    import platform

    import torch

    machine = {"python": platform.python_version(), "torch": torch.__version__}
    Path(settings["out"]).write_text(json.dumps({"machine": machine, **found}, indent=1))


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
    for run in found["trained"]:
        print(
            f"\n{run['asked_seconds']:g} s: {run['psnr']:.2f} dB over {run['n_views']} held-out views, {run['steps']:,} steps, "
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
