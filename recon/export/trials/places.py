"""Where to drop spheres: places to stand on all over a world, and which of them hold.

A place is *held* where a marble on the visual mesh stays on what was seen or filled. Where it rolls off the border, or over it
and behind what was seen (into the open back of a bust), nobody knows what lies there, and the place is not promised; it is
counted. The judgement is made on the visual mesh alone: a sphere that falls through contact geometry at a held place is a
failure of that geometry.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from recon.export.trials.drop_test import left_the_surface, went_through
from recon.export.trials.marble import DAMPING_S, roll, speed_over
from recon.export.zones import Reach
from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

_DOWN = np.array([0.0, 0.0, -1.0])
_LEVEL = 0.5  # cosine: on steeper faces a sphere slides for metres and tells little
_REFINEMENTS = 5  # of the grid of columns, each twice as fine, until there are enough places
_CLEARANCE = 1.5  # tolerances of air round a sphere that starts
_LID = 0.2  # tolerances below a floor: there a thing that stands on it ends
_RIM = 5.0  # radii, or tolerances, from the outline of the world
_TRIED = 3  # times the spheres asked for: most places that marbles try
# In tolerances: by how much the marbles of a place start beside it (x, y), and by how much they are too fat. A fat marble on
# the visual mesh rolls as a true one does on contact geometry that stands before the mesh by that much. All of them must stay.
_MARBLES = ((0, 0, 0), (1, 0, 1), (-1, 0, 1), (0, 1, 1), (0, -1, 1))
# Tolerances of rise over which the fat ones are nudged, each the way that it starts beside the place; drag takes half of that. A
# hollow of the mesh that is no deeper may be none in contact geometry: on the top of a rounded thing it holds nothing.
_NUDGE = 2.0
_EVERY = 3  # records of a track: at these a marble is asked what it touches
# Of a sphere's skin, and its centre: the edge of a shard's hem may come in from any side.
_ALL_ROUND = np.array(list(itertools.product((0.0, -1.0, 1.0), repeat=3)))
_ROLL_S = 12.0  # a slope of a fifth takes a marble 3 m in that time; engines watch their spheres for 4 s at most


@dataclass(frozen=True)
class Places:
    """Sphere centres [n, 3] over held places; of `tried` places, `off_edge` were not held."""

    starts: Array
    tried: int
    off_edge: int


def plan_places(
    surface: Surface,
    reach: Reach,
    *,
    radius: float,
    tolerance: float,
    thickness: float,
    n_spheres: int,
    speed: float,
    gravity: float,
    seed: int = 0,
) -> Places:
    """Up to `n_spheres` held places in free space, with air below the sphere, over every level of the scene within `reach`.

    Columns stand on a grid; along each, every surface that faces up and has room above it is a place (a floor under a
    table as well as its top). Every height band gets its share. Room is the sphere's, and what collision geometry is allowed:
    `tolerance` before a surface, `thickness` behind it, and all that matter shuts in. Fewer than asked, or none, only where
    the finest grid has no more held places: a scene without anything level to stand on. Spheres start downwards with `speed`.
    Lengths, also of `gravity`, are in the mesh's units.

    surface: the visual mesh. radius: of the spheres. gravity: along -z. seed: of the choice among more places than are asked.
    """
    near = reach.within(surface.mesh).vertices
    if not len(near):
        return Places(np.zeros((0, 3)), 0, 0)
    low, high = near.min(0), near.max(0)
    side = float(np.sqrt(max(np.prod((high - low)[:2]), radius**2) / n_spheres))
    random = np.random.default_rng(seed)
    places, is_held = np.zeros((0, 3)), np.zeros(0, bool)
    for refinement in range(_REFINEMENTS):
        places = _places(surface, low, high, side / 2**refinement, radius, tolerance, thickness)
        places = _spread(places[reach.holds(places)], _TRIED * n_spheres, random)
        if len(places) < n_spheres and refinement < _REFINEMENTS - 1:
            continue
        is_held = _is_inland(surface, places, max(_RIM * radius, _RIM * tolerance))
        for x, y, fat in tolerance * np.array(_MARBLES):  # one after another: most places fail at the first
            here, size = np.flatnonzero(is_held), radius + fat
            nudge = speed_over(_NUDGE * tolerance, gravity=gravity) / tolerance
            tracks = roll(
                surface,
                places[here] + [x, y, 0],
                velocity=np.array([nudge * x, nudge * y, -speed]),
                radius=size,
                gravity=gravity,
                seconds=_ROLL_S,
                damping_s=DAMPING_S,
            )
            is_held[here] = _stayed(surface, tracks, radius=size, tolerance=tolerance)
        if is_held.sum() >= n_spheres:
            break
    return Places(_spread(places[is_held], n_spheres, random), len(places), int((~is_held).sum()))


def _places(
    surface: Surface, low: Array, high: Array, side: float, radius: float, tolerance: float, thickness: float
) -> Array:
    """Sphere centres [n, 3] over every level place of a grid.

    surface: that is stood on; low, high: corners [3] of its box. side: of the grid's cells. radius: of the sphere. tolerance,
    thickness: that collision geometry is allowed before and behind a surface.
    """
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
    is_over = np.isfinite(surface.cast(starts, np.broadcast_to(_DOWN, starts.shape)).distance)
    starts = starts[is_over & ~_is_in_a_thing(surface, starts, tolerance)]
    return starts[~_meets_solid(surface, starts, radius + tolerance, 1.1 * thickness + tolerance)]


def _meets_solid(surface: Surface, starts: Array, radius: float, thickness: float) -> np.ndarray:
    """Which spheres [n] reach into what convex parts may fill: `thickness` behind a surface, and matter's inside (a hollow sofa).

    Asked at the centre and at points all over the skin.
    """
    meets = np.zeros(len(starts), bool)
    for way in _ALL_ROUND:
        left = np.flatnonzero(~meets)
        points = starts[left] + radius * way / max(float(np.linalg.norm(way)), 1.0)
        nearest = surface.nearest(points)
        towards = ((nearest.positions - points) * nearest.normals).sum(1)
        is_behind = (towards > 0.5 * nearest.distance) & (nearest.distance < thickness)
        meets[left] = is_behind | surface.encloses(points)
    return meets


def _is_in_a_thing(surface: Surface, starts: Array, tolerance: float) -> np.ndarray:
    """Which starts [n, 3] have a thing's lid right below their floor, and so are inside it: things may be open behind."""
    down = np.broadcast_to(_DOWN, starts.shape)
    floor = surface.cast(starts, down).distance
    below = starts + np.where(np.isfinite(floor), floor + 1e-3 * tolerance, 0.0)[:, None] * _DOWN
    lid = surface.cast(below, down)
    return np.asarray((lid.distance < _LID * tolerance) & (lid.normals[:, 2] < -_LEVEL))


