"""Space that is known to be empty: structure from motion saw points through it.

Every observation of a sparse point is a line of sight from the camera to the point, and nothing opaque lies on it. Cells that
several such lines cross, and whose neighbours they cross too, cannot hold matter: fog is never trained there.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.errors import UserError
from recon.geometry.transforms import Array
from recon.kernels import OccupancyLayout
from recon.pixels.scene import Scene

if TYPE_CHECKING:
    import pycolmap

CELLS = 64  # an axis of each cascade: coarse enough to be crossed often, fine enough to leave a thin shell on surfaces
MIN_CROSSINGS = 6  # samples of lines in a cell, two a line: three lines
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


def lines_of_sight(model: Path, taught: Collection[Path], others: Collection[Path], *, seed: int = 0) -> LinesOfSight:
    """The observations of well-seen points in a COLMAP model by the `taught` pictures; at most MAX_LINES, at random.

    others: the capture's other pictures, which must not teach anything. The model's names are ends of the pictures' paths,
    long enough to tell all of them apart; `UserError` when they are not.
    """
    import pycolmap

    reconstruction = pycolmap.Reconstruction(str(model))
    is_taught = _is_taught([image.name for image in reconstruction.images.values()], taught, others, model)
    believed = {key for key, p in reconstruction.points3D.items() if _n_views(p.track) >= MIN_VIEWS}
    starts, ends, colors = [np.zeros((0, 3))], [np.zeros((0, 3))], [np.zeros((0, 3), np.uint8)]
    for image in reconstruction.images.values():
        if not is_taught[image.name]:
            continue
        seen = [reconstruction.points3D[p.point3D_id] for p in image.points2D if p.point3D_id in believed]
        ends.append(np.array([point.xyz for point in seen]).reshape(-1, 3))
        colors.append(np.array([point.color for point in seen], np.uint8).reshape(-1, 3))
        starts.append(np.broadcast_to(image.projection_center(), (len(seen), 3)))
    keep = np.random.default_rng(seed).permutation(sum(map(len, starts)))[:MAX_LINES]
    return LinesOfSight(np.concatenate(starts)[keep], np.concatenate(ends)[keep], np.concatenate(colors)[keep])


def _is_taught(
    names: Sequence[str], taught: Collection[Path], others: Collection[Path], model: Path
) -> dict[str, bool]:
    """For each name in a model whether its picture is a taught one, never by the file name alone where folders differ."""
    flags = {path.resolve(): True for path in taught} | {path.resolve(): False for path in others}
    by_end: dict[tuple[str, ...], list[Path]] = {}
    for n_parts in {len(PurePosixPath(name).parts) for name in names}:
        for path in flags:
            by_end.setdefault(path.parts[-n_parts:], []).append(path)
    found = {}
    for name in names:
        pictures = by_end.get(PurePosixPath(name).parts, [])
        if len(pictures) > 1:
            raise UserError(
                f"{model}: the name {name} fits {pictures[0]} and {pictures[1]}; expected names that tell pictures apart. "
                "Run the poses stage again."
            )
        found[name] = bool(pictures) and flags[pictures[0]]
    return found


def _n_views(track: "pycolmap.Track") -> int:
    return len({element.image_id for element in track.elements})


def free_cells(scene: Scene, lines: LinesOfSight, layout: OccupancyLayout) -> Tensor:
    """Cells [cascades, r, r, r] (bool) of `layout` that the lines show to be empty."""
    coarse = OccupancyLayout(layout.n_cascades, CELLS)
    counts = torch.zeros(int(np.prod(coarse.shape)), dtype=torch.int32)
    begin = torch.from_numpy(scene.scene_from_world.points(lines.starts)).float()
    along = torch.from_numpy(scene.scene_from_world.points(lines.ends)).float() - begin
    half_cell = 1.0 / CELLS
    for block in range(0, len(begin), 4096):
        o, d = begin[block : block + 4096], along[block : block + 4096]
        length = d.norm(dim=-1).clamp_min(1e-9)
        t = torch.arange(half_cell, float(length.max()), half_cell)
        cells = coarse.cell_indices((o[:, None] + t[:, None] * (d / length[:, None])[:, None]).view(-1, 3))
        before_end = (t[None] < END * length[:, None]).view(-1)
        counts += torch.bincount(cells[before_end & (cells >= 0)], minlength=len(counts)).int()
    closed = (counts < MIN_CROSSINGS).view(coarse.shape).float()
    free = torch.nn.functional.max_pool3d(closed[:, None], 3, stride=1, padding=1)[:, 0] == 0
    for axis in (1, 2, 3):
        free = free.repeat_interleave(layout.resolution // CELLS, axis)
    return free
