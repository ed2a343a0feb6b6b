"""Matched views survive the disk; a damaged file is named."""

import numpy as np
import pytest

from recon.formats.matched_views import read_matched_view, read_matched_views, write_matched_view
from recon.geometry import Camera, Kind, MatchedView, look_at
from recon.workspace import Workspace
from recon.workspace.errors import UserError


def example(name: str = "walk/frame_1") -> MatchedView:
    rng = np.random.default_rng(3)
    size = (5, 7)
    kind = rng.integers(4, size=size).astype(np.uint8)
    has_depth = (kind == Kind.MATCHED) | (kind == Kind.PLANE)
    normal = rng.normal(size=(*size, 3))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return MatchedView(
        name=name,
        camera=Camera("PINHOLE", size, 6.0, 6.5, 3.4, 2.6),
        world_from_camera=look_at(np.array([1.0, 2, 3]), np.zeros(3), np.array([0.0, 0, 1])),
        depth=np.where(has_depth, rng.uniform(1, 4, size), 0).astype(np.float32),
        normal=np.where(has_depth[..., None], normal, 0).astype(np.float32),
        confidence=rng.uniform(0, 1, size).astype(np.float32),
        kind=kind,
    )


def test_round_trip(tmp_path):
    view = example()
    path = write_matched_view(tmp_path, view)
    assert path.name == "walk_frame_1.npz"
    read = read_matched_view(tmp_path, view.name)
    assert read.camera == view.camera
    np.testing.assert_array_equal(read.depth, view.depth)
    np.testing.assert_array_equal(read.kind, view.kind)
    np.testing.assert_array_equal(read.world_from_camera, view.world_from_camera)
    np.testing.assert_allclose(read.confidence, view.confidence, atol=0.5 / 255 + 1e-6)
    np.testing.assert_allclose(read.normal, view.normal, atol=0.012)  # 1 / 127 a component, made unit again


def test_points_lie_at_their_depth_behind_their_pixel():
    view = example()
    points = view.points()
    pose = view.world_from_camera
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    np.testing.assert_allclose(local[:, 2], view.depth[view.has_depth], rtol=1e-6)
    y, x = np.nonzero(view.has_depth)
    np.testing.assert_allclose(local[:, 0] / local[:, 2] * view.camera.fx + view.camera.cx, x + 0.5, atol=1e-6)
    np.testing.assert_allclose(local[:, 1] / local[:, 2] * view.camera.fy + view.camera.cy, y + 0.5, atol=1e-6)


def test_only_pictures_that_were_matched_are_read(tmp_path):
    workspace = Workspace(tmp_path)
    write_matched_view(workspace.matching, example("b"))
    assert [view.name for view in read_matched_views(workspace, ["a", "b"])] == ["b"]


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"x\.npz is missing.*match\.py"):
        read_matched_view(tmp_path, "x")
    (tmp_path / "x.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match=r"x\.npz is damaged"):
        read_matched_view(tmp_path, "x")