def _is_inland(surface: Surface, starts: Array, reach: float) -> np.ndarray:
    """No way of length `reach` leads to where nothing is below, unless a wall stands before it."""
    is_inland = np.ones(len(starts), bool)
    for angle in np.arange(8) * np.pi / 4:
        ray = np.array([np.cos(angle), np.sin(angle), 0.0])
        to_wall = surface.cast(starts, np.broadcast_to(ray, starts.shape)).distance
        for way in reach * np.array([0.25, 0.5, 0.75, 1.0]):
            below = surface.cast(starts + way * ray, np.broadcast_to(_DOWN, starts.shape)).distance
            is_inland &= np.isfinite(below) | (to_wall < way)
    return is_inland


def _stayed(surface: Surface, tracks: Array, *, radius: float, tolerance: float) -> np.ndarray:
    """Which marbles [n] stayed on the surface's front.

    One that passed through it says nothing against a place: engines shall answer.
    """
    is_lost = left_the_surface(surface, tracks[-1], radii=radius, tolerance=tolerance)
    is_lost |= _touched_a_back(surface, tracks, radius=radius)
    is_lost[is_lost] = ~went_through(surface, tracks[:, is_lost], tolerance)
    return ~is_lost


def _touched_a_back(surface: Surface, tracks: Array, *, radius: float) -> np.ndarray:
    """Which marbles [n] came round a border and lay against what was seen from behind."""
    has_touched, asked = np.zeros(tracks.shape[1], bool), np.full(tracks.shape[1:], np.nan)
    for centres in tracks[::-_EVERY]:
        left = np.flatnonzero(~has_touched & (centres != asked).any(1))  # most lie still most of the time
        asked = centres
        nearest = surface.nearest(centres[left])
        towards = ((nearest.positions - centres[left]) * nearest.normals).sum(1)
        has_touched[left] = (nearest.distance < 1.01 * radius) & (towards > 0.5 * nearest.distance)
    return has_touched


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
