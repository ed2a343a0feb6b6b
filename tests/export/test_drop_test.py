"""The judge of a drop test, on tracks made by hand."""

import numpy as np
import trimesh
from rooms import TABLE_TOP, TABLE_XY, room

from recon.export.drop_test import judge, plan_starts
from recon.export.surface import Surface
from recon.geometry.mesh import TriangleMesh

RADIUS = 0.05


def _plate() -> TriangleMesh:
    plate = trimesh.creation.box((2, 1, 0.1))
    return TriangleMesh(np.array(plate.vertices), plate.faces.astype(np.int32))


def test_starts_reach_the_table_and_the_floor_under_it() -> None:
    mesh = room(noise=0.0)
    surface = Surface(mesh)
    starts = plan_starts(mesh, surface, radius=RADIUS, n_spheres=400)
    near = starts[np.abs(starts[:, :2] - TABLE_XY).max(1) < 0.25]
    assert {0.1, round(TABLE_TOP + 0.1, 2)} <= set(np.round(near[:, 2], 2).tolist())
    assert surface.distance(starts).min() >= 1.2 * RADIUS - 1e-6


def test_judge_tells_rest_fall_void_and_rolling_apart() -> None:
    rest = 0.05 + RADIUS
    tracks = np.array(
        [
            [[0, 0, 0.2], [0.5, 0.1, 0.2], [-0.9, 0, 0.2], [0.2, 0.3, 0.2]],
            [[0, 0, rest + 0.004], [0.5, 0.1, -3.0], [-3.0, 0, -3.0], [0.3, 0.3, rest]],
        ]
    )
    tracks = np.insert(tracks, 1, tracks[0], axis=0)
    tracks[1, 2] = [-3.0, 0, 0.2]  # rolls off the side before it falls
    result = judge(Surface(_plate()), tracks, np.array([0, 9.0, 9.0, 1.0]), radius=RADIUS, slowest=0.05)
    assert (result.n_dropped, result.n_fell_through, result.n_left_scene, result.n_moving) == (4, 1, 1, 1)
    assert np.isclose(result.max_error, 0.004, atol=1e-5)


def test_phantom_floor_is_an_error_and_not_a_pass() -> None:
    tracks = np.array([[[0, 0, 0.4]], [[0, 0, 0.05 + RADIUS + 0.11]]])
    result = judge(Surface(_plate()), tracks, np.zeros(1), radius=RADIUS, slowest=0.05)
    assert np.isclose(result.max_error, 0.11, atol=1e-5)


def test_a_world_without_a_place_to_drop_on_has_no_errors_to_judge() -> None:
    result = judge(Surface(_plate()), np.zeros((5, 0)), np.zeros(0), radius=0.1, slowest=0.01)
    assert (result.n_dropped, result.n_fell_through, result.worst_at) == (0, 0, None)
    assert np.isnan(result.max_error)
