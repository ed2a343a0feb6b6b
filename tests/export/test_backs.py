"""A thing that was seen from one side is drawn shut: no place in it looks free, and no camera looks into what wheels run at."""

import numpy as np
import pytest

from recon.export.place import Box, Part, Thing
from recon.export.things.backs import with_back
from recon.export.trials.places import plan_places
from recon.export.zones import Reach
from recon.geometry.mesh import TriangleMesh, chosen, joined
from recon.geometry.surface import Surface

TOLERANCE, SIDE = 0.02, 0.9
CRATE = Box(np.array([0.0, 0.0, SIDE / 2]), np.eye(3), np.full(3, SIDE / 2)).mesh()


def crate(seen: np.ndarray) -> Thing:
    """A crate on the floor of which some faces were seen; its part is the whole."""
    visual = chosen(TriangleMesh(CRATE.vertices, CRATE.faces, colors=np.full((8, 3), 90, np.uint8)), seen)
    return Thing("crate", "furniture", np.zeros(3), visual, (Part("part", CRATE),), 1.0, np.zeros(3), np.eye(3))


def seen_from_a_corner() -> np.ndarray:
    """Top and two sides."""
    return np.asarray((CRATE.face_normals @ np.array([1.0, 1.0, 1.0])) > 0)


def test_a_crate_seen_from_a_corner_is_shut() -> None:
    thing = crate(seen_from_a_corner())
    closed = with_back(thing, tolerance=TOLERANCE)
    shut = closed.visual
    assert closed.n_unseen == len(shut.faces) - len(thing.visual.faces)
    assert (shut.face_normals[-closed.n_unseen :] @ np.array([1.0, 1, 1]) < 0).all()  # the three far sides, last
    added = float(shut.face_areas.sum() - thing.visual.face_areas.sum())
    assert added == pytest.approx(3 * SIDE**2, rel=0.25)  # no nearer to what was seen than half a tolerance
    inside = np.random.default_rng(0).uniform([-0.4, -0.4, 0.05], [0.4, 0.4, 0.85], (200, 3))
    assert Surface(shut).encloses(inside).mean() > 0.95
    assert Surface(CRATE).distance(shut.vertices).max() < 1e-6
    assert shut.colors is not None and (shut.colors == 90).all()


def test_what_was_seen_all_round_stays_as_it_is() -> None:
    thing = crate(np.ones(len(CRATE.faces), bool))
    assert with_back(thing, tolerance=TOLERANCE) is thing


def test_no_sphere_starts_in_it() -> None:
    """Newton flung one that did: it started half in the crate's convex part, over floor that is closed under it."""
    floor = TriangleMesh(
        2 * np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    )
    thing = crate(seen_from_a_corner())

    def in_crate(visual: TriangleMesh) -> int:
        surface = Surface(joined([floor, visual]))
        places = plan_places(
            surface,
            Reach.everywhere(),
            radius=0.05,
            tolerance=TOLERANCE,
            thickness=0.06,
            n_spheres=300,
            speed=0.0,
            gravity=9.81,
        )
        assert len(places.starts) > 100
        return int((np.abs(places.starts - [0, 0, SIDE / 2]).max(1) < SIDE / 2).sum())

    assert in_crate(thing.visual) > 0
    assert in_crate(with_back(thing, tolerance=TOLERANCE).visual) == 0


def test_usd_says_which_faces_nobody_saw(tmp_path) -> None:
    pytest.importorskip("pxr", reason="usd-core is not installed")
    from pxr import Usd, UsdGeom, UsdSemantics

    from recon.export.scenes.usd_prims import fill_mesh, mark_unseen

    closed = with_back(crate(seen_from_a_corner()), tolerance=TOLERANCE)
    stage = Usd.Stage.CreateInMemory()
    drawn = fill_mesh(UsdGeom.Mesh.Define(stage, "/Visual"), closed.visual)
    mark_unseen(drawn, len(closed.visual.faces), closed.n_unseen)
    subset = UsdGeom.Subset(stage.GetPrimAtPath("/Visual/unseen"))
    assert list(subset.GetIndicesAttr().Get()) == list(range(len(closed.visual.faces)))[-closed.n_unseen :]
    labels = UsdSemantics.LabelsAPI(subset.GetPrim(), "evidence").GetLabelsAttr().Get()
    assert list(labels) == ["unseen"]
