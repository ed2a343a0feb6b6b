"""The building of a room: floors, walls and tops as a few boxes and prisms on exact planes, holes closed or kept."""

import numpy as np
import pytest
import trimesh
from rooms import TABLE_TOP, room
from scipy import ndimage

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh
from recon.export.plan_view import PlanView
from recon.export.planes import Plane, find_planes
from recon.export.rectangles import Rectangle, rectangles_over
from recon.export.slab import Slab
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

TOLERANCE = 0.02


def building_of(mesh: TriangleMesh) -> tuple[TriangleMesh, list[Slab]]:
    clean = clean_mesh(mesh, smallest=TOLERANCE)
    return clean, find_building(
        clean, Surface(clean), tolerances=Tolerances.same(TOLERANCE), thickness=0.06, is_up_known=True
    )


def test_a_room_is_a_few_slabs_on_its_true_planes() -> None:
    clean, slabs = building_of(room(noise=0.004, side=0.1))
    assert sum(len(slab.parts) for slab in slabs) < 60
    (floor,) = [slab for slab in slabs if slab.kind == "floor"]
    assert floor.view.plane.normal[2] > 0.9999 and abs(floor.view.plane.offset) < 0.002
    assert len(floor.parts) == 1 and floor.parts[0].box is not None
    tops = [slab.view.plane.offset for slab in slabs if slab.kind == "top"]
    assert min(abs(np.array(tops) - TABLE_TOP)) < 0.003
    explained = np.any([slab.explains(clean, tolerance=np.full(len(clean.faces), TOLERANCE)) for slab in slabs], axis=0)
    assert clean.face_areas[explained].sum() > 0.9 * clean.face_areas.sum()


def test_the_hole_of_a_floor_is_filled_and_says_so() -> None:
    _, slabs = building_of(room(noise=0.0, side=0.1))
    (floor,) = [slab for slab in slabs if slab.kind == "floor"]
    filled = floor.filled_surface()
    centres = filled.vertices[filled.faces].mean(1)
    in_hole = np.hypot(centres[:, 0] + 0.7, centres[:, 1] - 0.5) < 0.3
    assert filled.face_areas[in_hole].sum() > 0.1 and np.abs(filled.vertices[:, 2]).max() < 0.1 * TOLERANCE


def test_a_face_that_spans_a_bay_of_its_floor_is_not_explained_by_it() -> None:
    corners = np.array([[0.0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]])
    square = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    view = PlanView.around(Plane(np.array([0.0, 0, 1]), 0.0), corners, cell=0.01, margin=0.05)
    seen = view.drawn(corners[square.faces])
    (rows, columns) = view.cells(np.array([[0.8, 0.1, 0], [1.1, 0.4, 0]]))[:2]  # beside the corners and the middles
    bay = np.zeros(view.shape, bool)
    bay[rows.min() : rows.max(), columns.min() : columns.max()] = True
    tolerance = np.full(2, TOLERANCE)
    whole, broken = (Slab("floor", view, seen, solid, 0.3, (), TOLERANCE) for solid in (seen, seen & ~bay))
    assert whole.explains(square, tolerance=tolerance).all()
    assert broken.explains(square, tolerance=tolerance).tolist() == [False, True]


def wall_with_door() -> TriangleMesh:
    """A wall 4 m long and 2.5 m high with a door of 1 x 2 m, and a crack of 4 cm."""
    plate = trimesh.creation.box((4, 0.2, 2.5)).subdivide_to_size(0.04)
    centre = plate.triangles_center
    in_door = (np.abs(centre[:, 0] - 0.5) < 0.5) & (centre[:, 2] < 0.75)
    in_crack = np.abs(centre[:, 0] + 1.2) < 0.02
    return TriangleMesh(np.array(plate.vertices), plate.faces[~(in_door | in_crack)].astype(np.int32))


def test_a_door_stays_open() -> None:
    _, slabs = building_of(wall_with_door())
    (front,) = [slab for slab in slabs if slab.view.plane.normal[1] < -0.9]
    rows, columns, inside = front.view.cells(np.array([[0.5, -0.1, -0.5], [0.5, -0.1, 1.0], [-1.0, -0.1, 0.0]]))
    assert inside.all() and front.solid[rows, columns].tolist() == [False, True, True]
    assert len(front.parts) <= 6


def test_a_lower_level_seen_through_an_opening_is_not_covered() -> None:
    upper = trimesh.creation.box((4, 3, 0.2)).subdivide_to_size(0.15)
    centre = upper.triangles_center
    upper = upper.submesh([np.flatnonzero(~((np.abs(centre[:, :2]) < [0.8, 0.6]).all(1)))], append=True)
    lower = trimesh.creation.box((1.4, 1.0, 0.1)).subdivide_to_size(0.15)
    lower.apply_translation((0, 0, -1.5))
    both = trimesh.util.concatenate([upper, lower])
    _, slabs = building_of(TriangleMesh(np.array(both.vertices), both.faces.astype(np.int32)))
    floors = [slab for slab in slabs if slab.kind in ("floor", "top") and abs(slab.view.plane.offset - 0.1) < 0.01]
    rows, columns, _ = floors[0].view.cells(np.array([[0.0, 0.0, 0.1], [1.5, 1.0, 0.1]]))
    assert floors[0].solid[rows, columns].tolist() == [False, True]


def test_planes_are_found_the_same_again() -> None:
    clean = clean_mesh(room(), smallest=TOLERANCE)
    first, second = (find_planes(clean, tolerance=TOLERANCE, min_area=0.08) for _ in range(2))
    assert [len(region.faces) for region in first] == [len(region.faces) for region in second]
    counts = np.bincount(np.concatenate([region.faces for region in first]))
    assert counts.max() == 1  # no face is in two regions


