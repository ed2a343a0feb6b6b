"""Camera paths: rigid, finite, inside what the capture saw; path files good and bad."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from recon.geometry import Camera, Points, Reconstruction, View, look_at, opengl_from_opencv
from recon.render.path_file import read_path_file
from recon.render.paths import interpolate, orbit, path_camera, spiral
from recon.workspace.errors import UserError

CAMERA = Camera("OPENCV", (48, 64), 60, 61, 32, 24, (0.1, 0.0, 0.0, 0.0))
UP = np.array([0.0, 0, 1])


def capture(poses, **more) -> Reconstruction:
    views = tuple(View(f"{i:04d}", Path(f"{i:04d}.png"), CAMERA, pose) for i, pose in enumerate(poses))
    return Reconstruction(views, is_up_aligned=True, **more)


def ring(n=20, arc=2 * math.pi, radius=3.0, target=(1.0, 2.0, 0.5), sign=1, seed=0) -> Reconstruction:
    """Cameras about `target`, looking at it (sign 1) or away from it (-1), with some shake."""
    rng = np.random.default_rng(seed)
    target = np.array(target)
    poses = []
    for angle in np.linspace(0, arc, n, endpoint=False):
        eye = target + np.array([radius * math.cos(angle), radius * math.sin(angle), 1.0]) + rng.normal(0, 0.02, 3)
        poses.append(look_at(eye, eye + sign * (target - eye) + rng.normal(0, 0.02, 3), UP))
    return capture(poses)


def forward_facing(n=12, seed=1) -> Reconstruction:
    rng = np.random.default_rng(seed)
    eyes = rng.uniform([-1, -0.1, -0.5], [1, 0.1, 0.5], (n, 3))
    points = Points(rng.uniform([-2, 4, -2], [2, 6, 2], (50, 3)), np.zeros((50, 3), np.uint8))
    return capture([look_at(eye, eye + np.array([0.0, 1, 0]), UP) for eye in eyes], points=points)


def is_rigid(path) -> bool:
    poses = np.stack([pose for _, pose in path])
    rotations = poses[:, :3, :3]
    return bool(
        np.isfinite(poses).all()
        and np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max() < 1e-9
        and (np.linalg.det(rotations) > 0).all()
    )


MAKERS = {
    "interpolate": lambda r, c, n: interpolate(r, c, n, smoothing=1.5),
    "orbit": orbit,
    "spiral": spiral,
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("n", [1, 2, 17])
def test_poses_are_rigid_and_as_many_as_asked(name, n):
    scene = forward_facing()
    path = MAKERS[name](scene, path_camera(scene, 40), n)
    assert len(path) == n and is_rigid(path)


def test_path_camera_is_pinhole_small_and_even():
    camera = path_camera(ring(), 35)
    assert camera.model == "PINHOLE" and camera.size_hw == (26, 36)
    assert path_camera(ring(), 4000).size_hw == (48, 64)


def test_interpolate_without_smoothing_keeps_straight_motion():
    """Cameras on a line, unevenly spaced, turning evenly with x: the path keeps both and has one speed."""
    xs = np.array([0.0, 1, 1.5, 4, 5])
    poses = [look_at(np.array([x, 0, 0]), np.array([x + math.sin(0.1), math.cos(0.1), 0]), UP) for x in xs]
    path = interpolate(capture(poses), CAMERA, 11, smoothing=0)
    centers = np.stack([pose[:3, 3] for _, pose in path])
    np.testing.assert_allclose(centers[:, 0], np.linspace(0, 5, 11), atol=1e-6)
    np.testing.assert_allclose(path[3][1][:3, :3], poses[0][:3, :3], atol=1e-9)


def test_interpolate_has_one_speed_and_little_shake():
    scene = ring(60)
    path = interpolate(scene, CAMERA, 90, smoothing=2.0)
    centers = np.stack([pose[:3, 3] for _, pose in path])
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    assert steps.std() / steps.mean() < 0.02
    shake = np.linalg.norm(np.diff(scene.centers, n=3, axis=0), axis=1).mean()
    assert np.linalg.norm(np.diff(centers, n=3, axis=0), axis=1).mean() < 0.2 * shake


def test_interpolate_stays_inside_the_hull():
    from scipy.spatial import Delaunay

    scene = ring(23)
    hull = Delaunay(scene.centers)
    centers = np.stack([pose[:3, 3] for _, pose in interpolate(scene, CAMERA, 50, smoothing=1.0)])
    assert (hull.find_simplex(centers, tol=1e-9) >= 0).all()


def test_interpolate_turns_smoothly_where_the_camera_stands_still():
    poses = [look_at(np.zeros(3), np.array([math.sin(a), math.cos(a), 0]), UP) for a in np.linspace(0, 3, 9)]
    path = interpolate(capture(poses), CAMERA, 31, smoothing=0.5)
    forward = np.stack([pose[:3, 2] for _, pose in path])
    turns = np.arccos(np.clip((forward[1:] * forward[:-1]).sum(1), -1, 1))
    assert turns.max() < 1.5 * turns.mean()


def test_interpolate_of_one_camera_stands_still():
    path = interpolate(ring(1), CAMERA, 3, smoothing=1.0)
    assert len(path) == 3 and np.allclose(path[0][1], path[2][1])


def test_orbit_goes_round_what_the_cameras_look_at():
    target = np.array([1.0, 2.0, 0.5])
    path = orbit(ring(), CAMERA, 16)
    centers = np.stack([pose[:3, 3] for _, pose in path])
    radius = np.linalg.norm((centers - target)[:, :2], axis=1)
    np.testing.assert_allclose(radius, 3.0, atol=0.15)
    np.testing.assert_allclose(centers[:, 2], 1.5, atol=0.1)
    for _, pose in path:
        to_target = (target - pose[:3, 3]) / np.linalg.norm(target - pose[:3, 3])
        assert to_target @ pose[:3, 2] > 0.995
        assert abs(pose[2, 0]) < 1e-9  # the horizon is level
    gaps = np.linalg.norm(np.diff(np.concatenate([centers, centers[:1]]), axis=0), axis=1)
    assert gaps.max() < 1.01 * gaps.min()  # a whole turn, closed


def test_orbit_ignores_a_few_cameras_that_look_elsewhere():
    scene = ring(30)
    astray = [look_at(v.world_from_camera[:3, 3], np.array([40.0, -9, 3]), UP) for v in scene.views[:4]]
    views = [v.world_from_camera for v in scene.views]
    path = orbit(capture(astray + views[4:]), CAMERA, 8)
    middle = np.mean([pose[:3, 3] for _, pose in path], axis=0)
    np.testing.assert_allclose(middle[:2], [1, 2], atol=0.15)


def test_orbit_swings_over_the_filmed_arc_only():
    scene = ring(20, arc=math.radians(120))
    offset = np.stack([pose[:3, 3] for _, pose in orbit(scene, CAMERA, 40)]) - [1, 2, 0.5]
    azimuth = np.degrees(np.arctan2(offset[:, 1], offset[:, 0]))
    assert azimuth.min() > -3 and azimuth.max() < 120 and azimuth.max() - azimuth.min() > 100


def test_orbit_of_an_outward_capture_looks_outward():
    path = orbit(ring(sign=-1), CAMERA, 9)
    for _, pose in path:
        outward = (pose[:3, 3] - [1, 2, 0.5])[:2]
        assert outward @ pose[:2, 2] > 0.8 * np.linalg.norm(outward)


def test_orbit_follows_the_cameras_up_when_the_world_is_not_aligned():
    scene = ring()
    turn = look_at(np.zeros(3), np.array([1.0, 2, 3]), UP)
    poses = [turn @ view.world_from_camera for view in scene.views]
    tilted = Reconstruction(capture(poses).views, is_up_aligned=False)
    expected = (turn @ np.array([1.0, 2, 0.5, 1]))[:3]
    for _, pose in orbit(tilted, CAMERA, 7):
        to_target = (expected - pose[:3, 3]) / np.linalg.norm(expected - pose[:3, 3])
        assert to_target @ pose[:3, 2] > 0.99


def test_orbit_of_cameras_that_look_here_and_there_is_an_error():
    poses = [p for s in (1, -1) for p in (v.world_from_camera for v in ring(10, sign=s).views)]
    with pytest.raises(UserError, match="path=interpolate"):
        orbit(capture(poses), CAMERA, 5)


def test_spiral_stays_among_the_cameras_and_looks_at_the_points():
    scene = forward_facing(40)
    for _, pose in spiral(scene, CAMERA, 30):
        assert (np.abs(pose[:3, 3] - scene.centers.mean(0)) <= [0.8, 0.08, 0.4]).all()
        assert pose[1, 2] > 0.9


def test_spiral_needs_cameras_that_face_one_way():
    with pytest.raises(UserError, match="path=orbit"):
        spiral(ring(), CAMERA, 5)


# ---- path files ----------------------------------------------------------------------------------------------------

POSE = look_at(np.array([1.0, 2, 3]), np.array([0.0, 0, 1]), UP)


def path_value() -> dict:
    stop = {"camera_to_world": opengl_from_opencv(POSE).reshape(-1).tolist(), "fov": 50.0, "aspect": 1.5}
    return {
        "camera_type": "perspective", "render_height": 600, "render_width": 900, "fps": 24, "seconds": 2,
        "camera_path": [stop, {**stop, "fov": 90}],
    }  # fmt: skip


def write(tmp_path, value):
    file = tmp_path / "path.json"
    file.write_text(value if isinstance(value, str) else json.dumps(value))
    return file


def test_nerfstudio_path(tmp_path):
    stops, fps = read_path_file(write(tmp_path, path_value()), max_size=300)
    assert fps == 24 and len(stops) == 2
    camera, pose = stops[1]
    np.testing.assert_allclose(pose, POSE, atol=1e-12)
    assert camera.size_hw == (200, 300)
    assert camera.fy == pytest.approx(100) and camera.fx == pytest.approx(100)  # 90 degrees over 200 pixels
    assert (camera.cx, camera.cy) == pytest.approx((150, 100))


def broken(change):
    value = path_value()
    change(value)
    return value


BAD = {
    "not json": "{camera_path",
    "a list": [1, 2],
    "missing size": broken(lambda v: v.pop("render_height")),
    "missing pose": broken(lambda v: v["camera_path"][0].pop("camera_to_world")),
    "nan pose": broken(lambda v: v["camera_path"][1]["camera_to_world"].__setitem__(3, float("nan"))),
    "short pose": broken(lambda v: v["camera_path"][1]["camera_to_world"].pop()),
    "text pose": broken(lambda v: v["camera_path"][1].update(camera_to_world="here")),
    "not a rotation": broken(lambda v: v["camera_path"][0]["camera_to_world"].__setitem__(0, 7.0)),
    "absurd size": broken(lambda v: v.update(render_width=10**9)),
    "infinite size": broken(lambda v: v.update(render_width=float("inf"))),
    "zero fov": broken(lambda v: v["camera_path"][0].update(fov=0)),
    "no stops": broken(lambda v: v.update(camera_path=[])),
    "stops not objects": broken(lambda v: v.update(camera_path=[3])),
    "fisheye": broken(lambda v: v.update(camera_type="fisheye")),
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_bad_path_files_are_user_errors(tmp_path, value):
    with pytest.raises(UserError, match=r"camera path .*path\.json"):
        read_path_file(write(tmp_path, value), max_size=300)


def test_absent_path_file(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        read_path_file(tmp_path / "none.json", max_size=300)
