"""Boxes that others replace go; floors keep theirs, and what alone holds something level stays."""

import numpy as np
from rooms import room

from recon.export.building import find_building
from recon.export.collision_mesh import clean_mesh
from recon.export.covering import points_over
from recon.export.hulls import hull_of
from recon.export.spare_boxes import without_spare
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

TOLERANCES = Tolerances.same(0.02)


def test_a_box_that_a_hull_replaces_goes_and_all_others_stay() -> None:
    clean = clean_mesh(room(noise=0.0, side=0.1), smallest=0.02)
    slabs = find_building(clean, Surface(clean), tolerances=TOLERANCES, thickness=0.06, is_up_known=True)
    alone = without_spare(slabs, [], clean, TOLERANCES)
    top = next(number for number, slab in enumerate(slabs) if slab.kind == "top")
    twins = [part.mesh for part in slabs[top].parts]
    fewer = without_spare(slabs, twins, clean, TOLERANCES)
    assert len(fewer[top].parts) == 0 < len(alone[top].parts)
    for before, after in zip(alone, fewer, strict=True):
        assert after.kind == before.kind and (after.kind == "top" or after.parts == before.parts)
    floor = next(number for number, slab in enumerate(slabs) if slab.kind == "floor")
    whole = [part.mesh for part in slabs[floor].parts]
    assert without_spare(slabs, whole, clean, TOLERANCES)[floor].parts == slabs[floor].parts


def test_what_is_left_covers_what_all_did() -> None:
    """Two boxes that are each other's only twin: one of them stays."""
    clean = clean_mesh(room(noise=0.0, side=0.1), smallest=0.02)
    slabs = find_building(clean, Surface(clean), tolerances=TOLERANCES, thickness=0.06, is_up_known=True)
    left = [part.mesh for slab in without_spare([*slabs, *slabs], [], clean, TOLERANCES) for part in slab.parts]
    all_of_them = [part.mesh for slab in slabs for part in slab.parts]
    for box in all_of_them:
        points = points_over(box, apart=0.05, at_most=200)
        assert min_outside(points, left) <= min_outside(points, all_of_them) + 0.02


def min_outside(points: np.ndarray, parts: list[TriangleMesh]) -> float:
    """How far the worst of the points lies outside all parts."""
    depths = []
    for part in parts:
        hull = hull_of(part.vertices)
        assert hull is not None
        normals = hull.face_normals
        offsets = (normals * hull.vertices[hull.faces[:, 0]]).sum(1)
        depths.append((points @ normals.T - offsets).max(1))
    return float(np.maximum(np.min(depths, axis=0), 0).max())
