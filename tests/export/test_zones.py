"""Fine within reach of where the cameras went, coarser by the distance beyond; a street is such a place."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from rooms import workspace_of

from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.export.zones import Reach, zones_of
from recon.geometry.cameras import Camera
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale, View
from recon.geometry.surface import Surface
from recon.workspace import read_metrics
from tests.default_settings import default_settings

PATH = np.stack([np.linspace(-10, 10, 21), np.zeros(21), np.full(21, 1.5)], -1)


def strip(x: float, y: float, z: float = 0.0, *, half: tuple[float, float] = (1.0, 1.0)) -> TriangleMesh:
    """A level rectangle."""
    corners = np.array([[x - half[0], y - half[1], z], [x + half[0], y - half[1], z]])
    corners = np.concatenate([corners, [[x + half[0], y + half[1], z], [x - half[0], y + half[1], z]]])
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def street() -> TriangleMesh:
    """A road of 40 m x 8 m between its borders, and rough towers 90 m tall that stand 70 m away on both sides."""
    road = trimesh.creation.box((40.0, 8.0, 0.1))
    road.apply_translation([0, 0, -0.05])
    for _ in range(3):
        road = road.subdivide()
    towers = []
    for side in (-1, 1):
        tower = trimesh.creation.box((60.0, 20.0, 90.0)).subdivide().subdivide().subdivide()
        tower.apply_translation([0, 80.0 * side, 44.0])
        tower.vertices += np.random.default_rng(side + 1).normal(0, 0.1, tower.vertices.shape)
        towers.append(tower)
    whole = trimesh.util.concatenate([road, *towers])
    return TriangleMesh(np.array(whole.vertices), whole.faces.astype(np.int32))


def driven() -> Reconstruction:
    camera = Camera("PINHOLE", (48, 64), 50.0, 50.0, 32.0, 24.0)
    views = []
    for number, position in enumerate(PATH):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], position
        views.append(View(name=f"{number:03d}", image=Path(f"{number:03d}.png"), camera=camera, world_from_camera=pose))
    return Reconstruction(views=tuple(views), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)


@pytest.mark.parametrize(("distance", "zone"), [(14.9, 0), (15.1, 1), (59.0, 1), (61.0, 2), (239.0, 2), (241.0, 3)])
def test_a_zone_ends_at_four_times_the_distance_at_which_it_begins(distance: float, zone: int) -> None:
    reach = Reach(PATH, 15.0)
    mesh = strip(0.0, distance + 1.0, 1.5, half=(10.0, 1.0))
    assert reach.zone(mesh).tolist() == [zone, zone]
    assert reach.holds(mesh.vertices[:1] * [0, 1, 1]).tolist() == [zone == 0]


def test_without_cameras_and_within_their_reach_there_is_one_zone() -> None:
    mesh = strip(0.0, 0.0, half=(9.0, 9.0))
    for reach in (Reach.everywhere(), Reach(PATH, 15.0)):
        (zone,) = zones_of(mesh, reach, smallest=0.02)
        assert zone.is_within_reach and len(zone.mesh.faces) == 2


def test_who_flies_high_reaches_the_ground() -> None:
    ground = Surface(strip(0.0, 0.0, half=(200.0, 200.0)))
    assert Reach.about(PATH, ground, radius=15.0).radius == 15.0
    high = Reach.about(PATH + np.array([0, 0, 58.5]), ground, radius=15.0)
    assert high.radius == pytest.approx(120.0, rel=1e-5)


def test_a_street_is_fine_where_it_is_driven_and_coarse_where_its_towers_stand(tmp_path: Path) -> None:
    quick = {"drop_spheres": 20, "drop_seconds": 0.5, "walk_steps": 0, "engines": ["mujoco"]}
    settings = default_settings(ExportSettings, "export", **quick)
    workspace = workspace_of(tmp_path / "street", street())
    export_world(workspace, reconstruction=driven(), settings=settings)
    collision = json.loads((workspace.world / "manifest.json").read_text())["collision"]
    near, far = collision["zones"]
    assert (near["looser"], far["looser"]) == (1.0, 16.0)
    assert near["tolerance"] == pytest.approx(0.02) and far["tolerance"] == pytest.approx(0.8)
    assert far["n_parts"] < 30  # two boxes of five sides each, rough by 10 cm
    world = read_metrics(workspace)["world"]
    assert world["engines"]["mujoco"] == "pass" and world["drop"]["p95_mm"] < 5.0
