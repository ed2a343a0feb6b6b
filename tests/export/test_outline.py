"""Where a floor ends: at walls that were seen, in corners that were not, and a little beyond what was seen elsewhere."""

import numpy as np

from recon.export.outline import BORDER_M, Wall, floor_about
from recon.export.plan_view import PlanView
from recon.export.planes import Plane

FLOOR = Plane(np.array([0.0, 0.0, 1.0]), 0.0)
# A room of 6 x 5 m without its upper right corner of 2 x 1.5 m, counter-clockwise.
CORNERS = np.array([[0, 0], [6, 0], [6, 3.5], [4, 3.5], [4, 5], [0, 5]], float)


def walls_of(corners: np.ndarray, *, missing: float) -> list[Wall]:
    """Walls 2.5 m high that face in, of which `missing` metres at both ends were not seen."""
    walls = []
    for first, last in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (last - first) / np.linalg.norm(last - first)
        ends = np.array([first + missing * along, last - missing * along])
        standing = np.concatenate([np.column_stack([ends, np.full(2, z)]) for z in (0.0, 2.5)])
        walls.append(Wall(np.array([-along[1], along[0], 0.0]), standing))
    return walls


def seen_in(view: PlanView, low: tuple[float, float], high: tuple[float, float]) -> np.ndarray:
    """A rectangle of floor that was seen."""
    seen = np.zeros(view.shape, bool)
    (first_row, last_row), (first_column, last_column) = (
        view.cells(np.array([[*low, 0.0], [*high, 0.0]]))[axis] for axis in (0, 1)
    )
    seen[
        min(first_row, last_row) : max(first_row, last_row) + 1,
        min(first_column, last_column) : max(first_column, last_column) + 1,
    ] = True
    return seen


def view_of(corners: np.ndarray) -> PlanView:
    points = np.column_stack([corners, np.zeros(len(corners))])
    return PlanView.around(FLOOR, points, cell=0.02, margin=BORDER_M, along=np.array([1.0, 0.0, 0.0]))


def is_in_room(view: PlanView, *, slack: float) -> np.ndarray:
    x, y = (view.world(view.centres(np.ones(view.shape, bool)))[:, axis].reshape(view.shape) for axis in (0, 1))
    whole = (x > slack) & (x < 6 - slack) & (y > slack) & (y < 5 - slack)
    return whole & ~((x > 4 - slack) & (y > 3.5 - slack))


def test_a_floor_seen_in_part_ends_at_the_walls_of_its_room_with_all_their_corners() -> None:
    view = view_of(CORNERS)
    seen = seen_in(view, (1.0, 0.5), (5.0, 3.0))
    for missing, stray in (
        (0.0, 0.0),
        (0.5, 0.5),
    ):  # metres of each wall's ends not seen, square metres beyond a corner that juts in
        floor, allowed = floor_about(view, seen, walls_of(CORNERS, missing=missing), metre=1.0)
        assert (floor | ~is_in_room(view, slack=0.05)).all(), missing
        for cells in (floor, allowed):
            assert (cells & ~is_in_room(view, slack=-0.05)).sum() * view.cell**2 <= stray, missing


def test_without_walls_a_floor_ends_a_little_beyond_what_was_seen() -> None:
    view = view_of(CORNERS)
    seen = seen_in(view, (1.0, 1.0), (3.0, 2.0))
    seen &= ~seen_in(view, (1.8, 1.4), (2.2, 1.6))  # under a chair
    floor, allowed = floor_about(view, seen, [], metre=1.0)
    assert (floor == seen_in(view, (1.0, 1.0), (3.0, 2.0))).all()
    beyond = view.world(view.centres(allowed & ~floor))
    assert len(beyond) and np.abs(beyond[:, :2] - [2.0, 1.5]).max(0)[0] <= 1.0 + BORDER_M + view.cell


def test_floor_that_was_seen_behind_a_wall_stays_and_the_wall_ends_nothing_there() -> None:
    view = view_of(CORNERS)
    seen = seen_in(view, (1.0, 0.5), (5.5, 3.0))  # the wall at x = 4 stands amid it
    (partition,) = [wall for wall in walls_of(CORNERS, missing=0.0) if (wall.corners[:, 0] == 4.0).all()]
    lower = Wall(partition.normal, partition.corners - [0.0, 3.0, 0.0])
    floor, allowed = floor_about(view, seen, [lower], metre=1.0)
    assert floor[seen].all()
    row, column, _ = view.cells(np.array([5.9, 1.5, 0.0]))
    assert allowed[row, column]


def test_a_corner_behind_what_was_seen_is_floor_though_a_gap_leads_out_of_it_along_a_wall() -> None:
    view = view_of(CORNERS)
    # The room's right and lower wall; the floor was seen over an angle about the corner that they make, 0.6 m off the right one.
    seen = seen_in(view, (0.0, 2.5), (5.4, 3.4)) | seen_in(view, (0.0, 0.0), (2.0, 3.4))
    lower, right = walls_of(CORNERS, missing=0.0)[:2]
    floor, _ = floor_about(view, seen, [lower, right], metre=1.0)
    corner = seen_in(view, (2.0, 0.0), (6.0, 2.5))
    assert floor[seen_in(view, (2.0, 0.05), (5.3, 2.5))].all() and floor[seen_in(view, (5.3, 0.05), (5.95, 1.8))].all()
    assert (floor & ~seen & ~corner).sum() * view.cell**2 < 0.7
    # With a gap that is wider than a floor goes on over, nobody knows.
    floor, _ = floor_about(view, seen & ~seen_in(view, (4.0, 2.5), (5.4, 3.4)), [lower, right], metre=1.0)
    assert (floor & corner).sum() * view.cell**2 < 0.1
