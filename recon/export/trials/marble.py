"""A marble on the visual mesh: where a sphere would go if contact geometry were exactly what is seen and filled.

It falls, touches, and rolls down the steepest way with the drag that the engines' spheres have. Triangles hold it from both
sides and it never moves by more than half its radius at once, so it cannot pass a surface; it can only leave it at a border.
"""

import numpy as np

from recon.geometry.surface import Surface
from recon.geometry.transforms import Array

DAMPING_S = 0.2  # in which drag takes 63 % of a sphere's sideways speed, in engines too
_ROLLING = 5 / 7  # of the acceleration of a ball that slides: the rest turns it
_LONGEST_STEP_S = 0.01
_RECORD_S = 0.04
_REST_M_S, _REST_RECORDS = 0.01, 3  # slower than that over so many records is lying still


def roll(
    surface: Surface, starts: Array, *, velocity: Array, radius: float, gravity: float, seconds: float, damping_s: float
) -> Array:
    """Tracks [time, n, 3] of marbles that leave `starts` [n, 3] with a `velocity` [3], lengths in the mesh's units.

    `gravity` is along -z, in units per second squared; `damping_s` is the time in which drag takes 63 % of a sideways speed.
    Marbles that lie still, or that have fallen below all of the mesh, are left where they are.

    surface: the visual mesh. radius: of the marbles. seconds: simulated at most.
    """
    still = _REST_M_S * gravity / 9.81 * _RECORD_S * _REST_RECORDS  # lengths and gravity go together, as in the engines
    lowest = float(surface.mesh.vertices[:, 2].min()) - 2 * radius
    positions, velocities = starts.astype(float).copy(), np.tile(velocity, (len(starts), 1))
    tracks, is_moving = [positions.copy()], np.ones(len(starts), bool)
    for _ in range(int(np.ceil(seconds / _RECORD_S))):
        if not is_moving.any():
            break
        positions[is_moving], velocities[is_moving] = _go_on(
            surface, positions[is_moving], velocities[is_moving], radius=radius, gravity=gravity, damping_s=damping_s
        )
        tracks.append(positions.copy())
        is_moving &= positions[:, 2] > lowest
        if len(tracks) > _REST_RECORDS:
            is_moving &= np.linalg.norm(positions - tracks[-1 - _REST_RECORDS], axis=1) > still
    return np.stack(tracks)


def speed_over(rise: float, *, gravity: float) -> float:
    """The sideways speed that takes a rolling marble over a rise, but for drag."""
    return float(np.sqrt(2 * _ROLLING * gravity * rise))


def _go_on(
    surface: Surface, here: Array, velocity: Array, *, radius: float, gravity: float, damping_s: float
) -> tuple[Array, Array]:
    """Positions and velocities [n, 3] after the time of a record, in as many steps as the fastest marble needs.

    here, velocity: [n, 3] before; the other arguments as in `roll`: surface, radius, gravity, damping_s.
    """
    left = _RECORD_S
    while left > 1e-9:
        fastest = float(np.linalg.norm(velocity, axis=1).max()) + gravity * _LONGEST_STEP_S
        timestep = min(left, _LONGEST_STEP_S, 0.5 * radius / fastest)
        here, velocity = _step(surface, here, velocity, radius, gravity * timestep, timestep)
        velocity[:, :2] *= np.exp(-timestep / damping_s)
        left -= timestep
    return here, velocity


def _step(
    surface: Surface, here: Array, velocity: Array, radius: float, gain: float, timestep: float
) -> tuple[Array, Array]:
    """Positions and velocities [n, 3] after a time step in which gravity gives `gain` of speed.

    surface: that is rolled on. here, velocity: [n, 3] before. radius: of the marbles. timestep: seconds.
    """
    pull = np.array([0.0, 0.0, -gain])
    velocity = velocity + pull
    there = here + timestep * velocity
    nearest = surface.nearest(there)
    touches = (nearest.distance < radius)[:, None]
    outwards = (there - nearest.positions) / np.maximum(nearest.distance, 1e-9 * radius)[:, None]
    inwards = np.minimum((velocity * outwards).sum(1, keepdims=True), 0)
    along = pull - (outwards @ pull)[:, None] * outwards
    held = velocity - inwards * outwards - (1 - _ROLLING) * along
    return np.where(touches, nearest.positions + radius * outwards, there), np.where(touches, held, velocity)