def _gain(mask: np.ndarray) -> int:
    """Cells of the largest rectangle of set cells, by trying all."""
    rows, columns = mask.shape
    return max(
        (end_row - row) * (end_column - column)
        for row in range(rows)
        for end_row in range(row + 1, rows + 1)
        for column in range(columns)
        for end_column in range(column + 1, columns + 1)
        if mask[row:end_row, column:end_column].all()
    )


def test_rectangles_cover_all_largest_first_and_keep_to_what_is_allowed() -> None:
    random = np.random.default_rng(0)
    for _ in range(10):
        mask = random.random((7, 9)) < 0.7
        found = rectangles_over(mask, mask, least=1)
        covered = np.zeros(mask.shape, bool)
        for rectangle in found:
            assert mask[rectangle.cells].all()
            covered[rectangle.cells] = True
        assert (covered == mask).all()
        assert covered[found[0].cells].size == _gain(mask)
    assert rectangles_over(mask, mask, least=64) == []
    (whole,) = rectangles_over(mask, np.ones_like(mask), least=mask.sum())
    assert mask[whole.cells].sum() == mask.sum()


def test_a_rectangle_bridges_a_bay_and_does_not_stand_over_the_edge() -> None:
    mask = np.zeros((20, 30), bool)
    mask[5:15, 5:25] = True
    mask[13:15, 10:12] = False
    allowed = np.zeros(mask.shape, bool)
    allowed[3:17, 3:27] = True
    (whole,) = rectangles_over(mask, allowed, least=10)
    assert whole == Rectangle(5, 5, 15, 25)


def test_what_failed_in_one_rectangle_is_not_looked_at_again_in_all_that_hold_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A street's ground in hundreds of shreds had 70,000 rectangles about them, and each looked for pieces among the same cells."""
    row, column = np.ogrid[-40:41, -40:41]
    disc = row**2 + column**2 < 40**2  # no rectangle in it holds another
    mask = disc & (np.abs(row) < 10) & (np.abs(column) < 10) & (row % 3 == 0) & (column % 3 == 0)
    looked: list[tuple[int, ...]] = []
    monkeypatch.setattr(ndimage, "label", lambda cells, label=ndimage.label: looked.append(cells.shape) or label(cells))
    assert rectangles_over(mask, disc, least=40) == []
    assert len(looked) == 1


def test_what_a_rectangle_leaves_out_gets_rectangles_of_its_own() -> None:
    """A floor that nothing shuts in: tongues of it lay under no box, in the one that was drawn in."""
    mask = np.zeros((60, 80), bool)
    mask[20:40, 10:50] = True
    mask[25:32, 50:75] = True  # narrower than half of the block
    mask[40:55, 20:30] = True
    covered = np.zeros(mask.shape, bool)
    found = rectangles_over(mask, np.ones_like(mask), least=10)
    for rectangle in found:
        covered[rectangle.cells] = True
    assert len(found) == 3
    assert (covered == mask).all()


def test_a_floor_is_continued_along_its_walls() -> None:
    corner = [trimesh.creation.box(size) for size in ((4, 0.1, 2.5), (0.1, 3, 2.5))]
    corner[0].apply_translation((2, 3.05, 1.25))
    corner[1].apply_translation((-0.05, 1.5, 1.25))
    seen = trimesh.creation.box((2.6, 1.2, 0.1))  # all that was filmed of the floor: a track askew
    seen.apply_transform(trimesh.transformations.rotation_matrix(np.radians(25), (0, 0, 1)))
    seen.apply_translation((2.0, 1.6, -0.05))
    turn = trimesh.transformations.rotation_matrix(np.radians(12), (0, 0, 1))
    solid = trimesh.util.concatenate([body.subdivide_to_size(0.1) for body in (*corner, seen)])
    solid.apply_transform(turn)
    _, slabs = building_of(TriangleMesh(np.array(solid.vertices), solid.faces.astype(np.int32)))
    (floor,) = [slab for slab in slabs if slab.kind == "floor"]
    along = floor.view.axes @ turn[:3, 0]
    assert max(abs(along)) > np.cos(np.radians(0.5))  # one of its sides
    assert len(floor.parts) == 1


def test_an_opening_in_a_floor_so_large_that_its_cells_are_coarse_is_not_covered() -> None:
    xs, ys = np.arange(-30, 31, 1.5), np.arange(-15, 16, 1.5)
    flat = np.stack(np.meshgrid(xs, ys), -1)
    number = np.arange(flat[..., 0].size).reshape(flat.shape[:2])
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, :-1], number[1:, 1:]
    faces = np.stack([np.stack([a, b, d], -1), np.stack([a, d, c], -1)], 2)
    whole = np.ones(a.shape, bool)
    whole[10, 20] = False  # [0, 1.5] x [0, 1.5]
    points = np.concatenate([flat, np.zeros((*flat.shape[:2], 1))], -1).reshape(-1, 3)
    lower = points - np.array([0, 0, 0.5])
    mesh = TriangleMesh(
        np.concatenate([points, lower]),
        np.concatenate([faces[whole].reshape(-1, 3), faces[~whole].reshape(-1, 3) + len(points)]).astype(np.int32),
    )
    _, slabs = building_of(mesh)
    (floor,) = [slab for slab in slabs if slab.kind in ("floor", "top") and abs(slab.view.plane.offset) < 0.01]
    assert floor.view.cell > TOLERANCE
    rows, columns, _ = floor.view.cells(np.array([[0.75, 0.75, 0.0], [3.0, 3.0, 0.0]]))
    assert floor.solid[rows, columns].tolist() == [False, True]
