"""Tops of one height that stand apart are tables of their own; one that something stands across stays one."""

from collections.abc import Sequence

import numpy as np
import pytest
from rooms import Rise, sheet

from recon.export.planes import FlatRegion, find_planes
from recon.export.tops import tops_of
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

TOLERANCE = 0.02
LARGE: Rise = (-1.3, -0.3, -0.5, 0.5, 0.5)
SMALL: Rise = (0.5, 0.9, -0.2, 0.2, 0.51)  # as high as the large one, but for less than the tolerance
ACROSS: Rise = (-0.95, -0.65, -0.5, 0.5, 0.9)  # on the large one, from its one side to the other


def tops(*rises: Rise) -> tuple[TriangleMesh, list[FlatRegion]]:
    """A sheet and the tops in its region at the tables' height, which reaches over all of them."""
    mesh = sheet(*rises)
    regions = find_planes(mesh, tolerance=TOLERANCE, min_area=200 * TOLERANCE**2)
    (region,) = [each for each in regions if each.plane.normal[2] > 0.9 and 0.4 < abs(each.plane.offset) < 0.6]
    return mesh, tops_of(region, mesh, Surface(mesh), tolerance=TOLERANCE)


def widths(mesh: TriangleMesh, found: Sequence[FlatRegion]) -> list[float]:
    return [float(np.ptp(mesh.vertices[mesh.faces[top.faces], 0])) for top in found]


def test_tables_of_about_one_height_are_tops_of_their_own_each_on_its_plane() -> None:
    mesh, found = tops(LARGE, SMALL)
    assert widths(mesh, found) == pytest.approx([1.0, 0.4], abs=1e-6)
    for top, height in zip(found, (0.5, 0.51), strict=True):
        assert top.plane.offset == pytest.approx(height, abs=1e-6) and top.plane.normal[2] == pytest.approx(1.0)
        assert top.area == pytest.approx(mesh.face_areas[top.faces].sum())


def test_a_top_that_something_stands_across_stays_one() -> None:
    mesh, found = tops(LARGE, ACROSS)
    assert widths(mesh, found) == pytest.approx([1.0], abs=1e-6)


def test_a_top_that_was_seen_with_a_gap_stays_one() -> None:
    mesh = sheet(LARGE)
    middle = mesh.vertices[mesh.faces].mean(1)
    is_gap = (np.abs(middle[:, 0] + 0.8) < 0.03) & (middle[:, 2] > 0.4)
    torn = TriangleMesh(mesh.vertices, mesh.faces[~is_gap])
    (region,) = [r for r in find_planes(torn, tolerance=TOLERANCE, min_area=0.1) if abs(r.plane.offset - 0.5) < 0.01]
    assert len(tops_of(region, torn, Surface(torn), tolerance=TOLERANCE)) == 1
