"""Analytic worlds fused from their depth and compared with the truth; floaters, noise, stripes, memory."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from recon.geometry import Camera, Points, TriangleMesh, look_at
from recon.mesh.agreement import keep_agreed
from recon.mesh.baselines import fuse_plainly, poisson_of_points
from recon.mesh.cleaning import drop_contradicted, watertight_fraction
from recon.mesh.depth_maps import at_jump, far_end, render_depth_maps
from recon.mesh.extraction import extract
from recon.mesh.fusion import choose_voxel_size, fuse, surface_blocks
from recon.mesh.viewpoints import Viewpoint
from recon.workspace.errors import UserError

CAMERA = Camera("PINHOLE", (120, 160), 95.0, 96.0, 80.5, 59.0)


def depth_maps(world, poses, reconstruction):
    viewpoints = [Viewpoint(CAMERA, pose) for pose in poses]
    return render_depth_maps(
        viewpoints,
        world.render,
        reconstruction=reconstruction,
        max_depth=None,
        min_opacity=0.5,
        max_jump=0.08,
        min_cosine=0.1,
    )


def agreed(maps):
    return keep_agreed(maps, n_judged=len(maps), n_neighbours=8, min_agreeing=2, tolerance=0.03)


def room_distance(positions, worlds):
    """Distance to the walls of the room, from either side, near them."""
    return np.abs(np.concatenate([positions - worlds.ROOM_LOW, worlds.ROOM_HIGH - positions], -1)).min(-1)


def test_sphere_is_closed_outward_and_within_a_fraction_of_a_voxel(worlds, capture):
    world, poses = worlds.World(worlds.cast_sphere), worlds.sphere_poses(24)
    maps, far = depth_maps(world, poses, capture(world, poses))
    voxel, _ = choose_voxel_size(agreed(maps), footprints=1.5, truncation_voxels=4, memory_mb=100)
    mesh = extract(fuse(agreed(maps), voxel=voxel, truncation_voxels=4, far=far), min_weight=1)
    radius = np.linalg.norm(mesh.vertices, axis=1)
    assert np.abs(radius - 1).mean() < 0.3 * voxel
    assert np.abs(radius - 1).max() < 2 * voxel
    assert watertight_fraction(mesh) > 0.99
    assert ((mesh.face_normals * mesh.vertices[mesh.faces[:, 0]]).sum(1) > 0).mean() > 0.999
    directions = np.random.default_rng(0).normal(size=(500, 3))  # completeness: every direction has a vertex near
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    nearest = np.linalg.norm(directions[:, None] - mesh.vertices[None, ::3], axis=-1).min(1)
    assert nearest.max() < 4 * voxel


def test_room_with_noise_is_flat_to_below_a_voxel(worlds, capture):
    world = worlds.World(worlds.cast_room, depth_noise=0.01)
    poses = worlds.room_poses(24)
    maps, far = depth_maps(world, poses, capture(world, poses))
    mesh = extract(fuse(agreed(maps), voxel=0.03, truncation_voxels=4, far=far), min_weight=2)
    assert np.sqrt((room_distance(mesh.vertices, worlds) ** 2).mean()) < 0.03
    area = mesh.face_areas.sum()
    expected = 2 * (4 * 3 + 4 * 2.4 + 3 * 2.4)
    assert 0.8 * expected < area < 1.25 * expected  # the corners above the walk are seen by nobody


def test_a_floater_of_one_view_is_rejected_by_agreement_and_carved_by_the_other_views(worlds, capture):
    world = worlds.World(worlds.cast_room, floater=(5, 0.5))
    poses = worlds.room_poses(24)
    maps, far = depth_maps(world, poses, capture(world, poses))
    patch = maps[5].depth[45:55, 60:75]
    assert np.allclose(patch, 0.5)  # there before
    assert (agreed(maps)[5].depth[45:55, 60:75] == 0).all()

    mesh = extract(
        fuse(maps, voxel=0.03, truncation_voxels=4, far=far), min_weight=1
    )  # unfiltered: carved by the others
    assert room_distance(mesh.vertices, worlds).max() < 0.1


def test_faces_in_free_space_are_dropped_and_walls_stay(worlds, capture):
    world, poses = worlds.World(worlds.cast_room), worlds.room_poses(12)
    maps, far = depth_maps(world, poses, capture(world, poses))
    room = extract(fuse(maps, voxel=0.04, truncation_voxels=4, far=far), min_weight=1)
    ball = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    faces = np.concatenate([room.faces, ball.faces + len(room.vertices)]).astype(np.int32)
    both = TriangleMesh(np.concatenate([room.vertices, ball.vertices + np.array([0.2, 0.1, 1.1])]), faces)
    cleaned = drop_contradicted(both, maps, tolerance=0.03, voxel=0.04)
    assert room_distance(cleaned.vertices, worlds).max() < 0.1
    assert cleaned.face_areas.sum() > 0.99 * room.face_areas.sum()


def test_an_oblique_floor_has_no_stripes(worlds, capture):
    def cast_floor(origins, directions):
        t = np.where(directions[:, 2] < -1e-6, -origins[:, 2] / np.minimum(directions[:, 2], -1e-6), np.inf)
        return t, np.broadcast_to([0.0, 0.0, 1.0], directions.shape)

    world = worlds.World(cast_floor)
    poses = [look_at(np.array([x, 0.1 * x, 0.5]), np.array([x, 4.0, 0.0]), worlds.UP) for x in (-0.4, -0.1, 0.2, 0.5)]
    viewpoints = [Viewpoint(CAMERA, pose) for pose in poses]
    maps, far = render_depth_maps(
        viewpoints, world.render, reconstruction=capture(world, poses), max_depth=5, min_opacity=0.5, max_jump=0.1,
        min_cosine=0.02,
    )  # fmt: skip
    mesh = extract(fuse(maps, voxel=0.02, truncation_voxels=4, far=far), min_weight=1)
    # On a grid where all four look, the floor is there: depth steps of 0.2 from row to row, truncation 0.08.
    x, y = np.meshgrid(np.arange(-0.4, 0.4, 0.05), np.arange(2.5, 4.5, 0.05))
    middle = mesh.vertices[mesh.faces].mean(1)
    gaps = [np.abs(middle[:, :2] - place).max(1).min() for place in np.stack([x, y], -1).reshape(-1, 2)[::5]]
    assert max(gaps) < 0.05
    assert np.abs(mesh.vertices[:, 2]).max() < 0.02


def test_the_same_input_gives_the_same_mesh(worlds, capture):
    world, poses = worlds.World(worlds.cast_sphere), worlds.sphere_poses(9)
    maps, far = depth_maps(world, poses, capture(world, poses))
    a, b = (extract(fuse(maps, voxel=0.06, truncation_voxels=4, far=far), min_weight=1) for _ in range(2))
    np.testing.assert_array_equal(a.vertices, b.vertices)
    np.testing.assert_array_equal(a.faces, b.faces)


def test_a_surface_taken_out_in_slabs_is_the_whole_one(worlds, capture, monkeypatch):
    world, poses = worlds.World(worlds.cast_sphere), worlds.sphere_poses(12)
    maps, far = depth_maps(world, poses, capture(world, poses))
    volume = fuse(agreed(maps), voxel=0.05, truncation_voxels=4, far=far)
    whole = extract(volume, min_weight=1)
    monkeypatch.setattr("recon.mesh.extraction.SLAB_BLOCKS", len(volume.blocks) // 3)
    cut = extract(volume, min_weight=1)
    assert len(volume.blocks) > 30
    assert np.array_equal(whole.vertices, cut.vertices) and np.array_equal(whole.faces, cut.faces)


def test_voxels_grow_until_they_fit_the_memory(worlds, capture):
    world, poses = worlds.World(worlds.cast_sphere), worlds.sphere_poses(7)
    maps, _ = depth_maps(world, poses, capture(world, poses))
    fine, _ = choose_voxel_size(maps, footprints=1, truncation_voxels=4, memory_mb=1000)
    coarse, blocks = choose_voxel_size(maps, footprints=1, truncation_voxels=4, memory_mb=2)
    assert coarse > 1.15 * fine
    assert len(blocks) * 8**3 * 8 <= 2 * 2**20
    np.testing.assert_array_equal(blocks, surface_blocks(maps, coarse, 4))
    assert fine == pytest.approx(2.2 / 95, rel=0.2)


def test_edges_of_depth_are_marked_and_slopes_are_not():
    slope = np.tile(np.linspace(1, 2, 50, dtype=np.float32), (30, 1))
    assert not at_jump(slope, 0.05).any()
    step = slope.copy()
    step[:, 25:] += 1
    marked = at_jump(step, 0.05)
    assert marked[:, 24:26].all()
    assert not marked[:, :22].any()
    assert not marked[:, 28:].any()


def test_far_end_ignores_outliers(worlds, capture):
    world, poses = worlds.World(worlds.cast_room), worlds.room_poses(5)
    reconstruction = capture(world, poses)
    near = far_end(reconstruction, [])
    reconstruction.points.positions[:8] *= 1000
    assert far_end(reconstruction, []) == pytest.approx(near, rel=0.2)
    assert 2 < near < 7


def test_nothing_confirmed_is_the_users_to_mend(worlds, capture):
    world, poses = worlds.World(worlds.cast_sphere), worlds.sphere_poses(3)
    maps, far = depth_maps(world, poses, capture(world, poses))
    with pytest.raises(UserError, match=r"train longer"):
        extract(fuse(maps, voxel=0.05, truncation_voxels=4, far=far), min_weight=50)


def test_the_plainest_surfaces_of_a_clean_world_lie_on_it(capture, worlds):
    world = worlds.World(worlds.cast_sphere)
    posed = capture(world, worlds.sphere_poses(12), size_hw=(45, 60))
    fused = fuse_plainly(posed, world.render, n_views=12, max_side=60)
    assert (np.abs(np.linalg.norm(fused.vertices, axis=1) - 1) < 0.1).mean() > 0.9  # silhouettes are not judged
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    points = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    dense = replace(posed, points=Points(points, np.zeros(points.shape, np.uint8)))
    surface = poisson_of_points(dense, depth=6)
    assert np.abs(np.linalg.norm(surface.vertices, axis=1) - 1).mean() < 0.02 and len(surface.faces) > 500
    with pytest.raises(UserError, match="sparse points"):
        poisson_of_points(posed)
