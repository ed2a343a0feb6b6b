"""Scoring against truth: a perfect run scores perfectly in any frame and scale, and known errors come out as made."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from recon.bench.synthetic.surfaces import box, rectangle
from recon.formats import cameras_json
from recon.formats.meshes import write_ply
from recon.geometry import Camera, Reconstruction, Scale, Similarity, TriangleMesh, View, look_at
from recon.geometry.surface import Surface, sample_surface
from recon.score.alignment import align_cameras, rotation_angles_deg
from recon.score.comparison import compare_meshes, read_mesh, table
from recon.score.seen_points import seen_points
from recon.score.truth import score_against_truth
from recon.score.truth_file import read_truth
from recon.score.truth_surface import largest_wrong_patch, score_surface
from recon.workspace import Workspace, read_metrics, write_json
from recon.workspace.errors import UserError

CAMERA = Camera("PINHOLE", (48, 64), 40.0, 40.0, 32.0, 24.0)
UP = np.array([0.0, 0.0, 1.0])


def room() -> TriangleMesh:
    """A floor of 4 m x 3 m with a box on it."""
    surfaces = [rectangle((-2, -1.5, 0), (4, 0, 0), (0, 3, 0)), *box((0.3, 0.1), 0.0, (0.8, 0.5, 0.6))]
    starts = np.cumsum([0] + [len(s.vertices) for s in surfaces[:-1]])
    return TriangleMesh(
        np.concatenate([s.vertices for s in surfaces]),
        np.concatenate([s.faces + start for s, start in zip(surfaces, starts, strict=True)]).astype(np.int32),
    )


def orbit(n: int = 11) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    eyes = np.stack([1.8 * np.cos(angles), 1.2 * np.sin(angles), 1.4 + 0.2 * np.sin(3 * angles)], -1)
    return np.stack([look_at(eye, np.array([0.0, 0.1, 0.3]), UP) for eye in eyes])


def write_truth(folder: Path, poses: np.ndarray, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    write_ply(folder / "mesh.ply", room())
    frames = [{"index": i, "time_s": i / 15, "world_from_camera": pose} for i, pose in enumerate(poses)]
    value = {"size_hw": CAMERA.size_hw, "intrinsics": {k: getattr(CAMERA, k) for k in ("fx", "fy", "cx", "cy")}}
    write_json(folder / "truth.json", {**value, "mesh": "mesh.ply", "frames": frames, **changes})
    return folder / "truth.json"


def write_run(root: Path, poses: np.ndarray, world_from_truth: Similarity, *, has_times: bool = True) -> Workspace:
    """A run that found the poses exactly, in its own frame, at half the resolution."""
    workspace = Workspace(root)
    views = tuple(
        View(
            name=f"frame_{i:05d}",
            image=root / "frames" / f"frame_{i:05d}.png",
            camera=CAMERA.resized((24, 32)),
            world_from_camera=world_from_truth.poses(pose),
            time_s=i / 15 if has_times else None,
        )
        for i, pose in enumerate(poses)
    )
    scale = Scale(metres_per_unit=1.1 / world_from_truth.scale, source="a guess", relative_error=0.1)
    write_json(workspace.cameras_json, cameras_json.encode(Reconstruction(views, scale=scale), root=root))
    mesh = room()
    write_ply(workspace.mesh / "mesh.ply", TriangleMesh(world_from_truth.points(mesh.vertices), mesh.faces))
    return workspace


def other_frame(tilt_deg: float = 0.0) -> Similarity:
    rotation = Rotation.from_euler("zx", [130, tilt_deg], degrees=True).as_matrix()
    return Similarity(0.37, rotation, np.array([4.0, -2.0, 0.5]))


@pytest.mark.parametrize("has_times", [True, False])
def test_a_perfect_run_scores_perfectly_in_any_frame_and_scale(tmp_path: Path, has_times: bool) -> None:
    workspace = write_run(tmp_path / "run", orbit(), other_frame(tilt_deg=9.0), has_times=has_times)
    metrics = score_against_truth(workspace, truth=write_truth(tmp_path / "truth", orbit()), n_samples=5000)
    assert metrics == read_metrics(workspace)["truth"]
    assert metrics["views_matched"] == metrics["views_total"] == 11
    assert metrics["camera_rms_m"] < 1e-9 and metrics["rotation_max_deg"] < 1e-5
    assert metrics["up_axis_error_deg"] == pytest.approx(9.0)
    assert metrics["scale_ratio"] == pytest.approx(1 / 0.37)
    assert metrics["scale_relative_error"] == pytest.approx(0.1)
    assert metrics["focal_relative_error"] == pytest.approx(0, abs=1e-9)
    assert metrics["f_score_2cm"] == 1.0 and metrics["accuracy_m"] < 1e-4 and metrics["completeness_m"] < 1e-4
    assert metrics["normal_consistency"] == pytest.approx(1, abs=0.01) and metrics["largest_wrong_patch_m2"] == 0
    assert metrics["floor_rms_m"] < 1e-4 and metrics["floor_covered_fraction"] == 1


def test_known_pose_errors_come_out_as_made(tmp_path: Path) -> None:
    """Every camera turned by 2 degrees about its own axis, and pushed 5 mm alternately up and down."""
    poses = orbit(12)
    wrong = poses.copy()
    wrong[:, :3, :3] = poses[:, :3, :3] @ Rotation.from_euler("z", 2, degrees=True).as_matrix()
    wrong[:, 2, 3] += 0.005 * (-1.0) ** np.arange(12)
    workspace = write_run(tmp_path / "run", wrong, Similarity.identity())
    metrics = score_against_truth(workspace, truth=write_truth(tmp_path / "truth", poses), n_samples=2000)
    assert metrics["rotation_median_deg"] == pytest.approx(2.0, abs=0.05)
    assert metrics["camera_rms_m"] == pytest.approx(0.005, rel=0.05)


def test_a_straight_drive_is_aligned_by_its_rotations(tmp_path: Path) -> None:
    poses = np.stack([look_at(np.array([x, 0.0, 1.5]), np.array([x + 5, 1.0, 1.0]), UP) for x in np.arange(6.0)])
    workspace = write_run(tmp_path / "run", poses, other_frame(tilt_deg=20.0))
    metrics = score_against_truth(workspace, truth=write_truth(tmp_path / "truth", poses), n_samples=2000)
    assert metrics["camera_rms_m"] < 1e-9 and metrics["rotation_max_deg"] < 1e-5


@pytest.mark.parametrize(("aside_m", "turn_deg"), [(0.0, 0.0), (0.1, 0.03), (3.0, 0.03), (3.0, 2.0)])
def test_positions_and_rotations_count_by_how_well_they_fit(aside_m: float, turn_deg: float) -> None:
    """A way of 11 m past a wall 6 m away, straight or not: positions are 1 mm off each, rotations turn_deg about each axis.

    The wall comes to lie as far off as the better of the two leaves it: positions alone would turn the nearly straight ways by
    half a degree (50 mm), rotations of 2 degrees alone by a fifth of one (20 mm).
    """
    rng, along = np.random.default_rng(5), np.linspace(0, 11, 90)
    eyes = np.stack([along, aside_m * np.sin(along), 1.5 + 0.03 * np.cos(3 * along)], -1)
    exact = np.stack([look_at(eye, eye + np.array([0.2, 6, 0.5]), UP) for eye in eyes])
    found = exact.copy()
    found[:, :3, 3] += rng.normal(0, 1e-3, (90, 3))
    found[:, :3, :3] = Rotation.from_rotvec(np.deg2rad(rng.normal(0, turn_deg, (90, 3)))).as_matrix() @ found[:, :3, :3]
    world_from_truth = other_frame(tilt_deg=20.0)
    views = [View(f"{i}", Path("a.png"), CAMERA, world_from_truth.poses(pose)) for i, pose in enumerate(found)]
    truth_from_world = align_cameras(views, exact)
    wall = np.array([[x, 6.0, z] for x in (0.0, 5.5, 11.0) for z in (0.0, 4.0, 8.0)])
    off = np.linalg.norm(truth_from_world.points(world_from_truth.points(wall)) - wall, axis=1)
    assert off.max() < 0.004


def test_cameras_that_never_move_cannot_be_aligned() -> None:
    pose = orbit()[0]
    view = View("a", Path("a.png"), CAMERA, pose)
    with pytest.raises(UserError, match="do not move"):
        align_cameras([view, replace(view, name="b"), replace(view, name="c")], np.stack([pose] * 3))


def test_rotation_angles_are_exact_from_tiny_to_half_a_turn() -> None:
    angles = np.array([0.0, 1e-6, 0.5, 90.0, 179.0])
    turned = Rotation.from_rotvec(np.deg2rad(angles)[:, None] * np.array([0.6, 0.0, 0.8])).as_matrix()
    assert rotation_angles_deg(turned, np.broadcast_to(np.eye(3), (5, 3, 3))) == pytest.approx(angles, abs=1e-9)


# ---- surfaces ------------------------------------------------------------------------------------------------------


def floor(z: float, length: float = 4.0) -> TriangleMesh:
    surface = rectangle((0, 0, z), (length, 0, 0), (0, 3, 0))
    return TriangleMesh(surface.vertices, surface.faces)


CENTERS = np.array([[1.0, 1.0, 1.5], [2.0, 1.0, 1.4], [3.0, 2.0, 1.5]])  # over the floor


def scores_of(ours: TriangleMesh, exact: TriangleMesh, *, n: int = 3000) -> dict:
    return score_surface(
        ours, exact, sample_surface(exact, n, seed=1)[0], centers=CENTERS, max_distance_m=30.0, n_samples=4000, seed=2
    )


@pytest.mark.parametrize(("shift_m", "f_score"), [(0.04, 1.0), (0.06, 0.0)])
def test_a_shifted_floor_is_right_up_to_the_threshold(shift_m: float, f_score: float) -> None:
    scores = scores_of(floor(shift_m), floor(0.0))
    assert scores["f_score_5cm"] == f_score
    assert scores["f_score_2cm"] == 0 and scores["f_score_10cm"] == 1
    assert [scores["accuracy_m"], scores["completeness_m"]] == pytest.approx([shift_m] * 2, abs=1e-6)
    assert scores["floor_rms_m"] == pytest.approx(shift_m, abs=1e-5) and scores["normal_consistency"] == 1


def test_half_a_floor_has_full_precision_and_half_recall() -> None:
    scores = scores_of(floor(0.0, length=2.0), floor(0.0), n=20_000)
    recall = scores["recall_5cm"]
    assert scores["precision_5cm"] == 1.0
    assert recall == pytest.approx(2.05 / 4, abs=0.02)  # 5 cm past the edge still count
    assert scores["f_score_5cm"] == pytest.approx(2 * recall / (1 + recall))
    assert scores["floor_covered_fraction"] == pytest.approx(0.5, abs=0.02) and scores["floor_rms_m"] < 1e-5


def test_tilted_surface_has_the_cosine_of_its_tilt() -> None:
    flat = floor(0.0)
    tilt = np.deg2rad(5)
    tilted = TriangleMesh(flat.vertices + flat.vertices[:, :1] * np.array([0, 0, np.tan(tilt)]), flat.faces)
    assert scores_of(tilted, flat)["normal_consistency"] == pytest.approx(np.cos(tilt), abs=1e-3)


def test_what_lies_outside_the_truth_is_counted_but_not_scored() -> None:
    far = floor(30.0)
    both = TriangleMesh(
        np.concatenate([floor(0.0).vertices, far.vertices]), np.concatenate([far.faces, far.faces + 4]).astype(np.int32)
    )
    scores = scores_of(both, floor(0.0))
    assert scores["f_score_5cm"] == 1.0 and scores["outside_fraction"] == pytest.approx(0.5, abs=0.05)
    assert scores["largest_wrong_patch_m2"] == pytest.approx(12)
    assert scores_of(far, floor(0.0))["f_score_5cm"] == 0.0


def test_wrong_patches_are_measured_where_they_hang_together() -> None:
    a, b = floor(1.0, length=1.0), floor(2.0, length=0.5)
    both = TriangleMesh(np.concatenate([a.vertices, b.vertices]), np.concatenate([a.faces, b.faces + 4]))
    assert largest_wrong_patch(both, Surface(floor(0.0))) == pytest.approx(3.0)


def test_seen_points_lie_on_the_mesh_in_front_of_everything() -> None:
    """From one side of the box its far side and the floor's shadow behind it are not seen."""
    mesh = room()
    pose = look_at(np.array([-1.8, 0.1, 0.7]), np.array([0.3, 0.1, 0.4]), UP)
    seen = seen_points(mesh, CAMERA, pose[None], max_distance_m=9.0, n_points=100_000, seed=0)
    assert len(seen) > 300 and Surface(mesh).nearest(seen).distance.max() < 1e-5
    assert not (np.abs(seen[:, 0] - 0.7) < 1e-3).any()
    near = seen_points(mesh, CAMERA, pose[None], max_distance_m=1.9, n_points=40, seed=0)
    assert len(near) == 40 and np.linalg.norm(near - pose[:3, 3], axis=-1).max() < 1.9


