"""What a run came to, in a dozen lines, from its metrics.json. Exit code 1 when the world did not pass its test.

python scripts/summary.py runs/demo
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError

PLACES = {  # what to look at, in the order that a newcomer wants
    "report": "report.html",
    "novel views": "views/*.mp4",
    "mesh": "mesh/mesh.glb",
    "world": "world/scene.xml",
    "training curves": "field/events.out.tfevents.*",
}


def lines(metrics: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(what, how much) of every stage that has run."""
    poses, truth, scores, world = (metrics.get(name, {}) for name in ("poses", "truth", "eval", "world"))
    if poses:
        yield "registered frames", f"{poses['registered']} of {poses['total']}"
    if truth:
        yield (
            "camera error against truth",
            f"{1000 * truth['camera_rms_m']:.1f} mm rms over a walk of {truth['path_length_m']:.1f} m, rotation "
            f"{truth['rotation_median_deg']:.2f} deg, scale {_percent(truth['scale_relative_error'])}",
        )
    if scores:
        yield "held-out PSNR", f"{scores['psnr']:.2f} dB (SSIM {scores['ssim']:.3f})"
    if "f_score_5cm" in truth:
        yield "mesh F-score at 5 / 2 cm", f"{truth['f_score_5cm']:.3f} / {truth['f_score_2cm']:.3f}"
    if world.get("drop"):
        yield "drop test", _drop_line(world["drop"])
        yield "world loads in", ", ".join(name for name, loads in world["loads"].items() if loads)
    if "train" in metrics:
        train = metrics["train"]
        yield (
            "training",
            f"{train['steps']} steps in {train['seconds']:.0f} s on {train['device']} ({train['backend']})",
        )


def stage_lines(metrics: dict[str, Any]) -> Iterator[str]:
    """A table of what each stage cost, and the total."""
    spent = metrics.get("stages", {})
    if not spent:
        return
    yield f"{'stage':>28}  {'minutes':>8} {'of processor':>13} {'peak GB':>8}"
    for name, stage in spent.items():
        yield (
            f"{name:>28}  {stage['seconds'] / 60:8.1f} {stage['cpu_seconds'] / 60:13.1f} {stage['peak_rss_mb'] / 1024:8.1f}"
        )
    seconds, cpu_seconds = (sum(stage[what] for stage in spent.values()) for what in ("seconds", "cpu_seconds"))
    peak = max(stage["peak_rss_mb"] for stage in spent.values())
    yield f"{'all, without installation':>28}  {seconds / 60:8.1f} {cpu_seconds / 60:13.1f} {peak / 1024:8.1f}"


def _drop_line(drop: dict[str, Any]) -> str:
    failed = sum(drop[key] or 0 for key in ("lost", "flung", "falling"))
    line = f"{drop['dropped']} spheres, {drop['through']} fell through, {failed} lost, flung or falling"
    places = drop.get("places", {})
    if places.get("off_edge"):
        line += f" ({places['off_edge']} of {places['tried']} places left out: off the edge of what was seen)"
    if drop["median_mm"] is None:
        return f"{line}, none at rest"
    return f"{line}, at rest {drop['median_mm']:.1f} mm from the surface (19 of 20 within {drop['p95_mm']:.0f} mm)"


def _percent(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{100 * ratio:+.2f} %"


def failures(metrics: dict[str, Any]) -> list[str]:
    """Verdicts of the world's verification that are not "pass"."""
    verdicts = metrics.get("world", {}).get("engines", {})
    return [f"{engine}: {verdict}" for engine, verdict in verdicts.items() if verdict.startswith("fail")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path, help="a run folder")
    workspace = Workspace(parser.parse_args().workspace)
    metrics = read_metrics(workspace)
    if not metrics:
        raise UserError(f"{workspace.metrics_json} is missing. Make it with: python scripts/run.py")
    print()
    for what, how_much in lines(metrics):
        print(f"{what:>28}  {how_much}")
    print()
    for line in stage_lines(metrics):
        print(line)
    print()
    for what, pattern in PLACES.items():
        for file in sorted(workspace.root.glob(pattern)):
            print(f"{what:>28}  {file}")
    for failure in failures(metrics):
        print(f"error: the world failed its test in {failure}", file=sys.stderr)
    return 1 if failures(metrics) else 0
