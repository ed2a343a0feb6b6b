"""Things apart from the building: cut where they stand, closed, weighed; the floor closed behind them; and let go, they rest."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as xml

import numpy as np
import pytest
import trimesh
from rooms import workspace_of
from scipy.spatial import ConvexHull

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh, welded
from recon.export.place import Box, Part, Thing
from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.export.things.bodies import body_of, stands_by_itself
from recon.export.things.clearance import cleared, cleared_of_boxes, cleared_of_each_other
from recon.export.things.clipping import CutMesh, cut_along
from recon.export.things.filling import Filled, fill_holes
from recon.export.things.pieces import Candidates, find_pieces, take_apart
from recon.export.tolerances import Tolerances
from recon.formats.face_evidence import write_face_evidence
from recon.formats.mesh_obj import read_obj
from recon.geometry import FaceEvidence
from recon.geometry.face_graph import open_edges
from recon.geometry.mesh import TriangleMesh, chosen, joined
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.surface import Surface
from recon.workspace import read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

TOLERANCE, THICKNESS = 0.02, 0.06
METRIC = Reconstruction(views=(), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)
BLOCK_LOW, BLOCK_HIGH, BLOCK_TOP = np.array([-0.6, -0.3]), np.array([-0.1, 0.1]), 0.35
BLOCK_MIDDLE = np.array([*(BLOCK_LOW + BLOCK_HIGH) / 2, BLOCK_TOP / 2])
GREY, RED = (120, 120, 120), (200, 30, 30)


def land(*, textured: bool = True, leaning: bool = False) -> TriangleMesh:
    """A floor of 3 m x 2 m out of which a block rises, all one connected sheet as a scan is: grey, the block red."""
    x, y = (np.arange(-n, n + 1) * 0.05 for n in (30, 20))
    x, y = np.meshgrid(x, y, indexing="ij")
    inside = (
        (x > BLOCK_LOW[0] - 0.01) & (x < BLOCK_HIGH[0] + 0.01) & (y > BLOCK_LOW[1] - 0.01) & (y < BLOCK_HIGH[1] + 0.01)
    )
    z = np.where(inside, BLOCK_TOP, 0.0)
    shift = np.where(inside, 0.7 if leaning else 0.0, 0.0)
    red = np.where(inside, 1, 0)
    corner = np.arange(x.size).reshape(x.shape)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    vertices = np.stack([x + shift, y, z], -1).reshape(-1, 3)
    if not textured:
        colors = np.where(red.reshape(-1, 1) > 0, RED, GREY).astype(np.uint8)
        return TriangleMesh(vertices, faces.astype(np.int32), colors=colors)
    texture = np.empty((16, 32, 3), np.uint8)
    texture[:, :16], texture[:, 16:] = GREY, RED
    uvs = np.stack([0.1 + 0.8 * red.reshape(-1), np.full(red.size, 0.5)], -1).astype(np.float32)
    return TriangleMesh(vertices, faces.astype(np.int32), uvs=uvs, texture=texture)


def found_in(mesh: TriangleMesh) -> tuple[Candidates, list]:  # type: ignore[type-arg]
    clean = clean_mesh(mesh, smallest=TOLERANCE)
    slabs = find_building(
        clean, Surface(clean), tolerances=Tolerances.same(TOLERANCE), thickness=THICKNESS, is_up_known=True
    )
    planes = [slab for slab in slabs if slab.kind == "floor"]
    return find_pieces(mesh, planes, tolerance=TOLERANCE), planes


def body(mesh: TriangleMesh) -> Thing:
    found, planes = found_in(mesh)
    (piece,) = found.pieces
    return body_of(
        piece.mesh,
        planes,
        mesh,
        tolerances=Tolerances.same(TOLERANCE),
        thickness=THICKNESS,
        length_scale=1.0,
        density=100.0,
    )


def closed_floor(mesh: TriangleMesh) -> Filled:
    found, planes = found_in(mesh)
    return fill_holes(take_apart(found, found.pieces, np.ones(len(mesh.faces), bool)), planes, tolerance=TOLERANCE)


def test_a_cut_keeps_area_and_texture_and_leaves_two_sides() -> None:
    random = np.random.default_rng(0)
    vertices = random.uniform(-1, 1, (60, 3))
    linear = np.stack([0.3 * vertices[:, 0] + 0.4, 0.2 * vertices[:, 1] + 0.1 * vertices[:, 2]], -1)
    faces = np.arange(60, dtype=np.int32).reshape(-1, 3)
    mesh = TriangleMesh(vertices, faces, uvs=linear.astype(np.float32), texture=np.zeros((2, 3, 3), np.uint8))
    cut = cut_along(CutMesh.whole(mesh), vertices[:, 2] - 0.1, np.ones(len(faces), bool))
    corners = cut.mesh.vertices[cut.mesh.faces][..., 2] - 0.1
    assert len(cut.mesh.faces) > len(faces) and ((corners >= -1e-9).all(1) | (corners <= 1e-9).all(1)).all()
    by_parent = np.bincount(cut.parent, cut.mesh.face_areas, len(faces))
    assert np.allclose(by_parent, mesh.face_areas)
    assert np.allclose((cut.mesh.face_normals * mesh.face_normals[cut.parent]).sum(1), 1)
    at, uvs = cut.mesh.vertices, cut.mesh.uvs
    assert uvs is not None
    assert np.allclose(uvs, np.stack([0.3 * at[:, 0] + 0.4, 0.2 * at[:, 1] + 0.1 * at[:, 2]], -1), atol=1e-6)


def test_what_grows_out_of_a_floor_is_one_closed_piece_down_to_its_plane() -> None:
    found, planes = found_in(land())
    (piece,) = found.pieces
    assert found.left == {} and piece.touches == (0,)
    whole = welded(piece.mesh, TOLERANCE)
    assert not len(open_edges(whole.faces)[0])
    assert abs(planes[0].view.plane.height(whole.vertices).min()) < 1e-9
    solid = trimesh.Trimesh(whole.vertices, whole.faces, process=False)
    # Its sides slope over half a cell of the grid.
    low, high = np.prod(BLOCK_HIGH - BLOCK_LOW) * BLOCK_TOP, np.prod(BLOCK_HIGH - BLOCK_LOW + 0.1) * BLOCK_TOP
    assert solid.is_winding_consistent and low < solid.volume < high


@pytest.mark.parametrize("textured", [True, False])
def test_the_floor_behind_a_thing_is_closed_and_has_the_colour_of_the_floor(textured: bool) -> None:
    filled = closed_floor(land(textured=textured))
    surface = Surface(filled.building)
    x, y = np.meshgrid(np.linspace(-0.75, 0.05, 31), np.linspace(-0.45, 0.25, 27))
    above = np.stack([x, y, 0 * x + 1.0], -1).reshape(-1, 3)
    hits = surface.cast(above, np.broadcast_to([0.0, 0.0, -1.0], above.shape))
    assert hits.is_hit.all() and np.abs(hits.distance - 1).max() < 0.1 * TOLERANCE + 1e-6
    assert filled.patches.face_areas.sum() > 0.9 * np.prod(BLOCK_HIGH - BLOCK_LOW)
    if textured:
        assert filled.atlas is not None and filled.building.uvs is not None
        texture, uv = filled.atlas.texture, filled.building.uvs[filled.building.faces[hits.faces]].mean(1)
        height, width = texture.shape[:2]
        shown = texture[((1 - uv[:, 1]) * height).astype(int), (uv[:, 0] * width).astype(int)]
    else:
        assert filled.building.colors is not None
        shown = filled.building.colors[filled.building.faces[hits.faces, 0]]
    assert np.abs(shown.astype(int) - GREY).max() <= 10  # of 80 and more to the block's red


@pytest.mark.parametrize("at_y", [0.3, -1.2])
def test_a_wall_that_ends_elsewhere_leaves_no_hole_under_a_thing_behind_its_plane(at_y: float) -> None:
    mesh = land(textured=False)
    x, z = (axis.reshape(-1) for axis in np.meshgrid(np.arange(0.5, 1.51, 0.05), np.arange(0, 1.51, 0.05)))
    columns, rows = 21, 31
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        corner[i : rows - 1 + i, j : columns - 1 + j].reshape(-1) for i, j in ((0, 0), (0, 1), (1, 1), (1, 0))
    )
    facing = -1 if at_y < BLOCK_LOW[1] else 1  # away from the block: behind the plane, beside the wall's end
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([a, d, c], -1)])
    wall = TriangleMesh(np.stack([x, 0 * x + at_y, z], -1), faces[:, ::facing].astype(np.int32))
    whole = joined([TriangleMesh(mesh.vertices, mesh.faces), wall])
    slabs = find_building(
        whole, Surface(whole), tolerances=Tolerances.same(TOLERANCE), thickness=THICKNESS, is_up_known=True
    )
    planes = [slab for kind in ("floor", "wall") for slab in slabs if slab.kind == kind]
    assert [slab.kind for slab in planes] == ["floor", "wall"] and planes[1].view.plane.height(BLOCK_MIDDLE) < -0.2
    found = find_pieces(whole, planes, tolerance=TOLERANCE)
    assert len(found.pieces) == 1
    apart = take_apart(found, found.pieces, np.ones(len(whole.faces), bool))
    filled = fill_holes(apart, planes, tolerance=TOLERANCE)
    down = Surface(filled.building).cast(BLOCK_MIDDLE[None], np.array([[0.0, 0.0, -1.0]]))
    assert down.distance[0] == pytest.approx(BLOCK_MIDDLE[2], abs=0.1 * TOLERANCE)


def test_a_texture_that_grew_shows_the_same_on_every_mesh() -> None:
    mesh = land()
    atlas = closed_floor(mesh).atlas
    assert atlas is not None and mesh.uvs is not None and mesh.texture is not None

    def color(mesh: TriangleMesh) -> np.ndarray:
        assert mesh.uvs is not None and mesh.texture is not None
        height, width = mesh.texture.shape[:2]
        u, v = mesh.uvs.T
        return mesh.texture[((1 - v) * height).astype(int), (u * width).astype(int)]

    assert (color(atlas.moved(mesh)) == color(mesh)).all() and atlas.texture.shape != mesh.texture.shape


def test_mass_and_inertia_are_those_of_the_block() -> None:
    thing = body(land())
    size = np.array([*(BLOCK_HIGH - BLOCK_LOW + 0.05), BLOCK_TOP])
    assert thing.mass == pytest.approx(100 * size.prod(), rel=0.12)
    expected = thing.mass / 12 * ((size**2).sum() - size**2)
    assert np.allclose(np.diag(thing.inertia), expected, rtol=0.15)
    assert np.allclose(thing.inertia, thing.inertia.T) and thing.centre[2] == pytest.approx(BLOCK_TOP / 2, abs=0.02)
    assert stands_by_itself(thing, found_in(land())[1][0].view, tolerance=TOLERANCE)
    bottoms = [part.mesh.vertices[:, 2].min() for part in thing.parts]
    assert min(bottoms) == pytest.approx(0, abs=1e-9)


def test_what_would_fall_over_does_not_stand_by_itself() -> None:
    thing = body(land(leaning=True))
    assert not stands_by_itself(thing, found_in(land(leaning=True))[1][0].view, tolerance=TOLERANCE)


def test_a_ripple_of_the_floor_is_no_thing() -> None:
    mesh = land()
    low = mesh.vertices.copy()
    low[:, 2] *= 0.1
    found, _ = found_in(TriangleMesh(low, mesh.faces))
    assert found.pieces == ()


def test_parts_that_reach_into_a_thing_are_cut_back_and_boxes_are_not() -> None:
    thing = body(land())
    beside = thing.origin[0] + thing.parts[0].mesh.vertices[:, 0].max()
    wedge = Box(np.array([beside + 0.07, thing.origin[1], 0.05]), np.eye(3), np.array([0.1, 0.05, 0.05]))
    parts = (Part("rest_0", wedge.mesh()), Part("floor_0", wedge.mesh(), wedge))
    cut, box = cleared(parts, [thing], tolerance=TOLERANCE)
    assert box is parts[1]
    outwards = ConvexHull(thing.in_world(thing.parts[0].mesh).vertices).equations
    inside = -(wedge.mesh().vertices @ outwards[:, :3].T + outwards[:, 3]).max(1)
    assert inside.max() > 0.01  # before
    reach = (cut.mesh.vertices @ outwards[:, :3].T + outwards[:, 3]).min(0)
    assert reach.max() > 0 and np.ptp(cut.mesh.vertices[:, 0]) > 0.16  # all of it before one face, and little lost


def test_of_two_things_side_by_side_the_second_keeps_out_of_the_first() -> None:
    block = trimesh.creation.box((0.4, 0.4, 0.3)).apply_translation((0.0, 0.0, 0.15))
    part = Part("part_00", TriangleMesh(block.vertices, block.faces.astype(np.int32)))

    def thing(x: float) -> Thing:
        return Thing("object", "object", np.array([x, 0.0, 0.0]), part.mesh, (part,), 1.0, np.zeros(3), np.eye(3))

    first, second = cleared_of_each_other([thing(0.0), thing(0.37)], tolerance=0.02)
    assert first.in_world(first.parts[0].mesh).vertices[:, 0].max() == pytest.approx(0.2)
    assert second.in_world(second.parts[0].mesh).vertices[:, 0].min() >= 0.2
    (same,) = cleared_of_each_other([thing(0.0), thing(0.0)], tolerance=0.02)[1:]
    assert same.parts, "no thing is left without any part"


def test_a_thing_is_cut_back_to_the_wall_that_it_reaches_into_and_stands_on_the_floor_as_it_did() -> None:
    block = trimesh.creation.box((0.4, 0.4, 0.3)).apply_translation((0.0, 0.0, 0.15))
    part = Part("part_00", TriangleMesh(block.vertices, block.faces.astype(np.int32)))
    thing = Thing("object", "object", np.array([1.0, 0, 0]), part.mesh, (part,), 1.0, np.zeros(3), np.eye(3))
    floor = Box(np.array([0.0, 0.0, -0.5]), np.eye(3), np.array([5.0, 5.0, 0.5]))
    wall = Box(np.array([0.8, 0.0, 1.0]), np.eye(3), np.array([0.03, 3.0, 1.0]))  # its front 3 cm inside the thing
    (kept,) = cleared_of_boxes([thing], [Part("floor_0", floor.mesh(), floor)], tolerance=0.02)
    assert kept.parts[0] is part
    walls = [Part("floor_0", floor.mesh(), floor), Part("wall_0", wall.mesh(), wall), Part("rest_0", wall.mesh())]
    (cut,) = cleared_of_boxes([thing], walls, tolerance=0.02)
    corners = cut.in_world(cut.parts[0].mesh).vertices
    assert 0.83 < corners[:, 0].min() < 0.831 and corners[:, 0].max() == pytest.approx(1.2)
    assert corners[:, 2].min() == pytest.approx(0, abs=1e-9)
    sunk = replace(thing, origin=np.array([1.0, 0, -0.003]))  # a floor that bends was found again without the thing
    (on_it,) = cleared_of_boxes([sunk], [Part("floor_0", floor.mesh(), floor)], tolerance=0.02)
    assert 0 < on_it.in_world(on_it.parts[0].mesh).vertices[:, 2].min() < 0.001
    around = Box(np.array([1.0, 0.0, 0.15]), np.eye(3), np.array([0.5, 0.5, 0.5]))
    (whole,) = cleared_of_boxes([thing], [Part("wall_0", around.mesh(), around)], tolerance=0.02)
    assert whole.parts[0] is part, "no part is lost: the trial of things tells of it"


@pytest.mark.parametrize("by", ["wall", "other"])
def test_a_thing_that_is_cut_back_has_the_mass_and_inertia_of_what_is_left(by: str) -> None:
    """They were those of the thing before: a bench that a wall had taken a tenth of was too heavy and tipped the wrong way."""
    size, low = np.array([0.4, 0.3, 0.25]), np.array([-0.2, -0.15, 0.0])
    wall = Box(np.array([-0.19, 0.0, 1.0]), np.eye(3), np.array([0.03, 3.0, 1.0]))  # its front 4 cm inside the thing
    mass, inertia = block_inertia(size, density=200.0)
    block = Box(low + size / 2, np.eye(3), size / 2).mesh()
    thing = Thing("object", "object", np.array([5.0, 0, 0]), block, (Part("p", block),), mass, low + size / 2, inertia)
    there = replace(wall, centre=wall.centre + thing.origin)
    if by == "wall":
        (cut,) = cleared_of_boxes([thing], [Part("wall_0", there.mesh(), there)], tolerance=0.02)
    else:
        other = Thing("o", "object", thing.origin, wall.mesh(), (Part("p", wall.mesh()),), 1.0, wall.centre, np.eye(3))
        _, cut = cleared_of_each_other([other, thing], tolerance=0.02)
    left = np.ptp(cut.parts[0].mesh.vertices, axis=0)
    assert left == pytest.approx([0.36, 0.3, 0.25], abs=1e-3)
    mass, inertia = block_inertia(left, density=200.0)
    assert cut.mass == pytest.approx(mass, rel=0.05)
    assert cut.centre == pytest.approx([0.02, 0, 0.125], abs=0.005)
    assert cut.inertia == pytest.approx(inertia, rel=0.1, abs=1e-3 * mass)


def block_inertia(size: np.ndarray, *, density: float) -> tuple[float, np.ndarray]:
    """Mass of a block, and its inertia about its middle."""
    mass = density * float(np.prod(size))
    return mass, mass / 12 * np.diag((size**2).sum() - size**2)


def settings(**changes: object) -> ExportSettings:
    quick = {"drop_spheres": 20, "drop_seconds": 0.5, "walk_steps": 0, "engines": ["mujoco"]}
    return default_settings(ExportSettings, "export", **(quick | changes))


def cluttered() -> TriangleMesh:
    """The land with the noise of a scan."""
    mesh = land()
    noise = np.random.default_rng(0).normal(0, 0.001, mesh.vertices.shape)
    return TriangleMesh(mesh.vertices + noise, mesh.faces, uvs=mesh.uvs, texture=mesh.texture)


@pytest.mark.parametrize("kind", ["static", "free"])
def test_a_package_has_things_as_bodies_in_every_format(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed: the stage's things are not tested")
    from pxr import Usd, UsdPhysics

    workspace = workspace_of(tmp_path / "run", cluttered())
    export_world(workspace, reconstruction=METRIC, settings=settings(things=kind))
    world = read_metrics(workspace)["world"]
    assert world["engines"] == {"mujoco": "pass", "drive": "pass", "things": "pass"} and world["n_things"] == 1
    entry = json.loads((workspace.world / "manifest.json").read_text())["things"]
    ((name, thing),) = entry["bodies"].items()
    assert (
        entry["are"] == kind and thing["label"] == name.split("_")[0] == "furniture" and world["things"]["rests"] == 1
    )
    model = xml.parse(workspace.world / "world.xml")
    (mujoco_body,) = [each for each in model.iter("body") if each.get("name") == name]
    assert (mujoco_body.find("freejoint") is not None) == (kind == "free")
    assert {geom.get("group") for geom in mujoco_body.iter("geom")} == {"1", "4"}
    links = [link.get("name") for link in xml.parse(workspace.world / "scene.urdf").iter("link")]
    assert links == ["world", "place", name]
    models = [each.get("name") for each in xml.parse(workspace.world / "world.sdf").iter("model")]
    assert models == (["scene", name] if kind == "free" else ["scene"])
    *building, of_thing = [each.text for each in xml.parse(workspace.world / "world.sdf").iter("label")]
    assert of_thing == "2" and len(building) == len(set(building)) >= 1
    stage = Usd.Stage.Open(str(workspace.world / "scene.usd"))
    prim = stage.GetPrimAtPath(f"/scene/Things/{name}")
    assert prim.HasAPI(UsdPhysics.RigidBodyAPI) == (kind == "free")
    assert prim.GetAttribute("semantics:labels:class").Get() == ["furniture"]
    floor = Surface(read_obj(workspace.world / "assets/visual.obj"))
    down = floor.cast(np.array([[*(BLOCK_LOW + BLOCK_HIGH) / 2, 1.0]]), np.array([[0.0, 0.0, -1.0]]))
    assert down.distance[0] == pytest.approx(1, abs=0.005)


def test_without_things_the_mesh_stays_one(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "run", cluttered())
    export_world(workspace, reconstruction=METRIC, settings=settings(things="none", verify=False))
    assert json.loads((workspace.world / "manifest.json").read_text())["things"] is None
    assert len(read_obj(workspace.world / "assets/visual.obj").faces) == len(land().faces)


def test_evidence_of_another_mesh_is_one_clear_line(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "run", cluttered())
    write_face_evidence(workspace.mesh / "faces.npz", FaceEvidence(np.full(7, 2, np.uint8), np.zeros(7, np.float32)))
    with pytest.raises(UserError, match="found 7"):
        export_world(workspace, reconstruction=METRIC, settings=settings())


def test_choosing_faces_keeps_only_their_vertices() -> None:
    mesh = land()
    few = chosen(mesh, np.arange(5))
    assert len(few.faces) == 5 and len(few.vertices) < 12 and few.texture is mesh.texture
    assert np.allclose(few.vertices[few.faces], mesh.vertices[mesh.faces[:5]])