def test_samples_are_even_over_area() -> None:
    points, faces = sample_surface(floor(0.0), 40_000, seed=3)
    assert points.mean(0) == pytest.approx([2.0, 1.5, 0.0], abs=0.02)
    assert np.bincount(faces) / len(faces) == pytest.approx([0.5, 0.5], abs=0.02)
    assert points.std(0) == pytest.approx([4 / np.sqrt(12), 3 / np.sqrt(12), 0.0], abs=0.02)


# ---- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mesh": "../mesh.ply"}, "must be a file in the folder"),
        ({"mesh": "\ud800.ply"}, "must be a file in the folder"),
        ({"mesh": "gone.ply"}, "must be a file in the folder"),
        ({"mesh": "absent.ply"}, "absent.ply"),
        ({"frames": [{"index": 0}]}, "not a truth file"),
        ({"frames": [{"index": 0, "time_s": 0.0, "world_from_camera": np.eye(3)}]}, "4x4"),
        ({"frames": [{"index": 0, "time_s": 0.0, "world_from_camera": 2 * np.eye(4)}]}, "rigid"),
        ({"frames": [{"index": i, "time_s": 0.0, "world_from_camera": np.eye(4)} for i in range(2)]}, "increase"),
        ({"frames": []}, "4x4"),
        ({"intrinsics": {"fx": -3, "fy": 1, "cx": 0, "cy": 0}}, "not a truth file"),
    ],
)
def test_bad_truth_is_refused_in_one_line(tmp_path: Path, changes: dict, message: str) -> None:
    path = write_truth(tmp_path, orbit(), **changes)
    with pytest.raises(UserError, match=message) as caught:
        read_truth(path)
    assert "\n" not in str(caught.value)


