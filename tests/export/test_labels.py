"""Labels by geometry against the truth of a room: floor, walls, ceiling, furniture, objects."""

import numpy as np
import pytest
import trimesh
from rooms import box

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh
from recon.export.labels import LABELS, label_faces
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

TOLERANCE = 0.02


def furnished() -> tuple[TriangleMesh, np.ndarray]:
    """A closed room seen from inside, with a table, a cup on it, a cupboard and a ball; and the label of each face."""
    shell = trimesh.creation.box((4.0, 3.0, 2.5))
    shell.apply_translation((0, 0, 1.25))
    shell.invert()
    bodies = [
        (shell.subdivide_to_size(0.15), ""),
        (box((1.0, 0.7, 0.04), (0.4, 0.2, 0.72)).subdivide_to_size(0.15), "furniture"),
        *[
            (box((0.05, 0.05, 0.69), (0.4 + x, 0.2 + y, 0.355)).subdivide_to_size(0.15), "furniture")
            for x in (-0.45, 0.45)
            for y in (-0.3, 0.3)
        ],
        (box((0.1, 0.08, 0.12), (0.3, 0.2, 0.81)).subdivide_to_size(0.05), "object"),
        (box((0.5, 0.6, 1.1), (-1.6, 0.9, 0.56)).subdivide_to_size(0.15), "furniture"),
        (box((0.2, 0.25, 0.22), (-0.5, -0.9, 0.12)).subdivide_to_size(0.08), "object"),
    ]
    names = []
    for body, name in bodies:
        upwards = body.face_normals[:, 2]
        part = np.where(upwards > 0.5, "floor", np.where(upwards < -0.5, "ceiling", "wall"))
        names.append(part if name == "" else np.full(len(body.faces), name))
    mesh = trimesh.util.concatenate([body for body, _ in bodies])
    vertices = np.array(mesh.vertices) + np.random.default_rng(0).normal(0, 0.002, mesh.vertices.shape)
    return TriangleMesh(vertices, mesh.faces.astype(np.int32)), np.concatenate(names)


def labels_of(mesh: TriangleMesh) -> np.ndarray:
    clean = clean_mesh(mesh, smallest=TOLERANCE)
    slabs = find_building(
        clean, Surface(clean), tolerances=Tolerances.same(TOLERANCE), thickness=0.06, is_up_known=True
    )
    return np.array(LABELS)[label_faces(mesh, slabs, tolerance=TOLERANCE)]


def test_a_furnished_room_is_labelled_right_over_its_area() -> None:
    mesh, truth = furnished()
    found, areas = labels_of(mesh), mesh.face_areas
    right = found == truth
    assert areas[right].sum() > 0.97 * areas.sum()
    for name in ("floor", "wall", "ceiling", "furniture", "object"):
        is_it = truth == name
        assert areas[right & is_it].sum() > 0.8 * areas[is_it].sum(), name


def test_a_wall_of_which_only_the_upper_part_is_seen_above_a_shelf_is_a_wall() -> None:
    mesh, truth = furnished()
    centres = mesh.vertices[mesh.faces].mean(1)
    is_hidden = (truth == "wall") & (centres[:, 1] > 1.45) & (centres[:, 2] < 1.6)
    shelf = box((3.9, 0.35, 1.6), (0.0, 1.32, 0.8)).subdivide_to_size(0.15)
    front = shelf.faces[(shelf.face_normals[:, 1] < 0.5) & (shelf.face_normals[:, 2] > -0.5)]
    kept = mesh.faces[~is_hidden]
    both = TriangleMesh(
        np.concatenate([mesh.vertices, shelf.vertices]),
        np.concatenate([kept, front + len(mesh.vertices)]).astype(np.int32),
    )
    found, areas = labels_of(both)[: len(kept)], both.face_areas[: len(kept)]
    is_above = (truth[~is_hidden] == "wall") & (centres[~is_hidden][:, 1] > 1.45)
    assert areas[is_above & (found == "wall")].sum() > 0.9 * areas[is_above].sum()
    of_shelf = labels_of(both)[len(kept) :]
    assert (of_shelf == "furniture").mean() > 0.9


