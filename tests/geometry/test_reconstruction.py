"""A posed capture in another frame is the same capture; what is held out; what a view refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from recon.geometry import (
    Camera,
    Points,
    Reconstruction,
    Scale,
    Similarity,
    TriangleMesh,
    View,
    held_out,
    look_at,
    rigid,
    rotation_from_wxyz,
)

CAMERA = Camera("OPENCV", (48, 70), 60.0, 61.0, 34.0, 25.5, (0.12, -0.25, 0.001, -0.0007))
UP = np.array([0.0, 0.0, 1.0])
NEW_FROM_WORLD = Similarity(2.5, rotation_from_wxyz(np.array([0.3, -0.7, 0.2, 0.6])), np.array([4.0, -1.0, 0.5]))


def reconstruction(n: int = 3) -> Reconstruction:
    eyes = [np.array([2.0 + 0.3 * i, -1.0 - 0.2 * i, 1.0]) for i in range(n)]
    views = [View(f"v{i}", Path(f"v{i}.png"), CAMERA, look_at(eye, np.zeros(3), UP)) for i, eye in enumerate(eyes)]
    rng = np.random.default_rng(0)
    points = Points(0.3 * rng.normal(size=(20, 3)), rng.integers(0, 256, (20, 3)).astype(np.uint8))
    return Reconstruction(tuple(views), points, Scale(0.8, "a tape measure", 0.01))


def pixels(posed: Reconstruction) -> np.ndarray:
    """Where every point is in every view [views, points, 2]."""
    assert posed.points is not None
    places = []
    for view in posed.views:
        pose = view.world_from_camera
        in_camera = (posed.points.positions - pose[:3, 3]) @ pose[:3, :3]
        places.append(view.camera.project(torch.from_numpy(in_camera)).numpy())
    return np.stack(places)


def test_another_frame_keeps_every_pixel() -> None:
    posed = reconstruction()
    assert np.isfinite(pixels(posed)).all()
    assert pixels(posed.transformed(NEW_FROM_WORLD)) == pytest.approx(pixels(posed), abs=1e-9)


def test_another_frame_keeps_metres_and_the_way_back() -> None:
    posed, moved = reconstruction(), reconstruction().transformed(NEW_FROM_WORLD)
    assert posed.scale is not None and moved.scale is not None
    metres = np.linalg.norm(posed.centers[0] - posed.centers[2]) * posed.scale.metres_per_unit
    assert np.linalg.norm(moved.centers[0] - moved.centers[2]) * moved.scale.metres_per_unit == pytest.approx(metres)
    assert moved.scale.source == posed.scale.source and moved.scale.relative_error == posed.scale.relative_error
    back = moved.transformed(NEW_FROM_WORLD.inverse())
    assert back.centers == pytest.approx(posed.centers)
    assert back.world_from_capture.matrix == pytest.approx(np.eye(4), abs=1e-12)


def test_the_capture_frame_is_remembered_through_several_moves() -> None:
    posed = reconstruction()
    moved = posed.transformed(NEW_FROM_WORLD).transformed(NEW_FROM_WORLD)
    assert moved.world_from_capture.points(posed.centers) == pytest.approx(moved.centers)


def test_every_eighth_in_name_order_is_held_out() -> None:
    views = [View(f"v{i:02d}", Path("x.png"), CAMERA, np.eye(4)) for i in (3, 0, 16, 8, 1, *range(17, 20), 9, 15)]
    names = sorted(view.name for view in views)
    views += [View(f"x{i:02d}", Path("x.png"), CAMERA, np.eye(4)) for i in range(10)]
    names += [f"x{i:02d}" for i in range(10)]
    assert {view.name for view, out in zip(views, held_out(views), strict=True) if out} == {
        names[0],
        names[8],
        names[16],
    }


def test_of_few_views_three_are_held_out_where_that_leaves_enough() -> None:
    counts = {}
    for n in (1, 3, 8, 9, 10, 11, 16, 17, 24, 40):
        views = [View(f"v{i:02d}", Path("x.png"), CAMERA, np.eye(4)) for i in range(n)]
        counts[n] = sum(held_out(views))
    assert counts == {1: 1, 3: 1, 8: 1, 9: 2, 10: 3, 11: 3, 16: 3, 17: 3, 24: 3, 40: 5}


def test_of_two_cameras_that_take_turns_both_are_judged() -> None:
    tall = Camera("PINHOLE", (70, 48), 60.0, 61.0, 24.0, 35.0)
    views = [View(f"v{i:02d}", Path("x.png"), tall if i % 2 else CAMERA, np.eye(4)) for i in range(40)]
    out = [view for view, is_out in zip(views, held_out(views), strict=True) if is_out]
    assert [view.name for view in out] == ["v00", "v09", "v16", "v25", "v32"]
    assert sum(view.camera == tall for view in out) == 2


def along_a_path(n: int) -> list[View]:
    """Views a hundredth of the path apart that turn by half a degree each."""
    turns = Rotation.from_euler("y", 0.5 * np.arange(n)[:, None], degrees=True).as_matrix()
    return [View(f"v{i:02d}", Path("x.png"), CAMERA, rigid(turns[i], np.array([0.1 * i, 0, 5.0]))) for i in range(n)]


def test_copies_of_a_picture_are_on_one_side() -> None:
    """Cropped, resized and saved again: other cameras and names, poses as matching finds them again."""
    views = along_a_path(40)
    rng = np.random.default_rng(0)
    copies = []
    for i, view in enumerate(views):
        pose = view.world_from_camera.copy()
        pose[:3, :3] = pose[:3, :3] @ Rotation.from_rotvec(rng.normal(0, 0.01, 3)).as_matrix()
        pose[:3, 3] += rng.normal(0, 2e-4, 3)
        copies += [
            View(f"{view.name}_{kind}", Path("x.png"), CAMERA.resized((70 + i, 90)), pose) for kind in "ab"[: i % 3]
        ]
    mixed = [*copies, *views]
    flags = {view.name: out for view, out in zip(mixed, held_out(mixed), strict=True)}
    assert [name for name, out in flags.items() if out and "_" not in name] == ["v00", "v08", "v16", "v24", "v32"]
    assert all(flags[name] == flags[name.split("_")[0]] for name in flags)


def test_neighbours_of_a_film_and_views_of_one_panorama_are_no_copies() -> None:
    path = along_a_path(64)
    assert [i for i, out in enumerate(held_out(path)) if out] == list(range(0, 64, 8))
    turns = Rotation.from_euler("y", 60.0 * np.arange(6)[:, None], degrees=True).as_matrix()
    around = [
        View(f"{view.name}_{k}", Path("x.png"), CAMERA, rigid(turn, view.world_from_camera[:3, 3]))
        for view in path[:20]
        for k, turn in enumerate(turns)
    ]
    assert sum(held_out(around)) == len(around) // 8


def test_of_a_camera_that_turns_on_the_spot_every_eighth_is_held_out() -> None:
    turns = Rotation.from_euler("y", 2.0 * np.arange(40)[:, None], degrees=True).as_matrix()
    assert (
        sum(
            held_out(
                [View(f"v{i:02d}", Path("x.png"), CAMERA, rigid(turn, np.ones(3))) for i, turn in enumerate(turns)]
            )
        )
        == 5
    )


def test_a_camera_for_each_view_changes_nothing() -> None:
    views = [View(f"v{i:02d}", Path("x.png"), CAMERA.resized((96 + 2 * i, 140)), np.eye(4)) for i in range(20)]
    assert [i for i, is_out in enumerate(held_out(views)) if is_out] == [0, 8, 16]


def test_a_split_of_the_data_set_wins() -> None:
    views = [
        View(f"v{i}", Path("x.png"), CAMERA, np.eye(4), split="test" if i in (2, 3) else "train") for i in range(9)
    ]
    assert [i for i, out in enumerate(held_out(views)) if out] == [2, 3]


@pytest.mark.parametrize(
    "pose",
    [
        np.full((4, 4), np.nan),
        np.eye(3),
        rigid(2 * np.eye(3), np.zeros(3)),
        rigid(np.diag([1.0, 1.0, -1.0]), np.zeros(3)),
    ],
    ids=["nan", "3x3", "scaled", "mirrored"],
)
def test_poses_that_are_not_rigid_are_refused(pose: np.ndarray) -> None:
    with pytest.raises(ValueError, match="view v0"):
        View("v0", Path("x.png"), CAMERA, pose)


def test_areas_of_faces() -> None:
    vertices = np.array([[0.0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 4]])
    mesh = TriangleMesh(vertices, np.array([[0, 1, 2], [0, 2, 3], [1, 1, 2]], dtype=np.int32))
    assert mesh.face_areas == pytest.approx([3, 6, 0])
