"""Laws of charts: every face in one, none over another, and little area lost."""

import numpy as np
import pytest

from recon.geometry import TriangleMesh
from recon.geometry.surface import Surface
from recon.mesh import charts as module
from recon.mesh.atlas import unwrap
from recon.mesh.charts import FlatCharts


def grid(height, n_x: int = 30, n_y: int = 20) -> TriangleMesh:
    """A surface over 3 x 2 units with z = height(x, y), seen from above."""
    x, y = np.meshgrid(np.linspace(0, 3, n_x), np.linspace(0, 2, n_y), indexing="ij")
    a = (np.arange(n_x - 1)[:, None] * n_y + np.arange(n_y - 1)).reshape(-1)
    faces = np.concatenate([np.stack([a, a + n_y, a + 1], 1), np.stack([a + 1, a + n_y, a + n_y + 1], 1)])
    return TriangleMesh(np.stack([x, y, height(x, y)], -1).reshape(-1, 3), faces.astype(np.int32))


def ramp(turns: float = 2.0, n: int = 120) -> TriangleMesh:
    """A spiral ramp: level enough to be one chart by its normals, and above itself from the second turn on."""
    angle = np.linspace(0, 2 * np.pi * turns, n)
    inner, outer = (np.stack([r * np.cos(angle), r * np.sin(angle), 0.05 * angle], 1) for r in (1.0, 2.0))
    a = np.arange(n - 1)
    faces = np.concatenate([np.stack([a, a + n, a + 1], 1), np.stack([a + 1, a + n, a + n + 1], 1)])
    return TriangleMesh(np.concatenate([inner, outer]), faces.astype(np.int32))


def box() -> TriangleMesh:
    corners = np.stack(np.meshgrid([0.0, 1.0], [0.0, 2.0], [0.0, 3.0], indexing="ij"), -1).reshape(-1, 3)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = [[q[0], q[i], q[i + 1]] for q in quads for i in (1, 2)]
    return TriangleMesh(corners, np.array(faces, np.int32))


def flat_charts(mesh: TriangleMesh, fineness: np.ndarray | None = None) -> FlatCharts:
    return module.flat_charts(mesh, np.ones(len(mesh.faces)) if fineness is None else fineness)


def areas(flat: np.ndarray) -> np.ndarray:
    (ax, ay), (bx, by) = (flat[:, 1] - flat[:, 0]).T, (flat[:, 2] - flat[:, 0]).T
    return (ax * by - ay * bx) / 2


@pytest.mark.parametrize(
    "mesh", [grid(lambda x, y: 0.2 * np.sin(3 * x) * y), ramp(), box()], ids=["hills", "ramp", "box"]
)
def test_no_face_is_upside_down_or_loses_most_of_its_area(mesh):
    charts = flat_charts(mesh)
    assert (charts.chart >= 0).all()
    assert (areas(charts.corners[..., :2]) > 0.25 * mesh.face_areas).all()


def test_planes_keep_their_size_and_are_one_chart_each():
    mesh = box()
    charts = flat_charts(mesh)
    assert len(np.unique(charts.chart)) == 6
    np.testing.assert_allclose(areas(charts.corners[..., :2]), mesh.face_areas)


def test_a_gentle_hill_is_one_chart():
    assert len(np.unique(flat_charts(grid(lambda x, y: 0.2 * np.sin(3 * x) * y)).chart)) == 1


def test_what_wants_to_be_finer_is_larger_and_a_chart_of_its_own():
    mesh = grid(lambda x, y: 0 * x)
    is_left = mesh.vertices[mesh.faces].mean(1)[:, 0] < 1
    charts = flat_charts(mesh, np.where(is_left, 400.0, 100.0))
    assert len(np.unique(charts.chart)) == 2
    larger = areas(charts.corners[..., :2]) / mesh.face_areas
    np.testing.assert_allclose(larger[is_left].min() / larger[~is_left].max(), 16)
    near = np.random.default_rng(0).uniform(95, 105, len(mesh.faces))
    assert len(np.unique(flat_charts(mesh, near * 1.3).chart)) == 1  # what is nearly alike stays together


def test_texels_follow_fineness_and_what_nobody_shows_takes_few():
    mesh = grid(lambda x, y: 0 * x)
    middles = mesh.vertices[mesh.faces].mean(1)
    wanted = np.where(middles[:, 0] < 1, 400.0, 100.0) * (middles[:, 1] < 1.5)
    atlas = unwrap(mesh, texture_size=1024, fineness=wanted.astype(np.float32))
    flat = np.concatenate([atlas.uvs * 1024, np.zeros((len(atlas.uvs), 1))], 1)[atlas.faces]
    a, b = flat[:, 1, :2] - flat[:, 0, :2], flat[:, 2, :2] - flat[:, 0, :2]
    along = np.sqrt(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2 / mesh.face_areas)  # texels a unit
    np.testing.assert_allclose(along[wanted == 400].mean() / along[wanted == 100].mean(), 4, rtol=0.02)
    np.testing.assert_allclose(along[wanted == 0].mean() / along[wanted == 100].mean(), 1, rtol=0.02)


def test_what_lies_under_itself_is_cut():
    mesh = ramp()
    assert len(np.unique(flat_charts(mesh).chart)) > 1
    atlas = unwrap(mesh, texture_size=256)
    flat = np.concatenate([atlas.uvs, np.zeros((len(atlas.uvs), 1))], 1).astype(np.float64)
    charts = Surface(TriangleMesh(flat, atlas.faces), origin=np.zeros(3))
    rng = np.random.default_rng(0)
    places = np.concatenate([rng.random((5000, 2)), np.ones((5000, 1))], 1)
    hits = charts.cast_all(places, np.broadcast_to([0.0, 0.0, -1.0], places.shape))
    n_hits = np.array([len(hit) for hit in hits])
    assert (n_hits > 0).mean() > 0.35  # the texture is used
    assert (n_hits > 1).mean() < 1e-3  # but for slivers, once


def test_a_face_without_area_and_one_that_three_share_do_no_harm():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0.1], [0.5, 0.5, 1], [2, 0, 0]], float)
    faces = np.array([[0, 1, 2], [2, 1, 3], [1, 2, 4], [0, 1, 5]], np.int32)
    atlas = unwrap(TriangleMesh(vertices, faces), texture_size=64)
    np.testing.assert_array_equal(atlas.source_vertex[atlas.faces], faces)
    assert np.isfinite(atlas.uvs).all()
