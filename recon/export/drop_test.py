"""Where to drop spheres, and what their tracks say. Knows no physics engine.

A sphere at rest touches the surface, on a floor, a slope or an edge alike: its centre is one radius away from the visual
mesh. A sphere fell through when the path of its centre crosses the visual mesh. Neither rule needs flat ground.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.export.surface import Array, Surface
from recon.geometry.mesh import TriangleMesh

_DOWN = np.array([0.0, 0.0, -1.0])


def plan_starts(mesh: TriangleMesh, surface: Surface, *, radius: float, n_spheres: int, seed: int = 0) -> Array:
    """Sphere centres [n, 3] in free space, one radius of air below them, over every level of the scene.

    Columns stand on a grid; along each, every surface that faces up and has room above it gets a sphere (a floor under a
    table as well as its top). At most `n_spheres`, spread over levels by an even random choice.
    """
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    side = np.sqrt(max(np.prod((high - low)[:2]), radius**2) / n_spheres)
    xs, ys = (np.arange(low[axis] + side / 2, high[axis], side) for axis in (0, 1))
    columns = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    above = np.concatenate([columns, np.full((len(columns), 1), high[2] + 4 * radius)], 1)
    depths = surface.cast_all(above, np.broadcast_to(_DOWN, above.shape))
    levels = [top + depth * _DOWN for top, column in zip(above, depths, strict=True) for depth in column]
    if not levels:
        return np.zeros((0, 3))
    lift = np.array([0.0, 0.0, 2 * radius])
    starts: Array = np.unique(np.round(np.array(levels), 6), axis=0) + lift
    below = surface.nearest(starts - lift / 2)
    is_free = surface.distance(starts) >= 1.2 * radius
    faces_up = below.normals[:, 2] > 0.5  # on steeper faces a sphere slides for metres and tells little
    clear = surface.cast(starts, np.broadcast_to(_DOWN, starts.shape))
    starts = starts[is_free & faces_up & np.isfinite(clear.distance)]
    if len(starts) > n_spheres:
        starts = starts[np.sort(np.random.default_rng(seed).choice(len(starts), n_spheres, replace=False))]
    return starts


@dataclass(frozen=True)
class DropResult:
    """What happened to the spheres of one engine. Errors are distances from the surface, in scene units."""

    n_dropped: int
    n_fell_through: int
    n_left_scene: int  # rolled over the border of what was scanned, into the void
    n_moving: int  # still rolling at the end: not judged for height
    max_error: float
    median_error: float
    worst_at: list[float] | None  # where the sphere with the largest error rests

    def as_dict(self) -> dict[str, Any]:
        return vars(self)


def judge(surface: Surface, tracks: Array, speeds: Array, *, radius: float, slowest: float) -> DropResult:
    """Judge tracks [time, n, 3] of sphere centres and their final `speeds` [n] (units per second)."""
    tracks = tracks.reshape(len(tracks), -1, 3)  # without spheres the engines' answer has lost an axis
    n = tracks.shape[1]
    crossed = np.zeros(n, bool)
    for before, after in itertools.pairwise(tracks):
        crossed |= _crosses(surface, before, after)
    final = tracks[-1]
    under = surface.cast(final, np.broadcast_to(_DOWN, final.shape))
    distance = surface.distance(final)
    in_void = ~crossed & ~np.isfinite(under.distance) & (distance > 3 * radius)
    is_moving = ~crossed & ~in_void & (speeds > slowest)
    at_rest = ~(crossed | in_void | is_moving)
    errors = np.abs(distance - radius)[at_rest]
    worst = final[at_rest][errors.argmax()].round(4).tolist() if len(errors) else None
    return DropResult(
        n_dropped=n,
        n_fell_through=int(crossed.sum()),
        n_left_scene=int(in_void.sum()),
        n_moving=int(is_moving.sum()),
        max_error=float(errors.max()) if len(errors) else float("nan"),
        median_error=float(np.median(errors)) if len(errors) else float("nan"),
        worst_at=worst,
    )


def _crosses(surface: Surface, before: Array, after: Array) -> np.ndarray:
    """Whether the segments between two positions [n, 3] of each centre meet the surface: [n]."""
    step = after - before
    length = np.linalg.norm(step, axis=1)
    moved = length > 1e-9
    direction = np.where(moved[:, None], step / np.maximum(length, 1e-12)[:, None], _DOWN)
    return moved & (surface.cast(before, direction).distance < length)
