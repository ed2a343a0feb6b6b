"""Laws of the convex parts: they contain the surface, keep to the tolerance, and leave free space free."""

from dataclasses import replace

import numpy as np
import trimesh
from rooms import room
from scipy.spatial import ConvexHull

from recon.export.collision_mesh import clean_mesh, faired, simplified
from recon.export.convex_parts import decompose
from recon.export.hulls import Limits, hull_of, is_flat, room_behind
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.kernels.surfaces import AskedSurface


def _planes(parts: list[TriangleMesh]) -> list[np.ndarray]:
    return [ConvexHull(part.vertices).equations for part in parts]


def _depth_inside(points: np.ndarray, planes: list[np.ndarray]) -> np.ndarray:
    """How deep each point lies in the part that holds it deepest; negative outside of all."""
    return np.max([-(points @ p[:, :3].T + p[:, 3]).max(1) for p in planes], axis=0)


def test_flat_floor_of_many_triangles_is_one_part() -> None:
    floor = trimesh.creation.box((3, 2, 1)).subdivide_to_size(0.4)
    top = floor.faces[floor.face_normals[:, 2] > 0.9]
    mesh = TriangleMesh(np.array(floor.vertices), top.astype(np.int32))
    found = decompose(mesh, AskedSurface(mesh), tolerances=Tolerances.same(0.01), thickness=0.05, max_parts=50)
    parts = found.parts
    assert len(parts) == 1 and found.loosest == 1
    assert np.isclose(parts[0].vertices[:, 2].max(), 0.5) and np.isclose(parts[0].vertices[:, 2].min(), 0.45)


def test_parts_contain_the_surface_and_leave_free_space_free() -> None:
    mesh = room()
    static = simplified(clean_mesh(mesh, smallest=0.01), deviation=0.01, max_faces=20_000)
    found = decompose(static, AskedSurface(static), tolerances=Tolerances.same(0.01), thickness=0.05, max_parts=500)
    assert found.loosest == 1
    planes = _planes(found.parts)
    assert _depth_inside(static.vertices[static.faces].mean(1), planes).min() > -1e-6
    # free space: random points, in front of the nearest face and further from it than the tolerance
    points = np.random.default_rng(1).uniform((-1.4, -1, 0.02), (1.4, 1, 1.0), (20_000, 3))
    nearest = AskedSurface(static).nearest(points)
    in_front = ((points - nearest.positions) * nearest.normals).sum(1) > 0.9 * nearest.distance
    in_box = (np.abs(points - [-0.9, -0.5, 0.15]) < [0.27, 0.22, 0.17]).all(1)  # solid, though above the floor
    free = points[in_front & ~in_box & (nearest.distance > 0.02)]
    assert len(free) > 5000 and _depth_inside(free, planes).max() < 0.01


def test_a_hole_stays_open() -> None:
    x, y = np.meshgrid(np.arange(13) * 0.1, np.arange(10) * 0.1, indexing="ij")
    vertices = np.stack([x, y, 0 * x], -1).reshape(-1, 3)
    quads = [(i, j) for i in range(12) for j in range(9) if not (4 <= i < 8 and 3 <= j < 6)]
    corner = [(i * 10 + j, (i + 1) * 10 + j, (i + 1) * 10 + j + 1, i * 10 + j + 1) for i, j in quads]
    faces = np.array([t for a, b, c, d in corner for t in ((a, b, c), (a, c, d))], np.int32)
    mesh = TriangleMesh(vertices, faces)
    parts = decompose(mesh, AskedSurface(mesh), tolerances=Tolerances.same(0.01), thickness=0.05, max_parts=50).parts
    assert len(parts) <= 12
    assert _depth_inside(np.array([[0.6, 0.45, -0.02], [0.45, 0.35, -0.02]]), _planes(parts)).max() < 0


def test_budget_is_kept_by_a_stated_loss() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    inside_out = TriangleMesh(np.array(ball.vertices), ball.faces[:, ::-1].astype(np.int32))  # a cave: all concave
    found = decompose(
        inside_out, AskedSurface(inside_out), tolerances=Tolerances.same(0.002), thickness=0.05, max_parts=20
    )
    assert len(found.parts) <= 20 and found.loosest > 1


