"""Things on tops, and things that a person marks with a box: cut, closed, the support closed below them; let go, they rest."""

import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from rooms import Rise, sheet, workspace_of

from recon.export.collision_mesh import welded
from recon.export.place import Thing
from recon.export.settings import ExportSettings
from recon.export.stage import export_world
from recon.export.things import Separated, bodies, separate
from recon.export.zones import Reach
from recon.geometry.face_graph import open_edges
from recon.geometry.mesh import TriangleMesh
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.surface import Surface
from recon.workspace import read_metrics
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

TOLERANCE = 0.02
METRIC = Reconstruction(views=(), scale=Scale(1.0, "made so", 0.01), is_up_aligned=True)
TABLE: Rise = (-0.6, 0.1, -0.3, 0.2, 0.5)
TIN: Rise = (-0.4, -0.2, -0.15, 0.05, 0.7)
COUNTER: Rise = (-1.0, 1.2, -0.3, 0.1, 0.4)  # too long for a thing


def settings(**changes: object) -> ExportSettings:
    quick = {"drop_spheres": 20, "drop_seconds": 0.5, "walk_steps": 0, "engines": ["mujoco"]}
    return default_settings(ExportSettings, "export", **(quick | changes))


def taken_from(mesh: TriangleMesh, **changes: object) -> Separated:
    return separate(
        mesh,
        np.ones(len(mesh.faces), bool),
        settings(**changes),
        reach=Reach.everywhere(),
        length_scale=1.0,
        is_up_known=True,
    )


def height_at(mesh: TriangleMesh, x: float, y: float) -> float:
    hit = Surface(mesh).cast(np.array([[x, y, 3.0]]), np.array([[0.0, 0.0, -1.0]]))
    return float(3.0 - hit.distance[0])


def solid(thing: Thing) -> trimesh.Trimesh:
    whole = welded(thing.visual, TOLERANCE)
    assert not len(open_edges(whole.faces)[0]), "the thing is open"
    return trimesh.Trimesh(whole.vertices, whole.faces, process=False)


def test_what_stands_on_a_table_goes_first_and_the_table_is_closed_below_it() -> None:
    apart = taken_from(sheet(TABLE, TIN))
    tin, table = apart.things
    assert (tin.name, table.name) == ("object_00", "furniture_01")
    assert tin.origin[2] == pytest.approx(TABLE[4], abs=0.002) and table.origin[2] == pytest.approx(0, abs=0.002)
    assert 0.2**3 < solid(tin).volume < 0.25**2 * 0.2
    for x, y in ((-0.3, -0.05), (-0.35, 0.0), (-0.25, -0.1)):
        assert height_at(table.in_world(table.visual), x, y) == pytest.approx(TABLE[4], abs=0.003)
        assert height_at(apart.building, x, y) == pytest.approx(0, abs=0.003)
    boxes = [part.box for part in table.parts if part.box is not None]
    tops = [table.origin[2] + box.centre[2] + box.half_size[2] for box in boxes]
    assert tops and np.allclose(tops, TABLE[4], atol=0.003)
    highest = max(table.in_world(part.mesh).vertices[:, 2].max() for part in table.parts)
    assert highest < TABLE[4] + 0.003  # nothing of it stands in the tin


def test_the_colour_of_a_top_goes_on_below_what_stood_there() -> None:
    table = taken_from(sheet(TABLE, TIN)).things[1].visual
    hit = Surface(table).cast(np.array([[0.0, 0.0, 3.0]]), np.array([[0.0, 0.0, -1.0]]))
    assert table.colors is not None
    assert np.abs(table.colors[table.faces[hit.faces[0]]].astype(int) - 180).max() <= 12


def test_no_table_has_parts_in_another_of_its_height() -> None:
    things = taken_from(sheet((-1.3, -0.3, -0.5, 0.5, 0.5), (0.5, 0.9, -0.2, 0.2, 0.51))).things
    assert len(things) == 2
    for thing in things:
        low, high = thing.visual.vertices.min(0), thing.visual.vertices.max(0)
        corners = np.concatenate([part.mesh.vertices for part in thing.parts])
        assert (corners.min(0) > low - 2 * TOLERANCE).all() and (corners.max(0) < high + 2 * TOLERANCE).all()
        assert any(part.box is not None for part in thing.parts)  # the top of each is a box


