"""A drive from a near road towards far walls is fused in two zones; a room in one."""

from dataclasses import replace

import numpy as np
import pytest

from recon.geometry import Camera, TriangleMesh, look_at
from recon.geometry.open3d_import import import_open3d
from recon.mesh.depth_maps import DepthMap
from recon.mesh.extraction import extract
from recon.mesh.fusion import fuse
from recon.mesh.settings import MeshSettings
from recon.mesh.surface import build_surface
from recon.mesh.trusted_depths import TrustedDepths
from recon.mesh.viewpoints import Viewpoint
from recon.mesh.zones import zones_of
from tests.default_settings import default_settings

AS_A_DRIVER_SEES = 0.02
CAMERA = Camera("PINHOLE", (120, 160), 110.0, 110.0, 80.0, 50.0)
AWAY = (
    np.hypot(*(np.mgrid[:120, :160] + 0.5 - np.array([50.0, 80.0])[:, None, None])) / 110.0
)  # of a pixel from the axis
ROAD, WALL = 1.5, 150.0  # below the cameras; ahead of the first one


def drive(n: int = 12, wall_at: float = WALL) -> list[DepthMap]:
    """A picture a metre; the lower half shows the road, the upper one a wall across its end."""
    maps = []
    v = np.mgrid[:120, :160][0] + 0.5
    slope = (v - 50.0) / 110.0
    for i in range(n):
        wall = wall_at - i
        to_road = np.where(slope > 0, ROAD / np.maximum(slope, 1e-9), np.inf)
        depth = np.minimum(to_road, wall)
        is_road = to_road < wall
        depth = np.where(is_road & (to_road > 25), 0, depth)  # too flat to trust
        normal = np.where(is_road[..., None], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0])
        center = np.array([float(i), 0, ROAD])
        pose = look_at(center, center + np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
        nowhere = np.zeros(depth.shape, bool)
        maps.append(DepthMap.of_field(Viewpoint(CAMERA, pose), depth, nowhere, normal, min_cosine=AS_A_DRIVER_SEES))
    return maps


def rise(x: np.ndarray) -> np.ndarray:
    """The height of a road that no plane explains."""
    return np.asarray(0.3 * np.sin(x / 6))


def hilly_drive(n: int = 20, wall_at: float = 0.0) -> list[DepthMap]:
    """A picture a metre over a road that rises and falls, trusted up to 40 ahead; above it a wall where one is asked for."""
    maps = []
    camera = Camera("PINHOLE", (160, 240), 300.0, 300.0, 120.0, 20.0)
    v = (np.mgrid[:160, :240][0] + 0.5 - 20.0) / 300.0
    for i in range(n):
        height, depth = ROAD + rise(np.array(float(i))), np.zeros(v.shape)
        for at in np.arange(0.5, 40, 0.02):  # the first place at which the ray is below the road
            depth = np.where((depth == 0) & (height - at * v < rise(i + at)), at, depth)
        slope = np.cos((i + depth) / 6) * 0.3 / 6
        normal = np.stack([-slope, np.zeros_like(slope), np.ones_like(slope)], -1)
        if wall_at:
            normal = np.where((depth == 0)[..., None], [-1.0, 0.0, 0.0], normal)
            depth = np.where(depth == 0, wall_at - i, depth)
        center = np.array([float(i), 0, height])
        pose = look_at(center, center + np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
        normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
        nowhere = np.zeros(depth.shape, bool)
        maps.append(DepthMap.of_field(Viewpoint(camera, pose), depth, nowhere, normal, min_cosine=AS_A_DRIVER_SEES))
    return maps


def test_near_and_far_are_told_apart_where_depths_spread_wide() -> None:
    near, far = zones_of(drive())
    assert near.low == 0 and near.high == far.low and far.high == np.inf
    assert 8 * 1.5 < near.high < 60
    assert all((view.depth <= 2 * near.high).all() for view in near.maps)
    middle = np.array([[5.0, 0, 0], [WALL, 0, 10]])
    assert near.holds(middle).tolist() == [True, False] and far.holds(middle).tolist() == [False, True]


def test_a_room_is_one_zone() -> None:
    nearer = [DepthMap.of_field(view.viewpoint, np.minimum(view.depth, 20), view.is_free, None) for view in drive()]
    (everything,) = zones_of(nearer)
    assert everything.holds(np.array([[1e6, 0, 0]])).all() and everything.face_share == everything.memory_share == 1


def test_a_drive_all_of_which_comes_near_is_one_zone() -> None:
    rows = np.arange(120)[:, None]
    seen = (rows < 50) | (rows > 113)  # the end of the tunnel, and the road under the bonnet
    maps = [
        replace(view, depth=np.where(seen & (view.depth * AWAY < 15), view.depth, np.float32(0)))
        for view in drive(96, wall_at=98.0)
    ]
    depths = np.concatenate([view.depth[view.depth > 0] for view in maps])
    assert np.percentile(depths, 90) > 16 * np.percentile(depths, 2), "depths spread wide enough for two"
    (everything,) = zones_of(maps)
    assert everything.high == np.inf


def test_the_road_is_fine_and_the_far_wall_still_there() -> None:
    maps = drive()
    settings = default_settings(MeshSettings, "mesh", memory_mb=500.0)
    surface = build_surface(TrustedDepths(maps, far=200.0, is_object=False), distance=20.0, settings=settings)
    vertices = surface.mesh.vertices
    used = vertices[np.unique(surface.mesh.faces)]
    road, wall = used[used[:, 0] < 30], used[used[:, 0] > 100]
    assert surface.voxel < 0.3
    assert len(road) and np.percentile(np.abs(road[:, 2]), 95) < 0.06  # its far edge, seen along its face, curls
    assert len(wall) and np.median(np.abs(wall[:, 0] - WALL)) < 1.0
    counts = {len(surface.mesh.faces), len(surface.faces.evidence), len(surface.through), len(surface.on_plane)}
    assert len(counts) == 1
    assert surface.near == zones_of(maps)[0].high
    (plane, *_) = surface.planes
    assert abs(plane.normal[2]) == pytest.approx(1, abs=1e-3)


def off_the_road(mesh: TriangleMesh) -> np.ndarray:
    """How far the mesh lies from the road where someone drives; infinite where it has a hole."""
    x, y = np.meshgrid(np.arange(6.0, 22.0, 0.25), np.arange(-3.0, 3.01, 0.25))
    down = np.zeros((*x.shape, 6), np.float32)
    down[..., 0], down[..., 1], down[..., 2], down[..., 5] = x, y, 3.0, -1.0
    o3d = import_open3d()
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32))
    return np.abs(3.0 - scene.cast_rays(down)["t_hit"].numpy() - rise(x)).ravel()


def test_a_road_is_fused_where_it_is() -> None:
    """Far pixels see it along its face: taken to look at the camera they would tear it to shreds."""
    mesh = extract(fuse(hilly_drive(), voxel=0.04, truncation_voxels=2, far=40.0), min_weight=0.5)
    off = off_the_road(mesh)
    is_there = np.isfinite(off)
    assert is_there.mean() > 0.97
    assert np.sqrt((off[is_there] ** 2).mean()) < 0.004


def test_a_road_that_rises_and_falls_is_not_laid_onto_a_plane() -> None:
    settings = default_settings(MeshSettings, "mesh", voxel_size=0.04)
    depths = TrustedDepths(hilly_drive(wall_at=WALL), far=200.0, is_object=False)
    off = off_the_road(build_surface(depths, distance=20.0, settings=settings).mesh)
    is_there = np.isfinite(off)
    assert is_there.mean() > 0.97
    assert np.sqrt((off[is_there] ** 2).mean()) < 0.003