def test_open_land_is_ground() -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 25), np.linspace(-2, 2, 21), indexing="ij")
    land = trimesh.Trimesh(*_grid(x, y))
    crate = box((0.3, 0.2, 0.25), (0.5, 0.3, 0.13)).subdivide_to_size(0.1)
    both = trimesh.util.concatenate([land, crate])
    found = labels_of(TriangleMesh(np.array(both.vertices), both.faces.astype(np.int32)))
    assert set(found[: len(land.faces)]) == {"ground"}
    assert (found[len(land.faces) :] == "object").mean() > 0.7


def _grid(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = x.shape
    corner = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (corner[i : rows - 1 + i, j : columns - 1 + j].ravel() for i, j in ((0, 0), (1, 0), (1, 1), (0, 1)))
    return np.stack([x, y, 0 * x], -1).reshape(-1, 3), np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def street() -> tuple[TriangleMesh, np.ndarray]:
    """A square with a tower of 30 m, a house of 7 m, a round tree of 5 m and a kiosk of 2 m; and what each face may be called."""
    x, y = np.meshgrid(np.linspace(-20, 20, 41), np.linspace(-15, 15, 31), indexing="ij")
    tree = trimesh.creation.icosphere(subdivisions=4, radius=2.5)
    tree.apply_translation((0.0, 3.0, 2.4))
    bodies = [
        (trimesh.Trimesh(*_grid(x, y)), "floor"),
        (box((6.0, 6.0, 30.0), (-16.0, 11.0, 15.0)), "wall"),
        (box((8.0, 5.0, 7.0), (14.0, 10.0, 3.5)), "wall"),
        (tree, "object"),
        (box((2.0, 2.0, 2.0), (5.0, -8.0, 1.0)), "furniture"),
    ]
    bodies = [(body.subdivide_to_size(1.0), name) for body, name in bodies]
    mesh = trimesh.util.concatenate([body for body, _ in bodies])
    return (
        TriangleMesh(np.array(mesh.vertices), mesh.faces.astype(np.int32)),
        np.concatenate([np.full(len(body.faces), name) for body, name in bodies]),
    )


def test_what_is_higher_than_any_furniture_is_none_beside_something_higher_still() -> None:
    mesh, truth = street()
    found = labels_of(mesh)
    upright = np.abs(mesh.face_normals[:, 2]) < 0.5
    for name in ("wall", "object", "furniture"):
        is_it = (truth == name) & upright
        assert mesh.face_areas[is_it & (found == name)].sum() > 0.9 * mesh.face_areas[is_it].sum(), name
    assert not (found[truth != "furniture"] == "furniture").any()


@pytest.mark.parametrize("name", LABELS)
def test_every_label_has_a_colour_of_its_own(name: str) -> None:
    from recon.export.labels import PALETTE

    assert sum(colour == PALETTE[name] for colour in PALETTE.values()) == 1


def test_fronts_in_the_plane_of_a_walls_end_are_no_wall() -> None:
    """A partition that ends in the room, and a cupboard elsewhere whose front lies in the plane of that end."""
    mesh, _ = furnished()
    partition = box((1.2, 0.6, 2.5), (1.4, -1.2, 1.25)).subdivide_to_size(0.15)
    cupboard = box((0.8, 1.2, 0.9), (1.2, 0.85, 0.45)).subdivide_to_size(0.15)
    both = mesh
    for body in (partition, cupboard):
        side = body.faces[(np.abs(body.face_normals[:, 2]) < 0.5) | (body.face_normals[:, 2] > 0.5)]
        both = TriangleMesh(
            np.concatenate([both.vertices, body.vertices]),
            np.concatenate([both.faces, side + len(both.vertices)]).astype(np.int32),
        )
    found, areas = labels_of(both), both.face_areas
    of_cupboard = slice(-len(cupboard.faces[cupboard.face_normals[:, 2] > -0.5]), None)
    assert areas[of_cupboard][found[of_cupboard] == "furniture"].sum() > 0.9 * areas[of_cupboard].sum()
