"""Up, ground and centre: invariance to the input frame, robustness, honest refusal of false planes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.geometry import Camera, Points, Reconstruction, Similarity, View, look_at
from recon.geometry.reconstruction import Reading
from recon.poses.world_frame.up.align import find_up, ground_height, up_from_cameras, world_from_capture
from recon.poses.world_frame.up.held import Turns, turns_of
from recon.poses.world_frame.up.level import find_level
from recon.workspace import Workspace
from recon.workspace.console import take_warnings

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0)


def walk(n: int = 20, roll_deg: float = 0.0, pitch: float = -0.3) -> np.ndarray:
    rng = np.random.default_rng(0)
    poses = []
    for i in range(n):
        angle = 4.0 * i / n
        eye = np.array([3 * np.cos(angle), 2 * np.sin(angle), 1.5])
        pose = look_at(eye, eye + np.array([-np.sin(angle), np.cos(angle), pitch]), UP)
        pose[:3, :3] = pose[:3, :3] @ Rotation.from_euler("z", rng.normal(0, roll_deg), degrees=True).as_matrix()
        poses.append(pose)
    return np.stack(poses)


def floor_and_clutter(n: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(1)
    floor = np.c_[rng.uniform(-4, 4, (n // 2, 2)), rng.normal(0, 0.005, n // 2)]
    clutter = np.c_[rng.uniform(-4, 4, (n // 2, 2)), rng.uniform(0.0, 2.5, n // 2)]
    far = rng.normal(0, 200, (20, 3))  # triangulated from nothing
    return np.concatenate([floor, clutter, far])


def reconstruction(poses: np.ndarray, points: np.ndarray | None) -> Reconstruction:
    views = tuple(View(f"{i:03d}", Path("absent.png"), CAMERA, pose) for i, pose in enumerate(poses))
    return Reconstruction(views, None if points is None else Points(points, np.zeros(points.shape, np.uint8)))


def angle_deg(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


def test_level_cameras_give_up_exactly_whatever_their_pitch() -> None:
    for pitch in (-1.5, 0.0, 0.8):
        assert angle_deg(up_from_cameras(walk(pitch=pitch)), UP) < 0.01


def test_hand_shake_and_one_turned_photo_cost_little() -> None:
    poses = walk(40, roll_deg=3.0)
    poses[5, :3, :3] = poses[5, :3, :3] @ Rotation.from_euler("z", 90, degrees=True).as_matrix()
    assert angle_deg(up_from_cameras(poses), UP) < 2.0


def test_cameras_all_looking_one_way_fall_back_on_their_mean() -> None:
    poses = np.stack([look_at(np.array([0.3 * i, 0, 0]), np.array([0.3 * i, 5, 0]), UP) for i in range(8)])
    assert angle_deg(up_from_cameras(poses), UP) < 0.01


@pytest.mark.parametrize("seed", range(4))
def test_any_input_frame_ends_in_the_same_world(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = reconstruction(walk(roll_deg=3.0), floor_and_clutter())
    moved = scene.transformed(
        Similarity(0.3 + seed, Rotation.random(random_state=seed).as_matrix(), rng.normal(size=3))
    )
    up = find_up(moved, seed=0)
    assert up.source == "dominant plane" and up.estimates["cameras"]["from_chosen_deg"] < 3
    world = moved.transformed(world_from_capture(moved, up))
    assert world.points is not None
    floor = world.points.positions[:1000]
    radius = 0.3 + seed
    assert np.abs(np.median(floor[:, 2])) < 0.02 * radius
    assert np.ptp(np.percentile(floor[:, 2], [1, 99])) < 0.1 * radius  # level: 8 m of floor
    assert np.abs(np.median(world.points.positions[:, :2], axis=0)).max() < 0.2 * radius
    assert (world.centers[:, 2] > 0).all()


def test_a_cloud_without_a_plane_leaves_the_cameras_their_say() -> None:
    points = np.random.default_rng(2).normal(size=(1500, 3))
    up = find_up(reconstruction(walk(), points), seed=0)
    assert up.source == "cameras" and angle_deg(up.direction, UP) < 0.01


def test_a_steep_ramp_is_not_the_ground() -> None:
    rng = np.random.default_rng(3)
    ramp = (
        np.c_[rng.uniform(-4, 4, (1500, 2)), np.zeros(1500)] @ Rotation.from_euler("x", 30, degrees=True).as_matrix().T
    )
    up = find_up(reconstruction(walk(), ramp), seed=0)
    assert up.source == "cameras" and angle_deg(up.direction, UP) < 0.01


def test_ground_is_the_floor_and_neither_the_table_nor_the_ceiling() -> None:
    rng = np.random.default_rng(4)

    def layer(z: float, n: int) -> np.ndarray:
        return np.c_[rng.uniform(-3, 3, (n, 2)), rng.normal(z, 0.004, n)]

    points = np.concatenate([layer(0.4, 300), layer(1.15, 900), layer(2.9, 1500), rng.uniform(0.4, 2.9, (300, 3))])
    centers = np.array([[0.0, 0, 2.0], [1, 1, 2.1]])
    assert ground_height(points, centers) == pytest.approx(0.4, abs=0.02)


def test_without_points_the_lowest_camera_stands_at_zero() -> None:
    scene = reconstruction(walk(), None)
    world = scene.transformed(world_from_capture(scene, find_up(scene, seed=0)))
    assert world.centers[:, 2].min() == pytest.approx(0, abs=1e-9)
    assert world.world_from_capture.scale == 1.0


def rolled(poses: np.ndarray, quarters: np.ndarray) -> np.ndarray:
    """Cameras whose pictures must be turned clockwise by so many quarters to be upright again."""
    turn = Rotation.from_euler("z", 90, degrees=True)  # axes x, y of the camera become y, -x
    poses = poses.copy()
    poses[:, :3, :3] = poses[:, :3, :3] @ np.stack([(turn**k).as_matrix() for k in quarters])
    return poses


def around(n: int = 24, down: float = 0.4) -> np.ndarray:
    """A walk round a middle, looking at it and a little down, with a shaking hand."""
    angles = 2 * np.pi * np.arange(n) / n
    eyes = np.stack([3 * np.cos(angles), 2 * np.sin(angles), 1.5 + 0 * angles], -1)
    poses = np.stack([look_at(eye, np.array([0.1, 0, 1.5 - 2.5 * down]), UP) for eye in eyes])
    wobble = Rotation.from_euler("z", np.random.default_rng(0).normal(0, 2, (n, 1)), degrees=True)
    poses[:, :3, :3] = poses[:, :3, :3] @ wobble.as_matrix()
    return poses


@pytest.mark.parametrize("quarters", [1, 3])
def test_pictures_that_all_lie_on_one_side_make_no_tilted_world(quarters: int) -> None:
    """As a film that lost its rotation, or photos whose EXIF says a turn that the pixels had already."""
    scene = reconstruction(rolled(around(), np.full(24, quarters)), None)
    up, told = find_up(scene, seed=0), take_warnings()
    assert angle_deg(up.direction, UP) < 1.5
    assert len(told) == 1 and told[0].startswith("up axis: 24 of 24 pictures are not upright")


def test_photos_held_both_ways_are_turned_as_their_files_say() -> None:
    """Half upright, half on the side, of one camera, so read alike; and where their files lie, as stored."""
    quarters = np.arange(24) % 2
    scene = reconstruction(rolled(around(), quarters), None)
    names = [view.name for view in scene.views]
    honest = {name: Turns(said=int(k), stored=0) for name, k in zip(names, quarters, strict=True)}
    assert angle_deg(find_up(scene, seed=0, turns=honest).direction, UP) < 1.5
    assert not take_warnings()
    lying = {name: Turns(said=i % 4, stored=int(k)) for i, (name, k) in enumerate(zip(names, quarters, strict=True))}
    assert angle_deg(find_up(scene, seed=0, turns=lying).direction, UP) < 1.5
    told = take_warnings()
    assert len(told) == 1 and "are not upright" in told[0]


def test_a_few_false_orientations_are_seen_through() -> None:
    scene = reconstruction(around(), None)
    lying = {view.name: Turns(said=(1, 2, 3)[i % 3], stored=0) for i, view in enumerate(scene.views) if i % 4 == 0}
    assert angle_deg(find_up(scene, seed=0, turns=lying).direction, UP) < 1.5


@pytest.mark.parametrize("down", [-0.3, 0.0, 0.4, 1.2])
def test_upright_pictures_are_believed_whatever_their_pitch(down: float) -> None:
    assert angle_deg(find_up(reconstruction(around(down=down), None), seed=0).direction, UP) < 1.5
    assert not take_warnings()


def test_turns_come_from_the_files(tmp_path: Path) -> None:
    """Stored on its side with tag 6: read as it is seen nothing is turned, read as stored it must be turned once."""
    path, exif = tmp_path / "a.jpg", Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32)).save(path, exif=exif)
    pose = np.eye(4)
    seen, stored = (View(n, path, CAMERA, pose, reading=Reading(o)) for n, o in (("seen", None), ("stored", 1)))
    found = turns_of(Reconstruction((seen, stored)), Workspace(tmp_path / "run"))
    assert found == {"seen": Turns(said=0, stored=3), "stored": Turns(said=1, stored=0)}


def shelves(n: int = 3000) -> np.ndarray:
    """A floor and two shelves that are level, one thin, between clutter that leans."""
    rng = np.random.default_rng(6)

    def layer(z: float, low: tuple[float, float], high: tuple[float, float], n: int) -> np.ndarray:
        return np.c_[rng.uniform(low, high, (n, 2)), rng.normal(z, 0.002, n)]

    levels = [
        layer(0, (-4, -4), (4, 4), n // 20),
        layer(0.9, (2, -3), (4, 3), n // 25),
        layer(1.6, (-4, 2), (4, 4), n // 20),
    ]
    clutter = np.c_[rng.uniform(-4, 4, (n, 2)), rng.uniform(0.0, 2.5, n)]
    return np.concatenate([*levels, clutter])


@pytest.mark.parametrize("seed", range(3))
def test_level_surfaces_right_what_rolled_cameras_say(seed: int) -> None:
    """No one of them holds a tenth of the points, so that none is the dominant plane; together they say what is level."""
    turn = Rotation.random(random_state=seed).as_matrix()
    roll = Rotation.from_euler("x", 1.0, degrees=True).as_matrix()  # all cameras lean one way
    poses = walk(roll_deg=1.0)
    poses[:, :3, :3] = roll @ poses[:, :3, :3]
    scene = reconstruction(poses, shelves()).transformed(Similarity(2.0, turn, np.ones(3)))
    up = find_up(scene, seed=0)
    assert up.source == "level surfaces" and up.estimates["level surfaces"]["heights"] == 3
    assert angle_deg(up.direction, turn @ UP) < 0.1 and up.error_deg < 0.3
    assert up.estimates["cameras"]["from_chosen_deg"] > 0.5


def test_one_plane_alone_is_no_witness_of_what_is_level() -> None:
    """A street that falls by two parts in a hundred is as sharp a plane as a floor."""
    rng = np.random.default_rng(7)
    street = np.c_[rng.uniform(-4, 4, (800, 2)), rng.normal(0, 0.002, 800)]
    street[:, 2] += 0.02 * street[:, 0]
    points = np.concatenate([street, np.c_[rng.uniform(-4, 4, (1500, 2)), rng.uniform(0, 2.5, 1500)]])
    assert find_level(points, UP, radius=3.0, reach_deg=3.0, seed=0) is None


def test_layers_that_lean_differently_agree_on_nothing() -> None:
    rng = np.random.default_rng(8)
    layers = []
    for height, slope in ((0.0, (0.04, 0.0)), (1.0, (-0.03, 0.02))):
        across = rng.uniform(-4, 4, (150, 2))
        layers.append(np.c_[across, height + across @ slope + rng.normal(0, 0.002, 150)])
    clutter = np.c_[rng.uniform(-4, 4, (3000, 2)), rng.uniform(0, 2.5, 3000)]
    assert find_level(np.concatenate([*layers, clutter]), UP, radius=3.0, reach_deg=3.0, seed=0) is None


@pytest.mark.parametrize("stray", [0.0, 1e9, 1e200])
def test_points_at_one_place_or_spread_over_anything_say_nothing_of_what_is_level(stray: float) -> None:
    rng = np.random.default_rng(9)
    points = np.concatenate([np.ones((120, 3)), np.ones((80, 3)) + stray * rng.uniform(-1, 1, (80, 3))])
    for radius in (0.0, 1e-300, 1.0, np.inf, np.nan):
        with np.errstate(over="ignore", invalid="ignore"):
            assert find_level(points, UP, radius=radius, reach_deg=3.0, seed=0) is None
