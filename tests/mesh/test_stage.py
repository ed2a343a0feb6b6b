"""The whole stage on an analytic room: files, numbers, reruns, errors."""

import json
import re

import numpy as np
import pytest
import trimesh

from recon.formats.face_evidence import read_face_evidence
from recon.formats.meshes import read_npz, read_obj, read_ply
from recon.geometry import Evidence
from recon.mesh.settings import MeshSettings
from recon.mesh.stage import build_mesh
from recon.render.views import RenderedView
from recon.workspace import Workspace, read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

SMALL = {"fusion_views": 22, "fusion_max_side": 96, "voxel_size": 0.06, "max_faces": 1500, "texture_size": 256}
FILES = {
    "mesh.ply",
    "mesh.npz",
    "mesh.obj",
    "mesh.mtl",
    "mesh.png",
    "mesh.glb",
    "coverage.ply",
    "faces.npz",
    "stage.json",
    "mesh_top.png",
}


def settings(**changes):
    return default_settings(MeshSettings, "mesh", **SMALL | changes)


@pytest.fixture
def field(worlds):
    return worlds.World(worlds.cast_room, depth_noise=0.004)


@pytest.fixture
def reconstruction(field, worlds, capture):
    return capture(field, worlds.room_poses(26), size_hw=(120, 160), write_photos=True)


def grey(positions, directions):
    return np.full(positions.shape, 0.5, np.float32)


def test_room_to_files_and_numbers_then_up_to_date(tmp_path, field, reconstruction, worlds, capsys):
    workspace = Workspace(tmp_path / "run")
    arguments = {"reconstruction": reconstruction, "render_view_fn": field.render, "color_fn": grey}
    folder = build_mesh(workspace, **arguments, settings=settings())
    names = {path.name for path in folder.iterdir()}
    assert names == FILES | {f"mesh_{i}.png" for i in range(4)}
    assert [path.name for path in workspace.root.iterdir() if path.name.startswith(".")] == []

    numbers = read_metrics(workspace)["mesh"]
    assert numbers["psnr"] > 25
    assert numbers["psnr_covered_fraction"] > 0.95
    assert numbers["seen_fraction"] > 0.8
    assert numbers["watertight_fraction"] > 0.9
    assert numbers["voxel_m"] == numbers["voxel_units"] == 0.06
    assert numbers["components"] < 4
    mesh = read_ply(folder / "mesh.ply")
    assert (numbers["vertices"], numbers["faces"]) == (len(mesh.vertices), len(mesh.faces))
    sides = np.concatenate([mesh.vertices - worlds.ROOM_LOW, worlds.ROOM_HIGH - mesh.vertices], -1)
    assert np.abs(sides).min(-1).mean() < 0.03
    textured = trimesh.load(folder / "mesh.obj", process=False)
    assert len(read_npz(folder / "mesh.npz").faces) == len(textured.faces)
    assert len(textured.faces) == len(read_obj(folder / "mesh.obj").faces) == len(mesh.faces)
    np.testing.assert_allclose(textured.extents, np.ptp(mesh.vertices, axis=0), atol=1e-4)
    np.testing.assert_allclose(trimesh.load(folder / "mesh.glb").extents[[0, 2, 1]], textured.extents, atol=1e-4)
    assert json.loads((folder / "stage.json").read_text())["settings"]["max_faces"] == 1500

    faces = read_face_evidence(folder / "faces.npz")
    assert len(faces.evidence) == numbers["faces"] and (faces.evidence <= Evidence.SEEN).all()
    assert numbers["confirmed_fraction"] == 0 and numbers["verdict_level"] == "bad"  # nothing was matched
    assert sum(numbers["evidence_fractions"].values()) == pytest.approx(1)
    assert numbers["planes"] >= 5 and numbers["on_plane_fraction"] > 0.7
    closed = float(re.findall(r"holes of (\S+) square units", capsys.readouterr().out)[0])
    filled = numbers["evidence_fractions"]["filled"] * mesh.face_areas.sum()
    assert closed == pytest.approx(filled, rel=0.01), "what is said to be closed is what was made"

    n_rendered = field.rendered[0]
    build_mesh(workspace, **arguments, settings=settings())
    assert field.rendered[0] == n_rendered
    assert "up to date" in capsys.readouterr().out


def test_an_empty_field_is_the_users_to_mend_and_keeps_the_old_result(tmp_path, reconstruction):
    def empty(camera, world_from_camera, wanted=None):
        h, w = camera.size_hw
        nothing = np.zeros((h, w), np.float32)
        return RenderedView(np.ones((h, w, 3), np.float32), nothing, nothing, np.zeros((h, w, 3), np.float32))

    workspace = Workspace(tmp_path / "run")
    workspace.mesh.mkdir(parents=True)
    (workspace.mesh / "mesh.ply").write_text("old")
    with pytest.raises(UserError, match=r"train longer"):
        build_mesh(workspace, reconstruction=reconstruction, render_view_fn=empty, color_fn=grey, settings=settings())
    assert [path.name for path in workspace.root.iterdir()] == ["mesh"]
    assert (workspace.mesh / "mesh.ply").read_text() == "old"


def test_fog_before_every_camera_is_not_a_surface(tmp_path, reconstruction):
    def fog(camera, world_from_camera, wanted=None):
        h, w = camera.size_hw
        depth = np.full((h, w), 0.15, np.float32)
        normal = np.broadcast_to(-world_from_camera[:3, 2], (h, w, 3)).astype(np.float32)
        return RenderedView(np.ones((h, w, 3), np.float32), np.ones((h, w), np.float32), depth, normal)

    with pytest.raises(UserError, match=r"agree between views"):
        build_mesh(
            Workspace(tmp_path / "run"),
            reconstruction=reconstruction,
            render_view_fn=fog,
            color_fn=grey,
            settings=settings(),
        )


def test_impossible_settings_are_named_together():
    with pytest.raises(UserError, match=r"fusion_views=1.*max_faces=0.*texture_from='dreams'"):
        settings(texture_from="dreams", max_faces=0, fusion_views=1)
