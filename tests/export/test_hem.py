"""Open borders of the concave mesh: turned back into matter, outwards."""

import numpy as np

from recon.export.hem import hemmed
from recon.export.hulls import Limits
from recon.export.tolerances import Tolerances
from recon.geometry.mesh import TriangleMesh
from recon.geometry.surface import Surface

LIMITS = Limits(Tolerances.same(0.02), 0.06)


def front() -> TriangleMesh:
    """A front of 2 by 1 m that looks along +x and is open all round."""
    corners = np.array([[0, 0, 0], [0, 2, 0], [0, 2, 1], [0, 0, 1]], float)
    return TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))


def test_every_open_edge_gets_a_strip_as_deep_as_parts_reach_that_looks_outwards() -> None:
    mesh = front()
    found = hemmed(mesh, Surface(mesh), LIMITS)
    assert np.isclose(found.vertices[:, 0].min(), -0.06)
    assert np.isclose(found.face_areas.sum(), mesh.face_areas.sum() + 6 * 0.06)
    outwards = ((found.vertices[found.faces].mean(1) - [0, 1, 0.5]) * found.face_normals).sum(1)
    assert len(found.faces) == 2 + 2 * 4 and (outwards[2:] > 0).all()


def test_a_sphere_over_the_upper_border_stands_before_its_hem_from_either_side() -> None:
    mesh = front()
    rim = np.array([[-0.03, 1.0, 1.04], [-0.01, 1.0, 1.04]])  # behind the front's plane, as over a crack
    bare, hem = Surface(mesh).nearest(rim), Surface(hemmed(mesh, Surface(mesh), LIMITS)).nearest(rim)
    assert (((rim - bare.positions) * bare.normals).sum(1) < 0).all()  # on the front alone they are behind it
    assert np.allclose(hem.normals, [0, 0, 1], atol=1e-6) and np.allclose(hem.distance, 0.04)


def test_a_hem_ends_half_way_to_what_faces_it_and_a_closed_mesh_has_none() -> None:
    mesh = front()
    behind = TriangleMesh(
        np.concatenate([mesh.vertices, mesh.vertices - [0.05, 0, 0]]), np.concatenate([mesh.faces, mesh.faces + 4])
    )
    found = hemmed(mesh, Surface(behind), LIMITS)
    assert np.isclose(found.vertices[:, 0].min(), -0.025)
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    closed = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32))
    assert hemmed(closed, Surface(closed), LIMITS) is closed


def test_a_hem_does_not_come_out_of_the_far_side_of_a_leaf_that_tapers_towards_its_rim() -> None:
    top = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], float)
    below = np.array([[-0.1, 0, -0.01], [1, 0, -0.3], [1, 1, -0.3], [-0.1, 1, -0.01]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 6, 5], [4, 7, 6]], np.int32)
    leaf = TriangleMesh(np.concatenate([top, below]), faces)
    found = hemmed(leaf, Surface(leaf), LIMITS)
    backs = found.vertices[len(leaf.vertices) :][: len(top)]  # of the top's corners
    normal = leaf.face_normals[2]
    assert np.allclose(backs[:, :2], top[:, :2]) and (backs[:, 2] < 0).all()
    assert (((backs - below[0]) @ normal) < 1e-9).all()
