"""Small parts taken over by the parts beside them, within the limits."""

import numpy as np
from rooms import box

from recon.export.absorbing import Absorber
from recon.export.cover import Cover
from recon.export.covering import Skin
from recon.export.hulls import Limits, hull_of
from recon.export.strays import Strays
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.kernels.surfaces import AskedSurface

TOLERANCES = Tolerances.same(0.02)


def _slab(low: tuple[float, float], high: tuple[float, float], height: float) -> TriangleMesh:
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (height - 0.06, height)]
    hull = hull_of(np.array(corners, float))
    assert hull is not None
    return hull


def _level(length: float, height: float) -> TriangleMesh:
    """A surface of `length` by 1 m, and beyond its end another, higher one of .3 m."""
    bodies = [box((length, 1, 1), (length / 2, 0, -0.5)), box((0.3, 1, 1), (length + 0.15, 0, height - 0.5))]
    tops = [body.subdivide_to_size(0.1) for body in bodies]
    vertices = np.concatenate([np.array(top.vertices) for top in tops])
    faces = [top.faces[top.face_normals[:, 2] > 0.9] for top in tops]
    return TriangleMesh(vertices, np.concatenate([faces[0], faces[1] + len(tops[0].vertices)]).astype(np.int32))


def _parts_left(height: float) -> list[TriangleMesh]:
    mesh = _level(1.0, height)
    parts = [_slab((0, -0.5), (1.0, 0.5), 0), _slab((1.0, -0.5), (1.3, 0.5), height)]
    skin = Skin.of(mesh, bare=0.0, tolerances=TOLERANCES)
    cover = Cover(parts, [], skin)
    Absorber(cover, Strays(AskedSurface(mesh), Limits(TOLERANCES, 0.06)), np.ones(len(parts))).once()
    return list(cover.parts.values())


def test_a_scrap_goes_to_its_neighbour_which_grows_to_within_the_tolerance_of_it() -> None:
    (part,) = _parts_left(0.0)
    assert part.vertices[:, 0].max() > 1.25 and part.vertices[:, 2].max() <= 1e-9


def test_a_scrap_that_no_neighbour_may_reach_keeps_its_part() -> None:
    assert len(_parts_left(0.2)) == 2
