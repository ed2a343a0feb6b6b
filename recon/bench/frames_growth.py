"""How the stages grow with the number of photos: made captures of one place, each stage a process of its own.

Four times the photos should cost at most four times the processor time, in memory that stays flat.
"""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recon.bench.synthetic.courtyard import courtyard
from recon.bench.synthetic.film import FOCAL_OF_WIDTH, NOISE_SIGMA_255
from recon.bench.synthetic.renderer import render_color
from recon.bench.synthetic.walk import Round, sensor_image, walk_poses
from recon.formats.images import write_image
from recon.geometry import Camera
from recon.workspace import Workspace, read_metrics
from recon.workspace.console import progress
from recon.workspace.errors import UserError

ROUND = 50  # photos of one walk round the place; more are more walks, each a little different
STAGES = ("capture", "poses", "match", "train", "evaluate", "render", "mesh", "export")  # as the commands are named
_PIXEL_M = 3.2  # over the width: what a pixel sees of a wall across the place


@dataclass(frozen=True)
class StageCost:
    """What one stage cost on one capture."""

    stage: str  # as in `stages` of metrics.json
    n_photos: int
    cpu_seconds: float
    peak_rss_mb: float
    growth: (
        float | None
    )  # of cpu_seconds over that of the capture before, as a power of the number of photos: 1 is linear


def measure_frames_growth(
    folder: Path, counts: Sequence[int], *, width: int, stage: str, settings: Sequence[str] = ()
) -> list[StageCost]:
    """The stages up to `stage`, of `STAGES`, on captures of so many photos in `folder`, smallest first; what is there stays.

    `settings` are handed on to every stage, as `train.max_steps=1000`.
    """
    counts = sorted(set(counts))
    if stage not in STAGES or not counts or counts[0] < 8 or not 64 <= width <= 4096:
        raise UserError(
            f"growth: expected a stage of {', '.join(STAGES)}, at least 8 photos and a width of 64 to 4096 pixels."
        )
    costs: list[StageCost] = []
    for count in counts:
        photos, workspace = folder / f"photos_{count}_{width}", Workspace(folder / f"run_{count}_{width}")
        if len(list(photos.glob("*.jpg"))) < count:
            photograph(photos, count, width=width)
        for command in STAGES[: STAGES.index(stage) + 1]:
            _run(command, photos, workspace, settings)
        costs += [_cost(name, values, count, costs) for name, values in read_metrics(workspace)["stages"].items()]
    return costs


def photograph(folder: Path, count: int, *, width: int) -> None:
    """`count` photos of a courtyard along walks of `ROUND` photos each, written to `folder`; those that are there stay.

    The first photos of a large capture are those of a small one.
    """
    size_hw = (width * 3 // 4, width)
    camera = Camera("PINHOLE", size_hw, FOCAL_OF_WIDTH * width, FOCAL_OF_WIDTH * width, width / 2, size_hw[0] / 2)
    world = courtyard(seed=0, texel_m=min(_PIXEL_M / width, 0.1))
    folder.mkdir(parents=True, exist_ok=True)
    times_s = np.arange(ROUND) * 10 / ROUND
    with progress("photographing", count) as bar:
        for i in range(count):
            if i % ROUND == 0:
                poses = walk_poses(Round(), times_s, duration_s=10.0, rng=np.random.default_rng(i))
            bar.advance()
            if (folder / f"{i:05d}.jpg").exists():
                continue
            color = render_color(world, camera, poses[i % ROUND], supersampling=2)
            noise = np.random.default_rng((1, i))
            photo = sensor_image(color, exposure=1.0, noise_sigma=NOISE_SIGMA_255 / 255, rng=noise)
            write_image(folder / f"{i:05d}.jpg", photo)


def _run(command: str, photos: Path, workspace: Workspace, settings: Sequence[str]) -> None:
    """A stage in a process of its own, so that its memory is its own."""
    arguments = [command, f"capture.source={photos.absolute()}", f"workspace={workspace.root.absolute()}", *settings]
    ended = subprocess.run([sys.executable, "-m", "recon", *arguments], capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise UserError(f"growth: recon {command} failed on {photos}: {ended.stderr.strip()[-400:]}")


def _cost(name: str, values: dict[str, float], count: int, before: Sequence[StageCost]) -> StageCost:
    last = next((cost for cost in reversed(before) if cost.stage == name), None)
    growth = None
    if last is not None and last.n_photos < count:
        growth = float(np.log(values["cpu_seconds"] / max(last.cpu_seconds, 1e-3)) / np.log(count / last.n_photos))
    return StageCost(name, count, values["cpu_seconds"], values["peak_rss_mb"], growth)
