"""The judge of a drop test, on tracks made by hand."""

import numpy as np
import trimesh
from rooms import TABLE_TOP, TABLE_XY, room

from recon.export.trials.drop_test import DropResult, judge
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

RADIUS, FREE_FALL = 0.05, 9.81 * 0.02**2


def _plate() -> TriangleMesh:
    plate = trimesh.creation.box((2, 1, 0.1))
    return TriangleMesh(np.array(plate.vertices), plate.faces.astype(np.int32))


def judged(tracks: np.ndarray, speeds: np.ndarray) -> DropResult:
    radii = np.full(tracks.shape[1], RADIUS)
    return judge(Surface(_plate()), tracks, speeds, radii=radii, slowest=0.05, tolerance=0.02, free_fall=FREE_FALL)


REST = 0.05 + RADIUS


def test_judge_tells_rest_and_every_failure_apart() -> None:
    tracks = np.array(
        [
            [[0, 0, 0.2], [0.5, 0.1, 0.2], [-0.9, 0, 0.2], [0.2, 0.3, 0.2], [0.4, 0.3, 0.2], [0.6, 0.3, 0.2]],
            [[0, 0, 0.2], [0.5, 0.1, 0.2], [-3.0, 0, 0.2], [0.2, 0.3, 0.2], [0.4, 0.3, 0.9], [0.6, 0.3, 0.2]],
            [
                [0, 0, REST + 0.004],
                [0.5, 0.1, -3.0],
                [-3.0, 0, -3.0],
                [0.3, 0.3, 0.18],
                [0.4, 0.3, REST],
                [0.7, 0.3, REST],
            ],
        ]
    )
    result = judged(tracks, np.array([0, 9.0, 9.0, 1.0, 0.0, 0.3]))
    assert (result.dropped, result.through, result.lost, result.falling, result.flung) == (6, 1, 1, 1, 1)
    assert np.isclose(result.max, 0.004, atol=1e-5)  # of the one at rest, and of one that rolls on, touching
    assert [0.5, 0.1, 0.2] in result.failed_at and [0.6, 0.3, 0.2] not in result.failed_at


def test_a_sphere_that_falls_through_a_table_and_rests_on_the_floor_went_through() -> None:
    mesh = room(noise=0.0)
    tracks = np.array([[[*TABLE_XY, TABLE_TOP + 0.1]], [[*TABLE_XY, 0.3]], [[*TABLE_XY, RADIUS]]])
    result = judge(
        Surface(mesh), tracks, np.zeros(1), radii=np.array([RADIUS]), slowest=0.05, tolerance=0.02, free_fall=FREE_FALL
    )
    assert result.through == 1 and np.isnan(result.median)


def test_rolling_on_something_proud_is_an_error_and_not_a_fall() -> None:
    off = REST + 0.03
    times = np.arange(5)[:, None]
    rolls = np.stack([0.01 * times, 0 * times, off + 0.03 - 0.004 * times], -1)
    drops = np.stack([0 * times, 0.3 + 0 * times, 1.0 - FREE_FALL * times**2 / 2], -1)
    tracks = np.concatenate([rolls, drops], 1)
    result = judged(np.concatenate([tracks, tracks[-1:]]), np.array([0.5, 0.8]))
    assert result.falling == 1 and result.failed_at == [[0, 0.3, 1.0]]
    assert np.isclose(result.max, 0.06 - 0.016, atol=1e-5)


def test_sinking_in_and_coming_back_is_not_falling_through() -> None:
    tracks = np.array([[[0, 0, 0.2]], [[0, 0, 0.03]], [[0, 0, REST - 0.01]]])
    result = judged(tracks, np.zeros(1))
    assert result.through == 0 and np.isclose(result.max, 0.01, atol=1e-5)


def test_phantom_floor_is_an_error_and_not_a_pass() -> None:
    assert np.isclose(judged(np.array([[[0, 0, 0.4]], [[0, 0, REST + 0.11]]]), np.zeros(1)).max, 0.11, atol=1e-5)


def test_a_world_without_a_place_to_drop_on_has_no_errors_to_judge() -> None:
    result = judged(np.zeros((5, 0)), np.zeros(0))
    assert (result.dropped, result.through, result.worst_at) == (0, 0, None) and np.isnan(result.max)
