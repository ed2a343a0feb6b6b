"""The ground as a height field: of every column its lowest up-facing surface, without what merely hangs over a gap.

Needs a world whose up axis is known (+z). For simulators with terrain of their own, planners and wheel contacts; tables,
boxes and ceilings are not in it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_LEAST_COVER = 0.25  # of the columns that hold anything: with less there is no ground worth the name


@dataclass(frozen=True)
class Ground:
    """Heights [ny, nx] (row 0 at the least y; NaN where no ground was seen) on cells of side `cell`."""

    heights: Array
    origin: tuple[float, float]  # centre of cell (0, 0)
    cell: float

    @property
    def cover(self) -> float:
        return float(np.isfinite(self.heights).mean())


def find_ground(mesh: TriangleMesh, surface: Surface, *, cell: float, max_cells: int = 1_000_000) -> Ground | None:
    """The ground of a z-up mesh, or None where too few of the columns that hold anything have any.

    A road that winds through its box covers little of the box, and is ground all the same.
    """
    if not len(mesh.faces):
        return None
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    width, depth = np.maximum(high - low, 1e-9)[:2]
    cell = max(cell, float(np.sqrt(width * depth / max_cells)))
    xs, ys = np.arange(low[0] + cell / 2, high[0], cell), np.arange(low[1] + cell / 2, high[1], cell)
    if not len(xs) or not len(ys):
        return None
    lowest, holds_any = _lowest_up_facing(surface, xs, ys, low[2], high[2])
    # A table over unseen floor would look like ground: drop what stands more than 45 degrees above its surroundings.
    reach = max(1, round(0.5 / cell))
    filled = np.where(np.isfinite(lowest), lowest, np.inf)
    opened = ndimage.minimum_filter(filled, size=2 * reach + 1, mode="nearest")
    heights = np.where(lowest - opened <= reach * cell, lowest, np.nan)
    is_enough = np.isfinite(heights).sum() >= _LEAST_COVER * max(holds_any.sum(), 1)
    return Ground(heights, (float(xs[0]), float(ys[0])), cell) if is_enough else None


def _lowest_up_facing(
    surface: Surface, xs: Array, ys: Array, bottom: float, top: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Height [ny, nx] of the lowest surface that faces up, NaN where there is none; where there is any surface at all."""
    columns = np.stack(np.meshgrid(xs, ys, indexing="xy"), -1).reshape(-1, 2)
    lowest, holds_any = np.full(len(columns), np.nan), np.zeros(len(columns), bool)
    reach = top - bottom
    margin = 1e-3 * reach + 1e-6
    # From below, step through undersides until a face seen from behind, which is one that faces up.
    z = np.full(len(columns), bottom - margin)
    open_columns = np.arange(len(columns))
    up = np.array([0.0, 0.0, 1.0])
    for _ in range(16):
        if not len(open_columns):
            break
        origins = np.concatenate([columns[open_columns], z[open_columns, None]], 1)
        hits = surface.cast(origins, np.broadcast_to(up, origins.shape))
        is_hit = np.isfinite(hits.distance)
        open_columns, hits_z = open_columns[is_hit], (z[open_columns] + hits.distance)[is_hit]
        holds_any[open_columns] = True
        faces_up = hits.normals[is_hit][:, 2] > 0.6
        lowest[open_columns[faces_up]] = hits_z[faces_up]
        z[open_columns] = hits_z + 1e-4 * reach
        open_columns = open_columns[~faces_up]
    shape = len(ys), len(xs)
    return lowest.reshape(shape), holds_any.reshape(shape)


def write_ground(folder: Path, ground: Ground) -> dict[str, Any]:
    """Write ground.npy (float32, NaN unknown) and ground.png (16 bit, 0 unknown); the manifest's entry for them."""
    known = np.isfinite(ground.heights)
    low, high = float(ground.heights[known].min()), float(ground.heights[known].max())
    step = max((high - low) / 65534, 1e-9)
    levels = np.where(known, 1 + np.round((np.nan_to_num(ground.heights) - low) / step), 0).astype(np.uint16)
    np.save(folder / "ground.npy", ground.heights.astype(np.float32))
    (folder / "ground.png").write_bytes(iio.imwrite("<bytes>", np.flipud(levels), plugin="pillow", extension=".png"))
    return {
        "npy": "ground.npy",
        "png": "ground.png",
        "cell": ground.cell,
        "origin_xy": list(ground.origin),
        "size_yx": list(ground.heights.shape),
        "cover": round(ground.cover, 4),
        "npy_layout": "float32 heights [y, x], row 0 at the least y, NaN where no ground was seen",
        "png_layout": "row 0 at the greatest y; 0 = not seen, else height = png_low + (value - 1) * png_step",
        "png_low": low,
        "png_step": step,
    }
