"""Questions to a surface against closed forms of a box far from the origin."""

import numpy as np
import pytest
import trimesh

from recon.geometry import TriangleMesh
from recon.geometry.surface import Surface, sample_surface

MIDDLE = np.array([5000.0, -300.0, 20.0])  # float32 keeps half a millimetre there
SIZE = np.array([2.0, 3.0, 4.0])


@pytest.fixture(scope="module")
def box() -> TriangleMesh:
    solid = trimesh.creation.box(SIZE)
    return TriangleMesh(np.array(solid.vertices) + MIDDLE, np.array(solid.faces, np.int32))


def test_rays_hit_where_the_box_is(box: TriangleMesh) -> None:
    origins = MIDDLE + np.array([[5.0, 0.1, 0.2], [5.0, 0.1, 0.2], [0.3, 0.1, 9.0]])
    directions = np.array([[-1.0, 0, 0], [1.0, 0, 0], [0, 0, -2.0]])
    hits = Surface(box).cast(origins, directions)
    np.testing.assert_allclose(hits.distance[[0, 2]], [4.0, 3.5], atol=1e-5)  # 7 m at a direction of length 2
    assert np.isinf(hits.distance[1]) and hits.faces[1] == -1 and list(hits.is_hit) == [True, False, True]
    np.testing.assert_allclose(hits.normals, [[1, 0, 0], [0, 0, 0], [0, 0, 1]], atol=1e-6)
    corners = box.vertices[box.faces[hits.faces[0]]]
    u, v = hits.barycentric[0]
    np.testing.assert_allclose(
        (1 - u - v) * corners[0] + u * corners[1] + v * corners[2], origins[0] - [4, 0, 0], atol=1e-4
    )
    assert list(Surface(box).is_blocked(origins, directions)) == [True, False, True]


def test_it_encloses_what_lies_in_it_however_many_are_asked_at_once(
    box: TriangleMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recon.geometry import surface

    places = np.random.default_rng(0).uniform(-1, 1, (50, 3)) * SIZE
    inside = (np.abs(places) < SIZE / 2).all(1)
    monkeypatch.setattr(surface, "_AT_ONCE", 7)
    np.testing.assert_array_equal(Surface(box).encloses(MIDDLE + places), inside)
    assert Surface(box).encloses(np.zeros((0, 3))).shape == (0,)


def test_all_hits_come_sorted(box: TriangleMesh) -> None:
    origins = MIDDLE + np.array([[5.0, 0.1, 0.2], [0.0, 0, 9.0]])
    through, away = Surface(box).cast_all(origins, np.array([[-1.0, 0, 0], [0, 0, 1.0]]))
    np.testing.assert_allclose(np.unique(through.round(4)), [4, 6])
    assert len(away) == 0 and Surface(box).cast_all(origins[:0], origins[:0]) == []


def test_nearest_places_are_exact(box: TriangleMesh) -> None:
    positions = MIDDLE + np.array([[3.0, 0.2, 0.1], [0.0, 0.0, 1.75]])  # outside; inside, under the lid
    nearest = Surface(box).nearest(positions)
    np.testing.assert_allclose(nearest.distance, [2.0, 0.25], atol=1e-5)
    np.testing.assert_allclose(nearest.positions - MIDDLE, [[1.0, 0.2, 0.1], [0, 0, 2.0]], atol=1e-5)
    np.testing.assert_allclose(nearest.normals, box.face_normals[nearest.faces], atol=1e-6)
    np.testing.assert_allclose(Surface(box).distance(positions), nearest.distance, atol=1e-6)


def test_samples_lie_on_their_faces_and_spread_by_area(box: TriangleMesh) -> None:
    points, faces = sample_surface(box, 20_000, seed=3)
    assert Surface(box).distance(points).max() < 1e-4
    counts = np.bincount(faces, minlength=len(box.faces)) / len(faces)
    np.testing.assert_allclose(counts, box.face_areas / box.face_areas.sum(), atol=0.01)
    flat = TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32))
    assert len(sample_surface(flat, 5, seed=0)[0]) == 0 and (flat.face_normals == 0).all()
