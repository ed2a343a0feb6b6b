"""How cost grows: a training step with levels and table size, drawing pixels with the number and size of the photos."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from recon.bench.steps import Step
from recon.bench.timing import seconds
from recon.formats.images import write_image
from recon.geometry import Camera, Similarity, View
from recon.pixels import PixelPool, PixelSampler

N_RAYS = 4096


@dataclass(frozen=True)
class Growth:
    """One point of a curve: what was set, and what it cost."""

    what: str
    size: str
    milliseconds: float
    megabytes: float  # of the parameters, or of the photos


def measure_growth() -> list[Growth]:
    """A step of 32,768 samples by levels and table size; 4,096 pixels drawn by count and size of photos."""
    found = []
    for n_levels in (4, 8, 16):
        found.append(_step("levels", n_levels=n_levels))
    for log2_table_size in (15, 17, 19):
        found.append(_step("table rows 2^", log2_table_size=log2_table_size))
    for count, width in ((10, 800), (40, 800), (10, 1600)):
        found.append(_photos(count, width))
    return found


def _step(what: str, **shape: int) -> Growth:
    step = Step(n_samples=1 << 15, device="cpu", **shape)
    table = step.field.table
    return Growth(what, str(next(iter(shape.values()))), 1e3 * seconds(step.whole), 4e-6 * table.numel())


def _photos(count: int, width: int) -> Growth:
    height = width * 3 // 4
    camera = Camera("PINHOLE", (height, width), float(width), float(width), width / 2, height / 2)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        write_image(picture, np.full((height, width, 3), 128, np.uint8))
        views = [View(f"{i}", picture, camera, np.eye(4)) for i in range(count)]
        pool = PixelPool(views, max_size=None, memory_mb=1000, seed=0)
    sampler = PixelSampler(pool, Similarity.identity(), torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    milliseconds = 1e3 * seconds(lambda: sampler.sample(N_RAYS, generator))
    return Growth("photos", f"{count} of {width}x{height}", milliseconds, pool.megabytes)