def test_limits_are_loosened_only_where_the_scene_is_rough() -> None:
    """Two sheets side by side, a smooth wave and one of bumps; the wave keeps the limits that the bumps cannot."""
    x, y = np.meshgrid(np.arange(41) * 0.05, np.arange(21) * 0.05, indexing="ij")
    bumps = np.random.default_rng(0).uniform(-0.05, 0.05, x.shape)
    corner = np.arange(x.size).reshape(x.shape)
    a, b, c, d = (corner[i : i - 1 or None, j : j - 1 or None].ravel() for i, j in ((0, 0), (1, 0), (1, 1), (0, 1)))
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).astype(np.int32)
    wave, rough = (np.stack([x + at, y, z], -1).reshape(-1, 3) for at, z in ((0, 0.1 * np.sin(2 * x)), (4, bumps)))
    mesh = joined([TriangleMesh(wave, faces), TriangleMesh(rough, faces)])
    tolerances = Tolerances.same(0.02)
    most = decompose(mesh, AskedSurface(mesh), tolerances=tolerances, thickness=0.06, max_parts=1000)
    found = decompose(mesh, AskedSurface(mesh), tolerances=tolerances, thickness=0.06, max_parts=len(most.parts) - 20)
    assert most.loosest == 1 and len(found.parts) == len(most.parts) - 20
    is_loose = found.looser > 1
    assert is_loose.any() and is_loose.mean() < 0.2
    assert all(part.vertices[:, 0].min() > 3 for part, loose in zip(found.parts, is_loose, strict=True) if loose)


def test_an_upright_sheet_with_something_close_behind_it_is_one_thin_part() -> None:
    """A level one is not: what falls fast would pass it."""
    flat = trimesh.creation.box((2, 1, 1)).subdivide_to_size(0.2)
    sheet = TriangleMesh(np.array(flat.vertices), flat.faces[flat.face_normals[:, 2] > 0.9].astype(np.int32))
    rods = [  # within the reach of a thick part, met by few rays
        TriangleMesh(np.array(rod.vertices) + np.array([0.35 * i - 0.7, 0, 0.455]), rod.faces)
        for i, rod in enumerate(trimesh.creation.box((0.01, 0.9, 0.01)) for _ in range(5))
    ]
    whole = joined([sheet, *rods])
    limits = {"tolerances": Tolerances.same(0.01), "thickness": 0.06, "max_parts": 50}
    upright = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    stands, all_of_it = (replace(mesh, vertices=mesh.vertices @ upright.T) for mesh in (sheet, whole))
    (part,) = decompose(stands, AskedSurface(all_of_it), **limits).parts
    assert np.ptp(part.vertices[:, 0]) < 0.01
    (part,) = decompose(stands, AskedSurface(stands), **limits).parts
    assert np.ptp(part.vertices[:, 0]) > 0.05
    assert len(decompose(sheet, AskedSurface(whole), **limits).parts) > 1


def test_what_is_thinner_than_single_precision_tells_is_flat() -> None:
    corners = np.array([[0, 0, 0], [0.05, 0, 0], [0, 0.03, 0], [0.01, 0.01, 1.0]])
    thin, board = (hull_of(corners * np.array([1, 1, height]) + [[0.7, 0.3, 0.5]]) for height in (1e-7, 1e-3))
    assert thin is not None and is_flat(thin)
    assert board is not None and not is_flat(board)


def test_a_smoothed_surface_has_the_room_behind_it_that_the_rough_one_has() -> None:
    floor = trimesh.creation.box((2, 2, 1)).subdivide_to_size(0.1)
    top = floor.faces[floor.face_normals[:, 2] > 0.9].astype(np.int32)
    bumps = np.random.default_rng(0).uniform(-0.01, 0.01, (len(floor.vertices), 1)) * [0, 0, 1]
    rough = TriangleMesh(np.array(floor.vertices) + bumps, top)
    board = TriangleMesh(np.array(floor.vertices) - [0, 0, 0.04], top[:, ::-1])  # the far side of a board of 4 cm
    smooth = faired(rough, bound=0.01)
    limits = Limits(Tolerances.same(0.02), 0.06)
    assert room_behind(smooth, AskedSurface(rough), limits).min() == 0.06
    of_board = room_behind(smooth, AskedSurface(joined([rough, board])), limits)
    assert of_board.min() > 0.03 and of_board.max() < 0.05
