"""The ground is sure under the cameras, as far about their feet as they stand above it, and nowhere else."""

from dataclasses import replace

import numpy as np

from recon.kernels.planes import ScenePlane
from recon.matching.ground import REACH, SURE, with_ground_below

UP = np.array([0.0, 0.0, 1.0])


def ground() -> ScenePlane:
    """The plane z = 0, its matter known in one corner of 4 x 4 m."""
    distances = np.full((20, 20), 0.5, np.float32)
    distances[0, 0] = 0
    across, along = np.array([1.0, 0, 0]), np.array([0.0, 1, 0])
    return ScenePlane(UP, 0.0, across, along, np.array([-2.0, -2.0]), 0.2, True, distances, 0.03, 1.0)


def is_at(level: float, plane: ScenePlane, x: float, y: float) -> bool:
    column, row = np.floor((np.array([x, y]) - plane.low) / plane.cell).astype(int)
    rows, columns = plane.distances.shape
    return 0 <= row < rows and 0 <= column < columns and plane.distances[row, column] == level


def test_ground_is_sure_round_the_feet_of_the_cameras() -> None:
    (below,) = with_ground_below([ground()], np.array([[0.0, 0.0, 0.5], [9.0, 0.0, 0.5]]))
    for x in (0.0, 9.0):
        assert is_at(SURE, below, x, 0.0) and is_at(SURE, below, x + 0.4 * REACH, 0.0)
        assert not is_at(SURE, below, x + 0.5 * REACH + 0.3, 0.0)
    assert is_at(0, below, -1.9, -1.9), "what was known stays known"
    assert not is_at(SURE, below, 4.5, 0.0)


def test_walls_and_tables_are_left_as_they_are() -> None:
    wall = replace(ground(), normal=np.array([1.0, 0, 0]), across=np.array([0.0, 1, 0]), along=UP)
    table = replace(ground(), is_shell=False)
    for plane in (wall, table):
        assert with_ground_below([plane], np.array([[1.0, 0.0, 0.5]])) == [plane]