def test_what_goes_on_beside_a_seat_does_not_stand_on_it() -> None:
    seat, back = (-0.6, 0.0, -0.3, 0.2, 0.4), (-0.6, -0.475, -0.3, 0.2, 0.9)
    (chair,) = taken_from(sheet(seat, back)).things
    assert chair.visual.vertices[:, 2].max() == pytest.approx(0.9, abs=1e-6)


def test_a_thing_too_rough_for_its_limits_is_told_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    corner = sheet((-0.6, -0.4, -0.3, 0.2, 0.4), (-0.4, 0.0, -0.3, -0.1, 0.4))  # one part of it stands in free space
    (thing,) = taken_from(corner).things
    assert thing.looser == 1 and "rough" not in "".join(capsys.readouterr())
    monkeypatch.setattr(bodies, "_MOST_PARTS", 1)
    apart = taken_from(corner)
    entry = apart.as_dict(settings())
    assert entry is not None
    ((_, told),) = entry["bodies"].items()
    assert told["looser"] == apart.things[0].looser > 1.5
    warning = " ".join("".join(capsys.readouterr()).split())
    assert f"1 of the things are so rough that some of their convex parts keep to {told['looser']:.2g} times" in warning


def test_let_go_all_of_them_rest_where_they_stood(tmp_path: Path) -> None:
    pytest.importorskip("mujoco", reason="mujoco is not installed: nothing is let go")
    workspace = workspace_of(tmp_path / "run", sheet(TABLE, TIN, noise=0.001))
    export_world(workspace, reconstruction=METRIC, settings=settings(things="free"))
    world = read_metrics(workspace)["world"]
    assert world["engines"]["things"] == "pass" and world["things"]["rests"] == world["n_things"] == 2


BOX = [[0.0, -0.5, -0.1], [0.5, 0.5, 0.6]]


def test_a_box_cuts_one_thing_out_and_both_sides_are_closed() -> None:
    mesh = sheet(COUNTER)
    assert taken_from(mesh).things == () and taken_from(mesh).left == {"too large": 1}
    apart = taken_from(mesh, things_boxes=[BOX])
    (middle, *ends) = apart.things
    assert len(ends) == 2  # without its middle the counter is two things
    assert solid(middle).volume == pytest.approx(0.5 * 0.4 * 0.4, rel=0.15)
    low, high = (end(middle.in_world(middle.visual).vertices, axis=0) for end in (np.min, np.max))
    assert low[0] == pytest.approx(0.0, abs=1e-6) and high[0] == pytest.approx(0.5, abs=1e-6)
    assert all(solid(end).is_watertight for end in ends)
    assert height_at(apart.building, 0.25, -0.1) == pytest.approx(0, abs=0.003)


def test_a_box_on_a_table_stands_on_the_table() -> None:
    tray: Rise = (-0.5, 0.0, -0.2, 0.1, 0.53)  # a thing lower than geometry takes for one
    apart = taken_from(sheet(TABLE, tray), things_boxes=[[[-0.55, -0.25, 0.45], [0.05, 0.15, 0.7]]])
    assert apart.things[0].origin[2] == pytest.approx(TABLE[4], abs=0.01)


def test_a_box_in_the_air_is_one_clear_line() -> None:
    with pytest.raises(UserError, match=r"things_boxes\[0\]: nothing of the mesh"):
        taken_from(sheet(TABLE), things_boxes=[[[1.0, 0.5, 1.0], [1.2, 0.7, 1.2]]])


@pytest.mark.parametrize(
    "boxes", ["all", [[0, 0, 0]], [[[0, 0, 0], [1, 1, -1]]], [[[0, 0, 0], [1, 1, float("nan")]]], 3]
)
def test_boxes_that_are_none_are_refused(boxes: object) -> None:
    with pytest.raises(UserError, match="expected a list of boxes"):
        settings(things_boxes=boxes)


def test_a_box_that_nothing_can_be_cut_with_is_not_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert taken_from(sheet(TABLE), things="none", things_boxes=[BOX]).things == ()
    assert "nothing is cut out" in capsys.readouterr().out


def test_the_manifest_names_what_was_cut(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "run", sheet(COUNTER))
    export_world(workspace, reconstruction=METRIC, settings=settings(things_boxes=[BOX], verify=False))
    assert len(json.loads((workspace.world / "manifest.json").read_text())["things"]["bodies"]) == 3
