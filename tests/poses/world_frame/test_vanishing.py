"""The vertical from edges: exact planes give it exactly, clutter does not move it, bare noise gives none."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.geometry import Camera, Reconstruction, Similarity, View, look_at
from recon.poses.world_frame.up.align import find_up
from recon.poses.world_frame.up.vanishing import find_vertical, segment_planes, vertical_of_planes
from recon.workspace.console import take_warnings

UP = np.array([0.0, 0.0, 1.0])
LENS = Camera("OPENCV", (240, 320), 260.0, 260.0, 162.0, 117.0, (-0.12, 0.03, 0.0, 0.0))


def planes(n: int, direction: np.ndarray, noise_deg: float, seed: int) -> np.ndarray:
    """Unit normals [n, 3] of planes that hold `direction`, off by `noise_deg`."""
    rng = np.random.default_rng(seed)
    normals = np.cross(direction, rng.normal(size=(n, 3)))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals += np.radians(noise_deg) * rng.normal(size=(n, 3))
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


@pytest.mark.parametrize("seed", range(3))
def test_the_direction_comes_out_of_any_frame_through_clutter(seed: int) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    true, prior = turn @ UP, turn @ Rotation.from_euler("xy", (7, -6), degrees=True).as_matrix() @ UP
    clutter = np.random.default_rng(seed).normal(size=(600, 3))
    clutter /= np.linalg.norm(clutter, axis=1, keepdims=True)
    level = planes(300, turn @ np.array([0.6, 0.8, 0]), 0.3, seed + 10)  # shelves: horizontal edges
    normals = np.concatenate([planes(400, true, 0.4, seed), clutter, level])
    found = vertical_of_planes(normals, prior, max_tilt_deg=15.0, seed=0)
    assert found is not None and angle_deg(found.direction, true) < 0.15
    assert found.n_segments >= 350 and 0.5 < found.error_deg < 1.5
    assert vertical_of_planes(-normals, prior, max_tilt_deg=15.0, seed=0) is not None  # normals have no sign


def test_exact_planes_give_the_exact_direction() -> None:
    found = vertical_of_planes(planes(200, UP, 0.0, 0), UP, max_tilt_deg=15.0, seed=0)
    assert found is not None and angle_deg(found.direction, UP) < 1e-6 and found.sharpness == 1.0


def test_foliage_and_few_segments_give_none() -> None:
    clutter = np.random.default_rng(0).normal(size=(5000, 3))
    clutter /= np.linalg.norm(clutter, axis=1, keepdims=True)
    assert vertical_of_planes(clutter, UP, max_tilt_deg=15.0, seed=0) is None
    assert vertical_of_planes(planes(30, UP, 0.1, 0), UP, max_tilt_deg=15.0, seed=0) is None
    one = np.tile([1.0, 0.0, 0.0], (200, 1))  # one edge seen often: what lies across stays open
    assert vertical_of_planes(one, UP, max_tilt_deg=15.0, seed=0) is None


def test_edges_that_all_lean_too_far_are_not_the_vertical() -> None:
    leaning = Rotation.from_euler("x", 25, degrees=True).as_matrix() @ UP
    assert vertical_of_planes(planes(400, leaning, 0.2, 0), UP, max_tilt_deg=15.0, seed=0) is None


# ---- pictures of a room whose walls carry vertical and level lines --------------------------------------------------


def room_edges() -> list[np.ndarray]:
    """Straight edges [2, 3] of a box room of 6 m x 4 m x 2.6 m: panels on the walls, slats across the ceiling."""
    edges = []
    for x in np.arange(-3, 3.01, 0.5):
        edges += [np.array([[x, y, -1.3], [x, y, 1.3]]) for y in (-2.0, 2.0)]
    for y in np.arange(-2, 2.01, 0.5):
        edges += [np.array([[x, y, -1.3], [x, y, 1.3]]) for x in (-3.0, 3.0)]
    for z in (-1.3, -0.4, 0.5, 1.3):
        edges += [np.array([[-3, y, z], [3, y, z]]) for y in (-2.0, 2.0)]
        edges += [np.array([[x, -2, z], [x, 2, z]]) for x in (-3.0, 3.0)]
    return edges


def draw(pose: np.ndarray) -> np.ndarray:
    """The edges as a person's camera sees them: lines bent by the lens, uint8 [h, w, 3]."""
    image = np.full((4 * 240, 4 * 320), 205, np.uint8)
    camera = LENS.resized((960, 1280))
    for edge in room_edges():
        points = edge[0] + np.linspace(0, 1, 400)[:, None] * (edge[1] - edge[0])
        in_camera = (points - pose[:3, 3]) @ pose[:3, :3]
        in_view = (in_camera[:, 2] > 0.1) & (np.abs(in_camera[:, :2]) < 0.9 * in_camera[:, 2:]).all(1)
        pixels = camera.project(torch.from_numpy(in_camera)).numpy()
        for a in range(399):
            if in_view[a] and in_view[a + 1]:
                ends = ((pixels[a : a + 2] - 0.5) * 16).round().astype(int)
                cv2.line(image, ends[0].tolist(), ends[1].tolist(), 60, 9, cv2.LINE_AA, shift=4)
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA)
    return np.repeat(small[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """A camera held 4 degrees rolled to one side all along, looking all one way and down: its axes mislead."""
    folder, views = tmp_path_factory.mktemp("room"), []
    roll = Rotation.from_euler("z", 4, degrees=True).as_matrix()
    for i in range(8):
        eye = np.array([-1.0 + 0.3 * i, -1.2, 0.1 * np.sin(i)])
        pose = look_at(eye, eye + np.array([0.25, 1.0, -0.35]), UP)
        pose[:3, :3] = pose[:3, :3] @ roll
        path = folder / f"{i:03d}.png"
        Image.fromarray(draw(pose)).save(path)
        views.append(View(f"{i:03d}", path, LENS, pose))
    return Reconstruction(tuple(views))


def test_edges_of_a_picture_lie_in_planes_through_the_vertical(room: Reconstruction) -> None:
    normals = segment_planes(room.views[0])
    assert np.linalg.norm(normals, axis=1) == pytest.approx(np.ones(len(normals)))
    off = np.degrees(np.arcsin(np.abs(normals @ UP)))
    assert np.count_nonzero(off < 0.7) >= 12  # both sides of six or more wall edges


def test_a_rolled_camera_in_a_room_ends_upright(room: Reconstruction) -> None:
    turned = room.transformed(Similarity(0.4, Rotation.random(random_state=5).as_matrix(), np.ones(3)))
    true = turned.world_from_capture.rotation @ UP
    up = find_up(turned, seed=0)
    assert up.source == "vanishing directions" and angle_deg(up.direction, true) < 0.5
    cameras = up.estimates["cameras"]
    assert 10 < cameras["from_chosen_deg"] < 25 and cameras["error_deg"] > up.error_deg
    assert up.estimates["vanishing directions"]["from_chosen_deg"] == 0.0
    take_warnings()


def test_absent_pictures_give_no_vertical() -> None:
    pose = np.eye(4)
    assert find_vertical([View("a", Path("absent.png"), LENS, pose)], UP, max_tilt_deg=15.0, seed=0) is None
