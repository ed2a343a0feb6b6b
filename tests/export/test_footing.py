"""Hulls of level ground are as deep as a floor's boxes, and deeper the longer they are; what stands over something is not."""

from pathlib import Path

import numpy as np
import pytest

from recon.export.footing import footed
from recon.export.hulls import hull_of
from recon.export.place import Box, Part
from recon.export.planes import Plane
from recon.export.trials.engine_run import run_program
from recon.geometry.mesh import TriangleMesh, joined
from recon.geometry.surface import Surface

THICKNESS, TOLERANCE = 0.06, 0.02


def _plate(*, size: float, z: float, corners: int = 20) -> TriangleMesh:
    """A level plate with many corners whose top, a little hollow as bent ground is, lies at most at z."""
    turn = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    rim = np.stack([size * np.cos(turn), 0.7 * size * np.sin(turn), z + 0.01 * np.cos(2 * turn) - 0.01], -1)
    hull = hull_of(np.concatenate([rim, rim - [0, 0, THICKNESS]]))
    assert hull is not None
    return hull


def _sheet(*, size: float, z: float) -> TriangleMesh:
    corners = size * np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) + [0, 0, z]
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def _footed(
    hull: TriangleMesh, seen: TriangleMesh, floors: list[TriangleMesh], *, lowest: Plane | None = None
) -> TriangleMesh:
    parts, surface = [Part("ground", hull)], Surface(seen)
    (part,) = footed(parts, surface, floors, tolerance=TOLERANCE, thickness=THICKNESS, lowest=lowest)
    return part.mesh


def _tops(hull: TriangleMesh) -> np.ndarray:
    over = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 2))
    starts = np.concatenate([over, np.full((200, 1), 5.0)], 1)
    return Surface(hull).cast(starts, np.broadcast_to([0.0, 0.0, -1.0], starts.shape)).distance


def test_ground_with_nothing_beneath_is_as_deep_as_a_floor_and_its_top_stays() -> None:
    hull = _plate(size=1.0, z=0.0)
    deep = _footed(hull, _sheet(size=3, z=0.0), [])
    assert np.allclose(_tops(deep), _tops(hull), atol=1e-9)
    assert np.isclose(deep.vertices[:, 2].min(), hull.vertices[:, 2].min() + THICKNESS - 0.5)  # a quarter of its length
    small = _plate(size=0.5, z=0.0)
    deep_small = _footed(small, _sheet(size=3, z=0.0), [])
    assert np.isclose(deep_small.vertices[:, 2].min(), small.vertices[:, 2].min() - 4 * THICKNESS)
    assert np.allclose(np.ptp(deep.vertices[:, :2], axis=0), np.ptp(hull.vertices[:, :2], axis=0))


def test_ground_that_is_sunk_in_a_floors_box_is_ground() -> None:
    hull = _plate(size=1.0, z=0.01)
    box = Box(np.array([0.0, 0, -0.15]), np.eye(3), np.array([3.0, 3, 0.15])).mesh()
    assert np.ptp(_footed(hull, _sheet(size=3, z=0.0), [box]).vertices[:, 2]) > 4 * THICKNESS


def test_what_stands_over_a_floor_seen_or_filled_or_is_no_level_hull_stays() -> None:
    top, floor = _plate(size=1.0, z=0.75), Box(np.array([0.0, 0, -0.15]), np.eye(3), np.array([3.0, 3, 0.15]))
    over = _sheet(size=1, z=0.75)
    assert _footed(top, joined([over, _sheet(size=3, z=0.0)]), []) is top
    assert _footed(top, over, [floor.mesh()]) is top
    upright = TriangleMesh(_plate(size=1.0, z=0.0).vertices[:, [2, 0, 1]], _plate(size=1.0, z=0.0).faces)
    assert _footed(upright, over, []) is upright
    part = Part("floor", floor.mesh(), floor)
    assert footed([part], Surface(over), [], tolerance=TOLERANCE, thickness=THICKNESS) == [part]