def test_truth_of_another_video_is_refused(tmp_path: Path) -> None:
    workspace = write_run(tmp_path / "run", orbit(), Similarity.identity())
    path = write_truth(tmp_path / "truth", orbit(2))
    with pytest.raises(UserError, match="only 2 of 11"):
        score_against_truth(workspace, truth=path)
    (tmp_path / "list.json").write_text(json.dumps([1, 2]))
    with pytest.raises(UserError, match="expected an object"):
        read_truth(tmp_path / "list.json")
    with pytest.raises(UserError, match="no such truth file"):
        read_truth(tmp_path / "absent.json")


# ---- beside others -------------------------------------------------------------------------------------------------


def test_meshes_are_scored_side_by_side_in_the_frame_of_the_run(tmp_path: Path) -> None:
    workspace = write_run(tmp_path / "run", orbit(), other_frame())
    ours = read_mesh(workspace.mesh / "mesh.ply")
    write_ply(tmp_path / "half.ply", TriangleMesh(ours.vertices, ours.faces[:2]))
    truth = write_truth(tmp_path / "truth", orbit())
    found = compare_meshes(
        workspace,
        truth=truth,
        meshes={"recon": ours, "half": read_mesh(tmp_path / "half.ply")},
        max_distance_m=30.0,
        n_samples=3000,
    )
    assert found == read_metrics(workspace)["comparison"] and found["recon"]["f_score_2cm"] == 1
    assert found["half"]["precision_2cm"] == 1 > found["half"]["recall_2cm"]
    lines = table(found)
    assert len(lines) == 3 and len({len(line) for line in lines}) == 1
    with pytest.raises(UserError, match=r"\.ply or \.obj"):
        read_mesh(truth)
    with pytest.raises(UserError, match="no such mesh"):
        read_mesh(tmp_path / "absent.ply")
