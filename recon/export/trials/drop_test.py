"""Where to drop spheres, and what their tracks say. Knows no physics engine.

A sphere at rest touches the surface, on a floor, a slope or an edge alike: its centre is one radius away from the surface.
The surface is what is seen, and the floor that is filled. A sphere went *through* when its centre crosses the surface from
the front and ends behind it; it is *lost* when it ends where no surface is, *flung* when it rises above where it was let
go, *falling* when it still moves and touches nothing. Each of these is a failure of the world.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.geometry.mesh import TriangleMesh
from recon.geometry.transforms import Array
from recon.surface import Surface

_DOWN = np.array([0.0, 0.0, -1.0])
_LEVEL = 0.5  # cosine: on steeper faces a sphere slides for metres and tells little
_REFINEMENTS = 5  # of the grid of columns, each twice as fine, until there are enough places
_FLUNG = 6.0  # radii above its start
_CLEARANCE = 1.5  # tolerances of air round a sphere that starts
_RIM = 5.0  # radii, or tolerances, from the outline of the world


def plan_starts(
    mesh: TriangleMesh, surface: Surface, *, radius: float, tolerance: float, n_spheres: int, seed: int = 0
) -> Array:
    """Sphere centres [n_spheres, 3] in free space, with air below them, over every level of the scene.

    Columns stand on a grid; along each, every surface that faces up and has room above it is a place (a floor under a
    table as well as its top). Every height band gets its share. Room is the sphere's, and the `tolerance` that collision
    geometry is allowed; and no place lies so near to the outline of the world that a sphere rolls off it. Fewer than
    asked, or none, only where the finest grid has no more places: a scene without anything level to stand on.
    """
    low, high = mesh.vertices.min(0), mesh.vertices.max(0)
    side = float(np.sqrt(max(np.prod((high - low)[:2]), radius**2) / n_spheres))
    places = np.zeros((0, 3))
    for refinement in range(_REFINEMENTS):
        places = _places(surface, low, high, side / 2**refinement, radius, tolerance)
        if len(places) >= 2 * n_spheres:
            break
    return _spread(places, n_spheres, np.random.default_rng(seed))


def _places(surface: Surface, low: Array, high: Array, side: float, radius: float, tolerance: float) -> Array:
    xs, ys = (np.arange(low[axis] + side / 2, high[axis], side) for axis in (0, 1))
    columns = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
    above = np.concatenate([columns, np.full((len(columns), 1), high[2] + 4 * radius)], 1)
    depths = surface.cast_all(above, np.broadcast_to(_DOWN, above.shape))
    levels = [top + depth * _DOWN for top, column in zip(above, depths, strict=True) for depth in column]
    if not levels:
        return np.zeros((0, 3))
    room = radius + _CLEARANCE * tolerance
    lift = np.array([0.0, 0.0, max(2 * radius, room)])
    starts: Array = np.unique(np.round(np.array(levels), 6), axis=0) + lift
    below = surface.nearest(starts - 0.9 * lift)
    is_good = (surface.distance(starts) >= 0.999 * room) & (below.normals[:, 2] > _LEVEL)
    starts = starts[is_good]
    return starts[_is_held(surface, starts, max(_RIM * radius, _RIM * tolerance)) & ~surface.encloses(starts)]


def _is_held(surface: Surface, starts: Array, reach: float) -> np.ndarray:
    """No way of length `reach` leads to where nothing is below, unless a wall stands before it."""
    is_held = np.isfinite(surface.cast(starts, np.broadcast_to(_DOWN, starts.shape)).distance)
    for angle in np.arange(8) * np.pi / 4:
        ray = np.array([np.cos(angle), np.sin(angle), 0.0])
        to_wall = surface.cast(starts, np.broadcast_to(ray, starts.shape)).distance
        for way in reach * np.array([0.25, 0.5, 0.75, 1.0]):
            below = surface.cast(starts + way * ray, np.broadcast_to(_DOWN, starts.shape)).distance
            is_held &= np.isfinite(below) | (to_wall < way)
    return is_held


def _spread(places: Array, n: int, random: np.random.Generator) -> Array:
    """`n` of the places, taken in turn from height bands, so that small tops get theirs beside a large floor."""
    if len(places) <= n:
        return places
    shuffled = places[random.permutation(len(places))]
    band = np.round(shuffled[:, 2] / 0.1).astype(int)
    turn = np.zeros(len(shuffled), int)
    for number in np.unique(band):
        members = np.flatnonzero(band == number)
        turn[members] = np.arange(len(members))
    # A place's turn grows slowly in full bands: half of the spheres go by area, half band by band.
    order = np.argsort(np.where(np.arange(len(turn)) < n // 2, -1, turn), kind="stable")
    return shuffled[np.sort(order[:n])]


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
    may_bounce: bool = False,
) -> DropResult:
    """Judge tracks [time, n, 3] of sphere centres and their final `speeds` [n] (units per second).

    `may_bounce`: spheres that were shot at the surface may rise above their start.
    """
    tracks = tracks.reshape(len(tracks), -1, 3)  # without spheres the engines' answer has lost an axis
    final = tracks[-1]
    under = surface.cast(final, np.broadcast_to(_DOWN, final.shape))
    distance = surface.distance(final)
    through = _went_through(surface, tracks, tolerance)
    flung = (
        ~through & ~np.array(may_bounce) & ((tracks[:, :, 2] - tracks[:1, :, 2]).max(0, initial=0.0) > _FLUNG * radii)
    )
    lost = ~through & ~flung & ~np.isfinite(under.distance) & (distance > radii + tolerance)
    falling = ~(through | flung | lost) & (speeds > slowest) & (distance > radii + tolerance)
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


def _went_through(surface: Surface, tracks: Array, tolerance: float) -> np.ndarray:
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
