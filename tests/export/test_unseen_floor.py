"""Floor that nobody saw is drawn in every format, apart from what was seen, in the colours about it; no gap opens beside it."""

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
import pytest
from rooms import room, workspace_of
from trimesh import load

from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.export.things.patches import _pulled_over
from recon.formats.mesh_obj import read_obj
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.surface import Surface
from recon.workspace import read_metrics
from tests.default_settings import default_settings

HOLE = np.array([-0.7, 0.5, 0.0])  # of the room's floor, 0.25 m in radius
GREEN = (40, 160, 90)


def painted_room() -> TriangleMesh:
    """The room with a floor of one colour and all else of another, in a texture of two columns."""
    plain = room(noise=0.001)
    is_floor = np.abs(plain.vertices[:, 2]) < 0.02
    uvs = np.column_stack([np.where(is_floor, 0.25, 0.75), np.full(len(plain.vertices), 0.5)])
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:, :4], texture[:, 4:] = GREEN, (200, 40, 40)
    return replace(plain, uvs=uvs.astype(np.float32), texture=texture)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = workspace_of(tmp_path_factory.mktemp("run"), painted_room())
    metric = Reconstruction(views=(), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)
    settings = default_settings(ExportSettings, "export", drop_spheres=20, walk_steps=0, engines=["mujoco"])
    export_world(workspace, reconstruction=metric, settings=settings)
    assert read_metrics(workspace)["world"]["engines"]["mujoco"] == "pass"
    return workspace.world


def test_every_format_draws_it_apart(world: Path) -> None:
    names = {
        "world.xml": [geom.get("name") for geom in xml.parse(world / "world.xml").iter("geom")],
        "scene.urdf": [visual.get("name") for visual in xml.parse(world / "scene.urdf").iter("visual")],
        "scene_concave.urdf": [visual.get("name") for visual in xml.parse(world / "scene_concave.urdf").iter("visual")],
        "model.sdf": [visual.get("name") for visual in xml.parse(world / "model.sdf").iter("visual")],
        "visual.glb": list(load(world / "assets/visual.glb").geometry),
    }
    assert all("filled" in of_file or "visual_filled" in of_file for of_file in names.values()), names
    habitat = json.loads((world / "scene.stage_config.json").read_text())
    assert habitat["render_asset"] == "assets/visual.glb"
    assert json.loads((world / "manifest.json").read_text())["collision"]["filled"] == "assets/filled.obj"
    if importlib.util.find_spec("pxr") is None:
        pytest.skip("usd-core is not installed: the other formats were tested")
    from pxr import Usd

    stage = Usd.Stage.Open(str(world / "scene.usd"))
    prim = stage.GetPrimAtPath("/scene/Filled")
    assert prim and "floor" in prim.GetAttribute("semantics:labels:class").Get()


def test_a_camera_in_mujoco_sees_it_in_the_hole(world: Path) -> None:
    import mujoco

    model = mujoco.MjModel.from_xml_path(str(world / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    drawn, geom = np.array([0, 0, 1, 0, 0, 0], np.uint8), np.zeros(1, np.int32)
    above = HOLE + np.array([0.0, 0.0, 1.0])
    distance = mujoco.mj_ray(model, data, above, np.array([0.0, 0.0, -1.0]), drawn, 1, -1, geom)
    assert model.geom(geom[0]).name == "filled" and distance == pytest.approx(1.0, abs=0.005)


def test_its_colour_is_that_of_the_floor_about_it(world: Path) -> None:
    filled = read_obj(world / "assets/filled.obj")
    assert filled.texture is not None and filled.uvs is not None
    height, width = filled.texture.shape[:2]
    middle = filled.uvs[filled.faces].mean(1)
    column, row = (middle[:, 0] * width).astype(int), ((1 - middle[:, 1]) * height).astype(int)
    near = np.linalg.norm(filled.vertices[filled.faces].mean(1) - HOLE, axis=1) < 0.3
    assert np.abs(filled.texture[row[near], column[near]].astype(int) - GREEN).max() < 12


def test_no_ray_finds_a_gap_between_what_was_seen_and_what_is_filled(world: Path) -> None:
    seen, filled = (read_obj(world / f"assets/{name}.obj") for name in ("visual", "filled"))
    assert Surface(seen).cast(HOLE[None], np.array([[0.0, 0.0, -1.0]])).distance[0] > 0.09  # the floor's underside
    angle = np.linspace(0, 2 * np.pi, 2000)
    rim = HOLE + np.column_stack([np.cos(angle), np.sin(angle), 0 * angle]) * np.linspace(0.0, 0.5, 2000)[:, None]
    outwards = np.column_stack([np.cos(angle), np.sin(angle), np.full(len(angle), -0.2)])  # at a robot's glance
    starts = rim - outwards * 0.2
    below = starts[:, 2] + 0.25 * outwards[:, 2]
    drawn = [Surface(mesh).cast(starts, outwards).distance for mesh in (seen, filled)]
    assert (np.minimum(*drawn) < 0.25).all() and (below < 0).all()


def test_colours_far_from_any_that_is_known_are_those_of_the_border_and_known_ones_stay() -> None:
    known = np.zeros((70, 90), np.float32)
    known[20:40, 10:50] = 1
    picture = np.where(np.arange(90) < 30, 60.0, 160.0)[None, :, None] * np.ones((70, 1, 3))
    whole = _pulled_over(known[..., None] * picture.astype(np.float32), known)
    np.testing.assert_allclose(whole[known > 0], picture[known > 0])
    assert whole.min() >= 60 and whole.max() <= 160
    left, right = whole[30, 2, 0], whole[30, 60, 0]
    assert left < 80 and right > 140 and 80 < whole[69, 30, 0] < 140


def test_things_show_the_same_on_the_texture_that_grew(world: Path) -> None:
    bodies = json.loads((world / "manifest.json").read_text())["things"]["bodies"]
    assert bodies
    for entry in bodies.values():
        visual = read_obj(world / entry["file"])
        assert visual.texture is not None and visual.uvs is not None
        height, width = visual.texture.shape[:2]
        upper = visual.uvs[visual.faces[visual.vertices[visual.faces][..., 2].min(1) > 0.05]].mean(1)
        shown = visual.texture[((1 - upper[:, 1]) * height).astype(int), (upper[:, 0] * width).astype(int)]
        assert (np.abs(shown.astype(int) - (200, 40, 40)).max(1) < 12).mean() > 0.95
