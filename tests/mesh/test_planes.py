"""Planes found in noisy surfaces, laid flat with sharp edges, and closed where nobody looked."""

from dataclasses import replace

import numpy as np
import pytest

from recon.geometry import Camera, Evidence, TriangleMesh, look_at
from recon.kernels.tsdf import TsdfVolume
from recon.mesh.depth_maps import DepthMap
from recon.mesh.evidence import judge_faces
from recon.mesh.extraction import extract
from recon.mesh.plane_filling import Filling, fill, find_fillings
from recon.mesh.plane_finding import find_planes
from recon.mesh.planes import PlanePatch, flatten
from recon.mesh.verdict import _level
from recon.mesh.viewpoints import Viewpoint

VOXEL = 0.02


def grid(corner, u, v, n: int) -> TriangleMesh:
    """A square of n x n cells, its normal along u x v."""
    i, j = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    at = np.stack([i, j], -1).reshape(-1, 2) / n
    vertices = np.asarray(corner) + at[:, :1] * np.asarray(u, float) + at[:, 1:] * np.asarray(v, float)
    a = (np.arange(n)[:, None] * (n + 1) + np.arange(n)).reshape(-1)
    faces = np.concatenate([np.stack([a, a + n + 1, a + n + 2], -1), np.stack([a, a + n + 2, a + 1], -1)])
    return TriangleMesh(vertices, faces.astype(np.int32))


def corner_of_a_room(noise: float) -> TriangleMesh:
    """One sheet, bent along the y axis: a floor z = 0 and a wall x = 0, each 2 m x 4 m, with noise."""
    sheet = grid((-2, 0, 0), (4, 0, 0), (0, 4, 0), 120)
    s = sheet.vertices[:, 0]
    bent = np.stack([np.maximum(s, 0), sheet.vertices[:, 1], np.maximum(-s, 0)], -1)
    return TriangleMesh(bent + np.random.default_rng(0).normal(scale=noise, size=bent.shape), sheet.faces)


def test_floor_and_wall_are_found_laid_flat_and_meet_in_a_sharp_edge() -> None:
    mesh = corner_of_a_room(noise=0.006)
    planes = find_planes(mesh, tolerance=2 * VOXEL, cell=2 * VOXEL, min_area=0.25)
    assert len(planes) == 2
    normals = np.stack([plane.normal for plane in planes])
    assert sorted(np.abs(normals).argmax(1).tolist()) == [0, 2] and normals.max(1) == pytest.approx([1, 1], abs=1e-3)
    assert [plane.is_covered.sum() * plane.cell**2 for plane in planes] == pytest.approx([8, 8], rel=0.1)
    assert all(abs(plane.offset) < 0.003 and plane.noise < 0.01 for plane in planes)
    flat = flatten(mesh, planes, reach=2 * VOXEL).vertices
    assert (np.abs(flat[:, [0, 2]]).min(1) < 0.002).mean() > 0.97  # on one of the two
    edge = corner_of_a_room(noise=0).vertices[:, [0, 2]].max(1) == 0
    assert edge.sum() == 121 and (np.abs(flat[edge][:, [0, 2]]).max(1) < 0.003).mean() > 0.9  # on both


def test_what_stands_out_of_a_quiet_plane_is_not_pressed_into_it() -> None:
    """A stud 3 cm high on a table whose own noise is 1 mm, where 4 cm would be allowed."""
    table = grid((0, 0, 0), (2, 0, 0), (0, 2, 0), 100)
    is_stud = (np.abs(table.vertices[:, :2] - 1) < 0.1).all(1)
    heights = np.random.default_rng(0).normal(scale=0.001, size=len(is_stud)) + 0.03 * is_stud
    mesh = TriangleMesh(table.vertices + heights[:, None] * np.array([0, 0, 1.0]), table.faces)
    planes = find_planes(mesh, tolerance=2 * VOXEL, cell=2 * VOXEL, min_area=0.25)
    flat = flatten(mesh, planes, reach=2 * VOXEL).vertices[:, 2]
    assert np.abs(flat[~is_stud]).max() < 0.002
    assert flat[is_stud].mean() > 0.02


def test_a_ball_has_no_planes_and_stays_as_it_is() -> None:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    mesh = TriangleMesh(np.array(ball.vertices), np.array(ball.faces, np.int32))
    planes = find_planes(mesh, tolerance=0.005, cell=0.02, min_area=0.2)
    assert planes == [] and flatten(mesh, planes, reach=0.02) is mesh


def floor_patch(hole: bool = True) -> PlanePatch:
    covered = np.ones((50, 50), bool)
    if hole:
        covered[18:30, 20:34] = False
    axes = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    return PlanePatch(np.array([0, 0, 1.0]), 0.0, np.zeros(3), axes, 0.04, covered, 0.005)


def looking_down(depth_in_hole: float) -> DepthMap:
    """One view from above: the floor at 2 m, and what it has over the hole (0: nothing known)."""
    camera = Camera("PINHOLE", (120, 160), 100.0, 100.0, 80.0, 60.0)
    pose = look_at(np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0001, 0.0]), np.array([0.0, 1.0, 0.0]))
    depth = np.full((120, 160), 2.0, np.float32)
    view = DepthMap.of_field(Viewpoint(camera, pose), depth, np.zeros(depth.shape, bool))
    x, y = view.points().T[:2].reshape(2, 120, 160)
    over = (x > 0.72) & (x < 1.2) & (y > 0.8) & (y < 1.36)
    assert over.sum() > 300
    return DepthMap.of_field(Viewpoint(camera, pose), np.where(over, depth_in_hole, depth), np.zeros(depth.shape, bool))


