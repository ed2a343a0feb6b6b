"""Laws of mesh repair on small meshes."""

import numpy as np
import trimesh

from recon.geometry import Camera, Evidence, TriangleMesh, look_at
from recon.mesh.cleaning import (
    boundary_loops,
    drop_bad_faces,
    drop_crumbs,
    fill_holes,
    is_witnessed,
    undo_contradicted,
    watertight_fraction,
)
from recon.mesh.depth_maps import DepthMap
from recon.mesh.simplification import simplify
from recon.mesh.viewpoints import Viewpoint


def ball(subdivisions: int = 3, radius: float = 1.0, center=(0.0, 0.0, 0.0)) -> TriangleMesh:
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return TriangleMesh(np.array(made.vertices) + np.array(center), np.array(made.faces, np.int32))


def together(a: TriangleMesh, b: TriangleMesh) -> TriangleMesh:
    faces = np.concatenate([a.faces, b.faces + len(a.vertices)]).astype(np.int32)
    return TriangleMesh(np.concatenate([a.vertices, b.vertices]), faces)


def test_small_components_are_dropped_and_large_ones_stay():
    both = together(ball(), ball(radius=0.05, center=(3, 0, 0)))
    assert len(drop_crumbs(both, min_area_fraction=0.01).faces) == len(ball().faces)
    assert len(drop_crumbs(both, min_area_fraction=1e-4).faces) == len(both.faces)


def test_a_piece_by_itself_that_planes_alone_know_has_no_witness():
    """A phantom below a road, a road that was matched in places, and a plate that the field shows."""
    mesh = together(together(ball(), ball(center=(3, 0, 0))), ball(center=(6, 0, 0)))
    n = len(ball().faces)
    evidence = np.full(3 * n, Evidence.PLANE, np.uint8)
    evidence[: n // 4] = Evidence.FILLED
    evidence[n : n + n // 20] = Evidence.MATCHED
    evidence[2 * n :] = Evidence.SEEN
    assert is_witnessed(mesh, evidence).tolist() == [False] * n + [True] * (2 * n)
    evidence[0] = Evidence.MATCHED  # one face of so many is chance
    assert not is_witnessed(mesh, evidence)[:n].any()


def test_corners_that_were_moved_to_where_a_view_looks_through_go_back():
    camera = Camera("PINHOLE", (100, 100), 100.0, 100.0, 50.0, 50.0)
    pose = look_at(np.array([0, 0, 4.0]), np.zeros(3), np.array([0, 1.0, 0]))
    is_free = np.ones((100, 100), bool)
    is_free[25:75, 25:75] = False  # a plate of 2 m x 2 m, and nothing beside it
    view = DepthMap.of_field(Viewpoint(camera, pose), np.where(is_free, 0, 4.0), is_free)
    steps = np.linspace(-1, 1, 9)
    vertices = np.stack([*np.meshgrid(steps, steps), np.zeros((9, 9))], -1).reshape(-1, 3)
    a = (np.arange(8)[:, None] * 9 + np.arange(8)).reshape(-1)
    faces = np.concatenate([np.stack([a, a + 1, a + 10], -1), np.stack([a, a + 10, a + 9], -1)])
    plate = TriangleMesh(0.9 * vertices, faces.astype(np.int32))
    moved = plate.vertices.copy()
    moved[80, :2] += 1.5  # a corner, out of its silhouette
    moved[40, :2] += 0.05  # the middle, along the plate
    mended = undo_contradicted(TriangleMesh(moved, plate.faces), plate, [view], tolerance=0.03, voxel=0.02)
    assert np.array_equal(mended.vertices[80], plate.vertices[80])
    assert np.array_equal(mended.vertices[40], moved[40])


def test_bad_faces_go_and_good_ones_stay():
    good = ball(2)
    a, b, c = good.faces[0]
    extra = np.array([[a, a, b], [c, a, b], [a, b, 50]], np.int32)  # degenerate, repeated, a third face on an edge
    fixed = drop_bad_faces(TriangleMesh(good.vertices, np.concatenate([good.faces, extra])))
    assert len(drop_bad_faces(good).faces) == len(good.faces)
    counts = np.unique(np.sort(trimesh.Trimesh(fixed.vertices, fixed.faces, process=False).edges), axis=0,
                       return_counts=True)[1]  # fmt: skip
    assert counts.max() == 2


def test_small_holes_are_closed_with_the_right_winding_and_large_ones_stay():
    whole = ball(3)
    keep = np.ones(len(whole.faces), bool)
    keep[[5, 200]] = False
    pierced = TriangleMesh(whole.vertices, whole.faces[keep])
    assert sorted(len(loop) for loop in boundary_loops(pierced)) == [3, 3]
    assert watertight_fraction(pierced) < 1
    mended, closed = fill_holes(pierced, [], max_perimeter=2.0, tolerance=0.03, voxel=0.01)
    assert closed == 2
    assert watertight_fraction(mended) == 1
    assert trimesh.Trimesh(mended.vertices, mended.faces, process=False).is_winding_consistent
    assert fill_holes(pierced, [], max_perimeter=0.01, tolerance=0.03, voxel=0.01)[1] == 0


def test_holes_that_touch_in_a_vertex_are_closed_each():
    whole = ball(3)
    vertex = 50
    around = np.flatnonzero((whole.faces == vertex).any(1))
    ring = {int(f): set(whole.faces[f].tolist()) for f in around}
    first = int(around[0])
    across = next(f for f in ring if len(ring[f] & ring[first]) == 1)  # touches the first in the vertex only
    pierced = TriangleMesh(whole.vertices, np.delete(whole.faces, [first, across], axis=0))
    assert sorted(len(loop) for loop in boundary_loops(pierced)) == [3, 3]
    mended, closed = fill_holes(pierced, [], max_perimeter=2.0, tolerance=0.03, voxel=0.01)
    assert closed == 2 and watertight_fraction(mended) == 1
    assert trimesh.Trimesh(mended.vertices, mended.faces, process=False).is_winding_consistent


def test_loops_are_simple_and_hold_every_border_edge_of_a_torn_surface():
    whole = ball(4)
    torn = TriangleMesh(whole.vertices, whole.faces[np.random.default_rng(0).random(len(whole.faces)) > 0.3])
    loops = boundary_loops(torn)
    assert all(len(set(loop.tolist())) == len(loop) for loop in loops)
    edges = np.sort(torn.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    counts = np.unique(edges, axis=0, return_counts=True)[1]
    assert sum(map(len, loops)) == (counts == 1).sum()


def test_simplification_meets_the_budget_and_keeps_the_shape_far_from_the_origin():
    moved = ball(5, center=(500.0, -300.0, 20.0))
    small = simplify(moved, max_faces=1500)
    assert 1200 < len(small.faces) <= 1600
    radius = np.linalg.norm(small.vertices - [500.0, -300.0, 20.0], axis=1)
    assert np.abs(radius - 1).max() < 0.01
    assert watertight_fraction(small) > 0.999
    assert len(simplify(moved, max_faces=10**6).faces) == len(moved.faces)
