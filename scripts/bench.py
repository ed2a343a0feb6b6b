"""Measure this machine and the kernels on it: ceilings, each kernel as a share of its ceiling, back ends, growth.

usage:
python scripts/bench.py                                      prints tables, writes bench.json (about half a minute)
python scripts/bench.py out=numbers.json
python scripts/bench.py growth frames=100,200,400 width=320 stage=export folder=/tmp/growth train.max_steps=1000
python scripts/bench.py peers data=capture/transforms.json nerfstudio=/path/to/its/venv seconds=300
"""

import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from command import one_line_errors

from recon.workspace import write_json
from recon.workspace.errors import UserError
from recon.workspace.settings import positive_number

DEFAULTS = {
    "out": "bench.json",
    "data": "",
    "nerfstudio": "",
    "seconds": "300",
    "frames": "100,200,400",
    "width": "320",
    "stage": "poses",
    "folder": "growth",
}
PARTS = ("peers", "growth")


def main() -> None:
    with one_line_errors():
        settings = parse(sys.argv[1:])
        parts = {"peers": peers, "growth": growth}
        found = parts[settings["part"]](settings) if settings["part"] else measure()
        if found:
            write_json(Path(settings["out"]), {"machine": machine(), **found})
            print(f"-> {settings['out']}")


def parse(arguments: list[str]) -> dict[str, Any]:
    settings: dict[str, Any] = {**DEFAULTS, "part": next((a for a in arguments if a in PARTS), None), "stages": []}
    for argument in arguments:
        key, _, value = argument.partition("=")
        if argument in ("-h", "--help"):
            print(__doc__)
            sys.exit(0)
        if argument in PARTS:
            continue
        if "." in key and value and settings["part"] == "growth":
            settings["stages"].append(argument)
            continue
        if key not in DEFAULTS or not value:
            raise UserError(
                f"{argument}: expected {', '.join(PARTS)} or one of {', '.join(f'{key}=...' for key in DEFAULTS)}."
            )
        settings[key] = value
    settings["seconds"] = positive_number("seconds", settings["seconds"])
    if not Path(settings["out"]).absolute().parent.is_dir():
        raise UserError(f"out={settings['out']}: its folder does not exist. Make it, or name another file.")
    return settings


def measure() -> dict[str, Any]:
    """Everything but the peers."""
    from recon import bench, kernels

    kernels.use("native")  # says what to do where there is none
    threads: dict[str, Any] = {}
    for n in (1, 2):
        ceilings = bench.measure_ceilings(n)
        times = bench.measure_kernels(ceilings)
        threads[str(n)] = {"ceilings": asdict(ceilings), "kernels": [asdict(time) for time in times]}
        gather, scatter = (
            ", ".join(f"{name} {value / 1e9:.2f}" for name, value in rows.items())
            for rows in (ceilings.gather_rows_s, ceilings.scatter_rows_s)
        )
        print(f"\n{n} thread(s): sgemm {ceilings.gflops:.0f} GFLOP/s, triad {ceilings.triad_gb_s:.1f} GB/s")
        print(f"  random 16-byte rows, 1e9/s: read {gather}; added to {scatter}")
        for time in times:
            share = f"{100 * time.fraction:4.0f} % of {time.ceiling}" if time.fraction is not None else ""
            print(f"  {time.name:50s} {time.milliseconds:8.1f} ms  {share}")
    one, two = (sum(k["milliseconds"] for k in threads[n]["kernels"]) for n in ("1", "2"))
    backends = bench.measure_backends()
    print(f"\ntwo threads over one: {one / two:.2f}x")
    print("whole steps, rays/s: " + ", ".join(f"{name} {value:,.0f}" for name, value in backends.items()), end="")
    print(f": {backends['native'] / backends['reference']:.0f}x\n")
    growth = bench.measure_growth()
    for point in growth:
        print(f"  {point.what:16s} {point.size:16s} {point.milliseconds:8.1f} ms {point.megabytes:8.1f} MB")
    return {"threads": threads, "backends": backends, "growth": [asdict(point) for point in growth]}


def growth(settings: dict[str, Any]) -> dict[str, Any]:
    """How the stages grow with the number of photos of made captures, which stay in `folder`."""
    from recon.bench.frames_growth import measure_frames_growth

    counts = [int(positive_number("frames", text)) for text in settings["frames"].split(",")]
    width = int(positive_number("width", settings["width"]))
    costs = measure_frames_growth(
        Path(settings["folder"]), counts, width=width, stage=settings["stage"], settings=settings["stages"]
    )
    for cost in sorted(costs, key=lambda cost: (cost.stage, cost.n_photos)):
        power = "" if cost.growth is None else f"  photos^{cost.growth:.2f}"
        print(
            f"  {cost.stage:10s} {cost.n_photos:6d} photos {cost.cpu_seconds:9.1f} cpu s {cost.peak_rss_mb:8.0f} MB{power}"
        )
    return {"growth": [asdict(cost) for cost in costs]}


def peers(settings: dict[str, Any]) -> dict[str, Any]:
    """recon against nerfstudio's nerfacto; nothing where that is not there."""
    from recon import bench

    nerfstudio = Path(settings["nerfstudio"]) if settings["nerfstudio"] else None
    reason = bench.why_no_peers(nerfstudio)
    if reason is not None or nerfstudio is None:
        print(f"peers: skipped: {reason}")
        return {}
    if not Path(settings["data"]).is_file():
        raise UserError(f"data={settings['data']}: expected a transforms.json with its pictures.")
    found = bench.measure_peers(nerfstudio, Path(settings["data"]), settings["seconds"])
    for name, values in found.items():
        print(f"  {name:10s} " + "  ".join(f"{key} {value:,.1f}" for key, value in values.items()))
    return {"peers": found, "data": settings["data"], "seconds": settings["seconds"]}


def machine() -> dict[str, Any]:
    import os

    import torch

    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()