def test_what_lies_beneath_the_lowest_floor_is_none_of_its_business() -> None:
    hull, phantom = _plate(size=1.0, z=0.0), _sheet(size=9, z=-7.0)
    seen = joined([_sheet(size=3, z=0.0), phantom])
    assert _footed(hull, seen, []) is hull
    deep = _footed(hull, seen, [], lowest=Plane(np.array([0.0, 0, 1]), 0.0))
    assert np.ptp(deep.vertices[:, 2]) > 4 * THICKNESS
    table = _plate(size=1.0, z=0.75)
    assert _footed(table, joined([_sheet(size=1, z=0.75), seen]), [], lowest=Plane(np.array([0.0, 0, 1]), 0.0)) is table


def _fast_in_drake(hulls: list[TriangleMesh], starts: np.ndarray, folder: Path) -> np.ndarray:
    """The tracks [time, n, 3] of spheres of 5 cm that are shot down at hulls with 20 m/s."""
    shapes = ""
    for number, hull in enumerate(hulls):
        lines = ["o ground", *(f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in hull.vertices)]
        lines += [f"f {a} {b} {c}" for a, b, c in hull.faces + 1]
        (folder / f"{number}.obj").write_text("\n".join(lines) + "\n")
        geometry = f"<geometry><mesh><uri>{number}.obj</uri><drake:declare_convex/></mesh></geometry>"
        shapes += f'<collision name="c{number}">{geometry}</collision>'
    model = f'<model name="m"><static>true</static><link name="l">{shapes}</link></model>'
    (folder / "model.sdf").write_text(f'<sdf version="1.9" xmlns:drake="http://drake.mit.edu">{model}</sdf>')
    n = len(starts)
    job = {"file": str(folder / "model.sdf"), "starts": starts.tolist(), "radii": [0.05] * n, "gravity": 9.81}
    times = {"timestep": 0.001, "steps": 500, "record_every": 10, "damping_s": 0.5, "friction": 1.0}
    answer = run_program("drake_drop.py", job | times | {"velocities": [[0, 0, -20.0]] * n})
    assert not isinstance(answer, str), answer
    return np.asarray(answer[1]["tracks"])


def test_fast_spheres_do_not_pass_wide_ground_in_drake(tmp_path: Path) -> None:
    pytest.importorskip("pydrake", reason="drake is not installed: nothing is dropped in it")
    ground = _footed(_plate(size=5.0, z=0.0), _sheet(size=9, z=0.0), [])
    random = np.random.default_rng(0)
    turn, out = random.uniform(0, 2 * np.pi, 60), np.sqrt(random.uniform(0, 0.7, 60))
    starts = np.stack([5 * out * np.cos(turn), 3.5 * out * np.sin(turn), np.full(60, 0.1)], -1)
    tracks = _fast_in_drake([ground], starts, tmp_path)
    assert tracks[-1, :, 2].min() > 0
    assert np.linalg.norm((tracks[-1] - tracks[0])[:, :2], axis=1).max() < 0.2


def test_fast_spheres_do_not_pass_where_two_long_hulls_share_an_edge_in_drake(tmp_path: Path) -> None:
    pytest.importorskip("pydrake", reason="drake is not installed: nothing is dropped in it")
    slope = np.array([0.05, 0.05])
    hulls = []
    for x in (-12.0, 0.0):
        corners = np.array([[x, -3.5], [x + 12, -3.5], [x + 12, 3.5], [x, 3.5]])
        top = np.concatenate([corners, (corners @ slope)[:, None]], 1)
        hull = hull_of(np.concatenate([top, top - [0, 0, THICKNESS]]))
        assert hull is not None
        hulls.append(_footed(hull, TriangleMesh(top, np.array([[0, 1, 2], [0, 2, 3]], np.int32)), []))
    flat = np.stack([np.tile([0.03, 0.04, 0.05, 0.06], 15), np.linspace(-3, 3, 60)], -1)
    tracks = _fast_in_drake(hulls, np.concatenate([flat, (flat @ slope)[:, None] + 0.1], 1), tmp_path)
    assert (tracks[-1, :, 2] - tracks[-1, :, :2] @ slope).min() > 0
