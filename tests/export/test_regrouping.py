"""Two parts become one where a hull of what only they cover keeps the limits."""

import numpy as np

from recon.export.convex_parts import Decomposition
from recon.export.cover import Cover
from recon.export.covering import Skin
from recon.export.fewest import fewest
from recon.export.hulls import Limits, hull_of
from recon.export.regrouping import Regrouper
from recon.export.strays import Strays
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh, joined
from recon.kernels.surfaces import AskedSurface

TOLERANCES = Tolerances.same(0.02)
THICKNESS = 0.06


def sheet(corner: tuple[float, ...], u: tuple[float, ...], v: tuple[float, ...]) -> TriangleMesh:
    """A rectangle from a corner along u and v, free space on the side of u x v."""
    a, b, c = np.array(corner), np.array(u), np.array(v)
    return TriangleMesh(np.array([a, a + b, a + b + c, a + c]), np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def behind(*meshes: TriangleMesh) -> TriangleMesh:
    """The hull of surfaces and their copies behind them."""
    corners = [mesh.vertices for mesh in meshes]
    corners += [mesh.vertices - THICKNESS * mesh.face_normals[0] for mesh in meshes]
    hull = hull_of(np.concatenate(corners))
    assert hull is not None
    return hull


def trough() -> tuple[TriangleMesh, list[TriangleMesh]]:
    """A floor of 2 by 1 m between two walls, and parts: each half of it with the foot of its wall, each wall."""
    floors = [sheet((x, -0.5, 0), (1, 0, 0), (0, 1, 0)) for x in (0, 1)]
    walls = [sheet((0, -0.5, 0), (0, 1, 0), (0, 0, 0.5)), sheet((2, 0.5, 0), (0, -1, 0), (0, 0, 0.5))]
    feet = [sheet((0, -0.5, 0), (0, 1, 0), (0, 0, 0.2)), sheet((2, 0.5, 0), (0, -1, 0), (0, 0, 0.2))]
    parts = [behind(floor, foot) for floor, foot in zip(floors, feet, strict=True)] + [behind(wall) for wall in walls]
    return joined([*floors, *walls]), parts


def test_the_halves_of_a_floor_become_one_when_others_hold_their_walls() -> None:
    mesh, parts = trough()
    strays = Strays(AskedSurface(mesh), Limits(TOLERANCES, THICKNESS))
    whole = hull_of(np.concatenate([part.vertices for part in parts[:2]]))
    assert whole is not None and strays.excess([whole])[0] > 1, "the hull of both fills the trough"
    cover = Cover(parts, [], Skin.of(mesh, bare=0.0, tolerances=TOLERANCES))
    is_open = np.setdiff1d(np.arange(len(cover.skin.points)), np.concatenate([cover.covered_by(p) for p in parts]))
    Regrouper(cover, strays, np.ones(len(parts))).all_pairs()
    assert len(cover.parts) == 3
    left = np.concatenate([cover.covered_by(part) for part in cover.parts.values()])
    assert np.isin(np.arange(len(cover.skin.points)), [*left, *is_open]).all(), "all that was covered still is"
    floor = cover.parts[0]
    assert -0.02 < floor.vertices[:, 2].max() <= 1e-9 and np.ptp(floor.vertices[:, 0]) > 1.9
    assert strays.excess([floor])[0] <= 1


def test_a_pair_is_as_loose_as_the_looser_of_both_and_one_that_strays_is_left() -> None:
    mesh, parts = trough()
    skin, strays = (
        Skin.of(mesh, bare=0.0, tolerances=TOLERANCES),
        Strays(AskedSurface(mesh), Limits(TOLERANCES, THICKNESS)),
    )
    looser = np.array([1.0, 1.5, 1.0, 1.0])
    Regrouper(Cover(parts, [], skin), strays, looser).all_pairs()
    assert looser[0] == 1.5
    walls = Cover(parts[2:], [], skin)
    Regrouper(walls, strays, np.ones(2)).all_pairs()
    assert len(walls.parts) == 2


def test_the_fewest_parts_cover_what_those_found_did() -> None:
    mesh, parts = trough()
    skin, strays = (
        Skin.of(mesh, bare=0.0, tolerances=TOLERANCES),
        Strays(AskedSurface(mesh), Limits(TOLERANCES, THICKNESS)),
    )
    found = Decomposition([*parts, parts[0]], np.ones(5))
    fewer = fewest(found, [], skin, strays)
    assert len(fewer.parts) == 3 == len(fewer.looser)
    assert fewest(Decomposition([], np.zeros(0)), parts, skin, strays).parts == []


def test_two_loosened_parts_stay_two_where_the_hull_of_both_strays_more_than_either() -> None:
    for deep in np.linspace(0.1, 0.2, 6):
        halves = [sheet((-1, -0.5, deep), (1, 0, -deep), (0, 1, 0)), sheet((0, -0.5, 0), (1, 0, deep), (0, 1, 0))]
        mesh = joined(halves)
        cover = Cover([behind(half) for half in halves], [], Skin.of(mesh, bare=0.0, tolerances=TOLERANCES))
        Regrouper(cover, Strays(AskedSurface(mesh), Limits(TOLERANCES, THICKNESS)), np.full(2, 2.25)).all_pairs()
        assert len(cover.parts) == 2
