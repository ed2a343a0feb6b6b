"""A plane is what one connected piece of the surface says, not what happens to lie in it."""

import numpy as np

from recon.geometry import TriangleMesh
from recon.geometry.mesh import joined
from recon.mesh.plane_finding import find_planes

TOLERANCE, CELL, MIN_AREA = 0.04, 0.04, 0.25


def plate(corner: tuple[float, float, float], sides: tuple[float, float]) -> TriangleMesh:
    """A rectangle with 1 mm of noise, looking up."""
    n = [max(2, int(side / 0.02)) for side in sides]
    i, j = (a.reshape(-1) for a in np.meshgrid(np.arange(n[0] + 1), np.arange(n[1] + 1), indexing="ij"))
    x, y = i / n[0] * sides[0], j / n[1] * sides[1]
    heights = np.random.default_rng(0).normal(scale=0.001, size=len(x))
    a = (np.arange(n[0])[:, None] * (n[1] + 1) + np.arange(n[1])).reshape(-1)
    faces = np.concatenate([np.stack([a, a + n[1] + 1, a + n[1] + 2], -1), np.stack([a, a + n[1] + 2, a + 1], -1)])
    return TriangleMesh(np.asarray(corner) + np.stack([x, y, heights], -1), faces.astype(np.int32))


def planes_of(*plates: TriangleMesh) -> list:
    return find_planes(joined(plates), tolerance=TOLERANCE, cell=CELL, min_area=MIN_AREA)


def test_two_lids_of_about_one_height_are_two_planes() -> None:
    """2.5 cm apart, where 4 would be allowed: one plane through both would be tilted."""
    found = planes_of(plate((0, 0, 1), (1, 1)), plate((3, 0, 1.025), (0.9, 0.9)))
    assert len(found) == 2
    for plane, x, height in zip(found, (0.5, 3.45), (1.0, 1.025), strict=True):
        assert abs(plane.heights(np.array([[x, 0.5, height]]))[0]) < 0.001
        assert plane.normal[2] > 1 - 1e-6 and plane.noise < 0.002
        assert np.ptp(plane.centers(plane.is_covered)[:, 0]) < 1.2


def test_a_floor_behind_furniture_belongs_to_the_floor() -> None:
    found = planes_of(plate((0, 0, 0), (2, 2)), plate((3, 0, 0.0), (0.3, 0.3)))
    assert len(found) == 1
    assert found[0].holds(np.array([[3.15, 0.15, 0.0]]), found[0].is_covered).all()


def test_bits_all_over_the_room_are_no_plane() -> None:
    heights = np.random.default_rng(1).uniform(-0.03, 0.03, 25)
    bits = [plate((1.0 * (i % 5), 1.0 * (i // 5), height), (0.2, 0.2)) for i, height in enumerate(heights)]
    assert planes_of(*bits) == []


def test_a_rim_does_not_say_how_it_is_turned() -> None:
    assert planes_of(plate((0, 0, 0), (6, 0.1))) == []
    assert len(planes_of(plate((0, 0, 0), (3, 0.4)))) == 1
