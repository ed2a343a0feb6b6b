"""A plane ends where cameras look through it: a table at its edges, a wall at its window, and what is none everywhere."""

from dataclasses import replace

import numpy as np

from recon.kernels.planes import ScenePlane
from recon.matching.openings import OPEN, SightLines, opened

UP = np.array([0.0, 0.0, 1.0])
THICKNESS = 0.03


def table(known: slice = slice(4, 6)) -> ScenePlane:
    """The plane z = 0.7 over 10 x 10 cells of 0.2 m round the origin, with matter in some of its middle."""
    distances = np.full((10, 10), 0.5, np.float32)
    distances[known, known] = 0
    across, along = np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    return ScenePlane(UP, 0.7, across, along, np.array([-1.0, -1.0]), 0.2, False, distances, THICKNESS, 1.0)


def looks(at: np.ndarray, n: int = 5, *, is_sky: bool = False) -> list[SightLines]:
    """Cameras in a ring above the table that see points."""
    angles = 2 * np.pi * np.arange(n) / n
    centers = [np.array([2 * np.cos(a), 2 * np.sin(a), 1.9]) for a in angles]
    return [SightLines(center, at, np.full(len(at), is_sky)) for center in centers]


def grid(height: float, low: float, high: float) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(low, high, 120), np.linspace(low, high, 120))
    return np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], -1)


def test_a_table_is_open_where_cameras_see_the_floor_and_nowhere_else() -> None:
    floor = grid(0.0, -4.0, 4.0)
    top = grid(0.7, -0.59, 0.59)
    lines = looks(top)
    for i, look in enumerate(lines):  # of the floor, what the table does not hide
        share = (1.9 - 0.7) / 1.9
        crossing = look.center[:2] + share * (floor[:, :2] - look.center[:2])
        ends = np.concatenate([top, floor[(np.abs(crossing) > 0.6).any(-1)]])
        lines[i] = SightLines(look.center, ends, np.zeros(len(ends), bool))
    (seen,) = opened([table()], lines)
    is_open = seen.distances == OPEN
    assert not is_open[2:8, 2:8].any()
    outer = np.ones((10, 10), bool)
    outer[2:8, 2:8] = False
    assert is_open[outer].mean() > 0.9


def test_two_pictures_or_what_ends_on_the_plane_open_nothing() -> None:
    (few,) = opened([table()], looks(grid(0.0, -4, 4), 2))
    assert not (few.distances == OPEN).any()
    (on,) = opened([table()], looks(grid(0.68, -1, 1)))
    assert not (on.distances == OPEN).any()


def test_a_plane_that_is_looked_through_where_it_is_known_is_none() -> None:
    assert opened([table()], looks(grid(0.0, -4, 4))) == []


def test_through_a_shell_only_the_sky_is_seen() -> None:
    shell, below = replace(table(), is_shell=True), grid(0.0, -4, 4)
    (kept,) = opened([shell], looks(below))
    assert not (kept.distances == OPEN).any(), "false matches behind the floor"
    assert opened([shell], looks(below, is_sky=True)) == []


def test_walls_of_one_height_are_no_ceiling_while_the_sky_shows_over_them() -> None:
    distances = np.full((10, 10), 0.5, np.float32)
    distances[[0, -1]] = distances[:, [0, -1]] = 0
    tops = replace(table(), normal=-UP, offset=-2.5, distances=distances, is_shell=True, shows_by_edges=True)
    centers = [np.array([0.3 * i, 0.0, 1.6]) for i in range(5)]

    def sky(side: float) -> list[SightLines]:
        """Into the sky through a square of z = 2.5, whose sides are 2 `side` long."""
        ends = [center + 50 * (grid(2.5, -side, side) - center) for center in centers]
        return [SightLines(c, end, np.ones(len(end), bool)) for c, end in zip(centers, ends, strict=True)]

    assert opened([tops], sky(0.75)) == []
    (skylight,) = opened([tops], sky(0.3))
    assert (skylight.distances == OPEN).any(), "a ceiling may have a window"
    (matched,) = opened([replace(tops, shows_by_edges=False)], sky(0.75))
    assert (matched.distances == 0).any()
