"""Space that is known to be empty: structure from motion saw points through it.

Every observation of a sparse point is a line of sight from the camera to the point, and nothing opaque lies on it. Cells that
several such lines cross, and whose neighbours they cross too, cannot hold matter: fog is never trained there.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.geometry import Reconstruction
from recon.geometry.transforms import Array
from recon.kernels import OccupancyLayout
from recon.pixels.scene import Scene

CELLS = 64  # an axis of each cascade: coarse enough to be crossed often, fine enough to leave a thin shell on surfaces
MIN_CROSSINGS = 6  # samples of lines in a cell, two per line: three lines
MAX_LINES = 400_000
MIN_VIEWS = 4  # of a point that is believed: two pictures agree on false matches too, where texture repeats
END = 0.95  # of the way to the point: points have errors along the line


@dataclass(frozen=True)
class LinesOfSight:
    """Observations of sparse points, in world units."""

    starts: Array  # [n, 3] camera centres
    ends: Array  # [n, 3] points
    colors: NDArray[np.uint8]  # [n, 3] of the points

    def __len__(self) -> int:
        return len(self.starts)


def lines_of_sight(reconstruction: Reconstruction, *, seed: int = 0) -> LinesOfSight:
    """The observations of well-seen points by the training views; at most MAX_LINES, at random.

    Held-out views must not teach anything: a point that they saw too counts, the lines from them do not.
    """
    tracks = reconstruction.tracks
    is_taught = ~np.array(reconstruction.is_held_out, bool)
    chosen = np.flatnonzero((tracks.n_views >= MIN_VIEWS)[tracks.indices] & is_taught[tracks.views])
    keep = chosen[np.random.default_rng(seed).permutation(len(chosen))[:MAX_LINES]]
    views, seen = tracks.views[keep], tracks.indices[keep]
    return LinesOfSight(reconstruction.centers[views], tracks.points.positions[seen], tracks.points.colors[seen])


def free_cells(scene: Scene, lines: LinesOfSight, layout: OccupancyLayout) -> Tensor:
    """Cells [cascades, r, r, r] (bool) of `layout` that the lines show to be empty."""
    coarse = OccupancyLayout(layout.n_cascades, CELLS)
    counts = torch.zeros(int(np.prod(coarse.shape)), dtype=torch.int32)
    begin = torch.from_numpy(scene.scene_from_world.points(lines.starts)).float()
    along = torch.from_numpy(scene.scene_from_world.points(lines.ends)).float() - begin
    half_cell = 1.0 / CELLS
    far = math.sqrt(3) * coarse.half_side  # from the middle to the farthest corner
    for block in range(0, len(begin), 4096):
        o, d = begin[block : block + 4096], along[block : block + 4096]
        length = d.norm(dim=-1).clamp_min(1e-9)
        reach = begin[block : block + 4096].norm(dim=-1) + far  # beyond are no cells
        end = float(torch.minimum(length, reach).max())
        if not end > half_cell:
            continue  # they end in the cell that they begin in
        t = torch.arange(half_cell, end, half_cell)
        cells = coarse.cell_indices((o[:, None] + t[:, None] * (d / length[:, None])[:, None]).view(-1, 3))
        before_end = (t[None] < END * length[:, None]).view(-1)
        counts += torch.bincount(cells[before_end & (cells >= 0)], minlength=len(counts)).int()
    closed = (counts < MIN_CROSSINGS).view(coarse.shape).float()
    free = torch.nn.functional.max_pool3d(closed[:, None], 3, stride=1, padding=1)[:, 0] == 0
    for axis in (1, 2, 3):
        free = free.repeat_interleave(layout.resolution // CELLS, axis)
    return free
