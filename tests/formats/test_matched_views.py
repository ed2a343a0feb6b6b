"""Matched views survive the disk; a damaged file is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.formats.matched_views import read_matched_view, read_matched_views, write_matched_view
from recon.geometry import Camera, Kind, MatchedView, View, look_at, rigid
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


def view_of(matched: MatchedView) -> View:
    return View(matched.name, Path("x.png"), matched.camera, matched.world_from_camera)


def test_only_pictures_that_were_matched_are_read(tmp_path):
    workspace = Workspace(tmp_path)
    write_matched_view(workspace.matching, example("b"))
    views = [view_of(example("a")), view_of(example("b"))]
    assert [view.name for view in read_matched_views(workspace, views)] == ["b"]


def test_depths_that_were_matched_with_other_poses_are_refused(tmp_path):
    workspace = Workspace(tmp_path)
    write_matched_view(workspace.matching, example("b"))
    view = view_of(example("b"))
    moved = replace(view, world_from_camera=rigid(view.world_from_camera[:3, :3], 2 * view.world_from_camera[:3, 3]))
    with pytest.raises(UserError, match=r"b was matched with another pose.*match\.py"):
        list(read_matched_views(workspace, [moved]))


BREACHES = {
    "pose mirrored": lambda a: a.update(world_from_camera=a["world_from_camera"] @ np.diag([1.0, 1, -1, 1])),
    "pose lost": lambda a: a.update(world_from_camera=np.full((4, 4), np.nan)),
    "no focal length": lambda a: a.update(intrinsics=np.zeros(4)),
    "depth below zero": lambda a: a.update(depth=-a["depth"]),
    "depth of nothing matched": lambda a: a.update(depth=np.ones_like(a["depth"])),
    "matched without depth": lambda a: a.update(kind=np.ones_like(a["kind"])),
    "infinite depth": lambda a: a.update(depth=np.where(a["depth"] > 0, np.inf, 0).astype(np.float32)),
    "unknown kind": lambda a: a.update(kind=np.full_like(a["kind"], 9)),
    "normals beyond their type": lambda a: a.update(normal=np.full(a["normal"].shape, 1000, np.int16)),
    "a focal length that is none": lambda a: a.update(intrinsics=np.array([1e300, 1e300, 4, 3])),
    "another size": lambda a: a.update(confidence=np.zeros((3, 3), np.uint8)),
    "no confidence": lambda a: a.pop("confidence"),
    "text": lambda a: a.update(depth=np.full(a["depth"].shape, "x")),
    "pickled": lambda a: a.update(depth=np.array([{}], object)),
}


@pytest.mark.parametrize("name", BREACHES)
def test_what_breaks_a_law_of_the_file_is_one_line(name, tmp_path):
    path = write_matched_view(tmp_path, example("x"))
    with np.load(path) as arrays:
        changed = dict(arrays)
    BREACHES[name](changed)
    np.savez(path, **changed)
    with pytest.raises(UserError, match=r"x\.npz is damaged") as refused:
        read_matched_view(tmp_path, "x")
    assert "\n" not in str(refused.value)


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"x\.npz is missing.*match\.py"):
        read_matched_view(tmp_path, "x")
    (tmp_path / "x.npz").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match=r"x\.npz is damaged"):
        read_matched_view(tmp_path, "x")
