"""What the tracks of dropped spheres say. Knows no physics engine.

A sphere at rest touches the surface, on a floor, a slope or an edge alike: its centre is one radius away from the surface.
The surface is what is seen, and the floor that is filled. A sphere went *through* when its centre crosses the surface from
the front and ends behind it; it is *lost* when it ends where no surface is, *flung* when it rises above where it was let
go, *falling* when it touches nothing and gathers speed as in free fall: one that rolls, or lies still, on contact geometry that
stands too far before the surface is an error, and counts among those. Each of these is a failure of the world.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_DOWN = np.array([0.0, 0.0, -1.0])
_FLUNG = 6.0  # radii above its start
_LAST = -4  # moments of a track that tell whether it falls at its end; engines give the last one twice
_MOSTLY = 0.7  # of free fall's gain: drag, and rounding


@dataclass(frozen=True)
class DropResult:
    """What happened to the spheres of one engine. Errors are distances from the surface, in scene units."""

    dropped: int
    through: int
    lost: int
    flung: int
    falling: int
    median: float
    p95: float
    max: float
    worst_at: list[float] | None  # where the sphere with the largest error rests
    failed_at: list[list[float]]  # where spheres started that failed, at most ten

    def as_dict(self) -> dict[str, Any]:
        return vars(self)


def judge(
    surface: Surface,
    tracks: Array,
    speeds: Array,
    *,
    radii: Array,
    slowest: float,
    tolerance: float,
    free_fall: float,
    may_bounce: bool = False,
) -> DropResult:
    """Judge tracks [time, n, 3] of sphere centres and their final `speeds` [n] (units per second).

    `free_fall`: by how much more a falling sphere sinks from each moment of the tracks to the next. `may_bounce`: spheres that
    were shot at the surface may rise above their start.

    surface: the visual mesh. radii: [n] of the spheres. slowest: units per second below which a sphere lies still. tolerance: that
    collision geometry is allowed.
    """
    tracks = tracks.reshape(len(tracks), -1, 3)  # without spheres the engines' answer has lost an axis
    final = tracks[-1]
    distance = surface.distance(final)
    through = went_through(surface, tracks, tolerance)
    flung = (
        ~through & ~np.array(may_bounce) & ((tracks[:, :, 2] - tracks[:1, :, 2]).max(0, initial=0.0) > _FLUNG * radii)
    )
    lost = ~through & ~flung & left_the_surface(surface, final, radii=radii, tolerance=tolerance)
    gained = -np.diff(tracks[_LAST:, :, 2], n=2, axis=0).min(0, initial=0.0)
    is_free = (gained > _MOSTLY * free_fall) & (speeds > slowest) & (distance > radii + tolerance)
    falling = ~(through | flung | lost) & is_free
    failed = through | flung | lost | falling
    errors = np.abs(distance - radii)[~failed]
    some = len(errors) > 0
    return DropResult(
        dropped=tracks.shape[1],
        through=int(through.sum()),
        lost=int(lost.sum()),
        flung=int(flung.sum()),
        falling=int(falling.sum()),
        median=float(np.median(errors)) if some else float("nan"),
        p95=float(np.quantile(errors, 0.95)) if some else float("nan"),
        max=float(errors.max()) if some else float("nan"),
        worst_at=final[~failed][errors.argmax()].round(4).tolist() if some else None,
        failed_at=tracks[0, failed][:10].round(4).tolist(),
    )


def left_the_surface(surface: Surface, centres: Array, *, radii: Array | float, tolerance: float) -> np.ndarray:
    """Which sphere centres [n, 3] touch nothing and have nothing below them."""
    below = surface.cast(centres, np.broadcast_to(_DOWN, centres.shape)).distance
    return ~np.isfinite(below) & (surface.distance(centres) > radii + tolerance)


def went_through(surface: Surface, tracks: Array, tolerance: float) -> np.ndarray:
    """Whether each centre [n] crossed the surface from the front and ended behind it by more than the tolerance."""
    result = np.zeros(tracks.shape[1], bool)
    for before, after in itertools.pairwise(tracks):
        step = after - before
        length = np.linalg.norm(step, axis=1)
        direction = np.where(length[:, None] > 1e-9, step / np.maximum(length, 1e-12)[:, None], _DOWN)
        hits = surface.cast(before, direction)
        enters = (hits.distance < length) & ((hits.normals * direction).sum(1) < 0)
        if not enters.any():
            continue
        at = before[enters] + hits.distance[enters, None] * direction[enters]
        result[enters] |= ((tracks[-1, enters] - at) * hits.normals[enters]).sum(1) < -tolerance
    return result
