"""Meshes that no one wishes for: one clear line or a clean package, never a broken one. And worlds far from their origin."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rooms import room, workspace_of

from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.formats.mesh_obj import read_obj
from recon.geometry.cameras import Camera
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale, View
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

METRIC = Reconstruction(views=(), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)
SETTINGS = default_settings(ExportSettings, "export", verify=False)


def plain() -> TriangleMesh:
    mesh = room(side=0.5, noise=0.0)
    return TriangleMesh(mesh.vertices, mesh.faces)


def crumbs(n: int, *, size: float = 0.01) -> TriangleMesh:
    """Separate triangles of a size, in metres, in a room's volume."""
    random = np.random.default_rng(0)
    corners = random.uniform(-2, 2, (n, 1, 3)) + random.normal(0, 0.4 * size, (n, 3, 3))
    return TriangleMesh(corners.reshape(-1, 3), np.arange(3 * n, dtype=np.int32).reshape(-1, 3))


def with_nan() -> TriangleMesh:
    vertices = plain().vertices.copy()
    vertices[5] = np.nan
    return TriangleMesh(vertices, plain().faces)


@pytest.mark.parametrize(
    ("mesh", "says"),
    [
        (with_nan(), "not finite"),
        (TriangleMesh(plain().vertices, plain().faces[:0]), "no faces"),
        (TriangleMesh(0 * plain().vertices, plain().faces), "all of its points are one"),
        (crumbs(5000), "crumbs|no surface larger"),
    ],
    ids=["nan", "no faces", "zero scale", "crumbs"],
)
def test_a_hopeless_mesh_is_one_clear_line(tmp_path: Path, mesh: TriangleMesh, says: str) -> None:
    workspace = workspace_of(tmp_path / "run", mesh)
    with pytest.raises(UserError, match=says):
        export_world(workspace, reconstruction=METRIC, settings=SETTINGS)
    assert not (workspace.root / "world").exists()


def test_crumbs_in_the_air_of_a_room_cost_no_parts(tmp_path: Path) -> None:
    clean, dust = plain(), crumbs(5000)
    both = TriangleMesh(
        np.concatenate([clean.vertices, dust.vertices]),
        np.concatenate([clean.faces, dust.faces + len(clean.vertices)]).astype(np.int32),
    )
    counts = []
    for name, mesh in (("clean", clean), ("dusty", both)):
        workspace = workspace_of(tmp_path / name, mesh)
        export_world(workspace, reconstruction=METRIC, settings=SETTINGS)
        counts.append(json.loads((workspace.world / "manifest.json").read_text())["collision"]["n_parts"])
    assert counts[1] <= counts[0] + 1  # a crumb that lies within reach of a piece may change where its hulls are cut


def test_more_large_crumbs_than_anybody_needs_are_a_clean_package_that_says_so(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "run", crumbs(6000, size=0.06))
    take_warnings()
    export_world(workspace, reconstruction=METRIC, settings=SETTINGS)
    stage = json.loads((workspace.world / "stage.json").read_text())
    assert any("pieces" in warning and "2000 largest" in warning for warning in stage["warnings"])
    manifest = json.loads((workspace.world / "manifest.json").read_text())
    assert 0 < manifest["collision"]["n_parts"] <= SETTINGS.max_parts
    assert len(read_obj(workspace.world / "assets/visual.obj").faces) == 6000  # what is seen is kept


def test_a_mesh_whose_corners_all_lie_out_of_the_cameras_reach_is_a_package_without_ground(tmp_path: Path) -> None:
    """Kilometres large, and seen from a metre before the middle of a face."""
    mesh = TriangleMesh(1000 * plain().vertices, plain().faces)
    pose = np.eye(4)
    pose[:3, 3] = mesh.vertices[mesh.faces[0]].mean(0) + mesh.face_normals[0]
    camera = Camera("PINHOLE", (48, 64), 60.0, 60.0, 32.0, 24.0)
    view = View(name="0", image=Path("0.png"), camera=camera, world_from_camera=pose)
    workspace = workspace_of(tmp_path / "run", mesh)
    export_world(
        workspace,
        reconstruction=replace(METRIC, views=(view,)),
        settings=replace(SETTINGS, verify=True, engines=["mujoco"], walk_steps=10, drop_spheres=4),
    )
    assert json.loads((workspace.world / "manifest.json").read_text())["ground"] is None
    verdicts = json.loads((workspace.world / "verification.json").read_text())["engines"]
    assert verdicts["mujoco"].startswith("nothing level to stand on")


def test_utm_coordinates_keep_their_millimetres_in_a_folder_with_a_name(tmp_path: Path) -> None:
    mesh = plain()
    far = TriangleMesh(mesh.vertices + np.array([500_000.123, 5_200_000.456, 312.789]), mesh.faces)
    workspace = workspace_of(tmp_path / "ein Raum – Zürich", far)
    export_world(workspace, reconstruction=METRIC, settings=replace(SETTINGS, things="none"))
    manifest = json.loads((workspace.world / "manifest.json").read_text())
    visual = read_obj(workspace.world / "assets/visual.obj").vertices
    assert np.abs(visual).max() < 10
    assert np.abs(visual + manifest["origin_in_world"]["position"] - far.vertices).max() < 1e-4