@pytest.mark.parametrize(("depth_in_hole", "is_closed"), [(0.0, True), (1.2, True), (3.5, False)])
def test_a_hole_is_closed_unless_views_look_through(depth_in_hole: float, is_closed: bool) -> None:
    """Nothing known, or something standing on it: closed. A view through it: a real hole."""
    maps = [looking_down(depth_in_hole)] * 2
    found = find_fillings([floor_patch()], maps, reach=0.2, tolerance=0.03, voxel=VOXEL)
    closed = sum(int(filling.is_filled.sum()) for filling in found)
    assert closed > 0.95 * 12 * 14 if is_closed else closed < 0.2 * 12 * 14


def test_a_filling_comes_out_of_the_volume_as_its_plane_and_is_said_to_be_filled() -> None:
    plane = floor_patch()
    filling = Filling(plane, ~plane.is_covered)
    empty = TsdfVolume.empty(np.zeros((0, 3), np.int32), voxel=VOXEL, truncation=4 * VOXEL)
    mesh = extract(fill(empty, [filling], min_weight=0.5), min_weight=0.5)
    assert np.abs(mesh.vertices[:, 2]).max() < 1e-4
    assert mesh.face_areas.sum() == pytest.approx((12 + 2) * (14 + 2) * 0.04**2, rel=0.15)  # a cell more all round
    middle = mesh.vertices[mesh.faces].mean(1)
    assert (middle[:, :2].min(0) > [0.65, 0.73]).all() and (middle[:, :2].max(0) < [1.27, 1.43]).all()
    faces = judge_faces(mesh, [looking_down(0.0)], [filling], tolerance=0.03, voxel=VOXEL).faces
    inside = ((middle[:, :2] > [0.76, 0.84]) & (middle[:, :2] < [1.16, 1.32])).all(1)
    assert (faces.evidence[inside] == Evidence.FILLED).all() and not faces.is_confirmed.any()


def test_faces_are_known_by_the_best_that_two_views_say() -> None:
    mesh = grid((0.3, 0.3, 0), (1.4, 0, 0), (0, 1.4, 0), 12)
    seen = looking_down(2.0)
    matched = DepthMap(
        seen.viewpoint,
        seen.depth,
        seen.is_free,
        seen.weight,
        seen.normal,
        np.full_like(seen.evidence, Evidence.MATCHED),
    )
    cases = {
        Evidence.MATCHED: [matched, matched],
        Evidence.SEEN: [matched, seen],
        Evidence.INVENTED: [matched],
    }
    for expected, maps in cases.items():
        assert (judge_faces(mesh, maps, [], tolerance=0.03, voxel=VOXEL).faces.evidence == expected).all()
    sure = judge_faces(mesh, [matched] * 2, [], tolerance=0.03, voxel=VOXEL).faces
    off = TriangleMesh(mesh.vertices + np.array([0, 0, 0.03]), mesh.faces)
    assert (
        judge_faces(off, [matched] * 2, [], tolerance=0.03, voxel=VOXEL).faces.expected_error.min()
        > 1.3 * sure.expected_error.max()
    )


def test_planes_are_believed_less_where_little_else_is_known() -> None:
    """Views that take a white wall from one plane agree perfectly: that says nothing of where the plane lies."""
    mesh = grid((0.3, 0.3, 0), (1.4, 0, 0), (0, 1.4, 0), 12)
    seen = looking_down(2.0)

    def errors_of_planes(n_columns: int, **options: bool) -> float:
        """Expected error, where so many columns of the picture are known by a plane and the others matched."""
        evidence = np.full_like(seen.evidence, Evidence.MATCHED)
        evidence[:, :n_columns] = Evidence.PLANE
        view = replace(seen, evidence=evidence)
        faces = judge_faces(mesh, [view, view], [], tolerance=0.03, voxel=VOXEL, **options).faces
        return float(faces.expected_error[faces.evidence == Evidence.PLANE].mean())

    w = seen.evidence.shape[1]
    alone, beside = errors_of_planes(w), errors_of_planes(2 * w // 5)
    assert alone > 1.5 * beside
    assert errors_of_planes(w, planes_bend=True) == pytest.approx(0.75 / 1.3 * alone, rel=0.01)


def test_a_face_that_views_look_through_is_doubted_more() -> None:
    mesh = grid((0.3, 0.3, 0), (1.4, 0, 0), (0, 1.4, 0), 12)
    agreeing, beyond = (
        [looking_down(0.0)] * 6,
        [replace(view, depth=2 * view.depth) for view in [looking_down(0.0)] * 2],
    )
    hole = np.linalg.norm(mesh.vertices[mesh.faces].mean(1)[:, :2] - 1, axis=1) < 0.5  # where that view knows nothing
    sure, doubted = (judge_faces(mesh, maps, [], tolerance=0.03, voxel=VOXEL) for maps in (agreeing, agreeing + beyond))
    assert not sure.through.any() and doubted.through[~hole] == pytest.approx(2 / 8)
    assert (doubted.faces.expected_error > 1.3 * sure.faces.expected_error)[~hole].all()


@pytest.mark.parametrize(
    ("confirmed", "error", "contradicted", "level"),
    [
        (0.9, 0.005, 0.02, "good"),
        (0.9, 0.005, 0.1, "usable"),
        (0.9, 0.01, 0.02, "usable"),
        (0.5, 0.005, 0, "poor"),
        (0.9, 0.1, 0, "bad"),
    ],
)
def test_a_surface_is_as_good_as_its_worst_number(
    confirmed: float, error: float, contradicted: float, level: str
) -> None:
    assert _level(confirmed, error, contradicted) == level
