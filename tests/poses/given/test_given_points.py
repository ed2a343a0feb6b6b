"""Given poses on a room with exact truth: points on its walls, nothing learned from held-out pictures, mistakes named."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.formats import colmap, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.formats.image_files import image_size_hw
from recon.formats.images import read_image
from recon.formats.photos import read_pixels
from recon.geometry import Reconstruction, Similarity, View, held_out, invert_rigid
from recon.geometry.reconstruction import Reading
from recon.pixels import lines_of_sight
from recon.poses.given.agreement import check
from recon.poses.given.matches import GivenMatches, match_given
from recon.poses.given.pictures import lay_out, picture_names
from recon.poses.given.points import PointSearch, find_points
from recon.poses.given.refine import align_poses
from recon.poses.sfm.settings import PoseSettings
from recon.workspace import Workspace, read_metrics
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.default_settings import default_settings
from tests.poses import room
from tests.poses.world_frame.scale_defaults import SCALE
from tests.stages import import_dataset

SETTINGS: dict[str, Any] = {
    "intrinsics": None,
    "time_tolerance_s": None,
    "unit_m": None,
    "format": "transforms",
    "images": None,
    "align": "auto",
    "triangulate": "auto",
    "refine": False,
    "refine_intrinsics": False,
    "scale": SCALE,
    "image_size": None,
    "max_features": 1500,
    "seed": 0,
    "threads": 2,
}
FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
IN_TURN = np.pad(np.ones((3, 3), bool), (0, 1))  # the part of a pose that is its rotation
UNREAL = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])  # its camera axes from ours
BODY = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])


def quaternions_read(poses: np.ndarray, order: list[int]) -> np.ndarray:
    """Poses whose quaternions x y z w are taken for others."""
    wrong = poses.copy()
    wrong[:, :3, :3] = Rotation.from_quat(Rotation.from_matrix(poses[:, :3, :3]).as_quat()[:, order]).as_matrix()
    return wrong


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """Ten views of the room in two folders that use the same file names; the 1st and the 9th are held out."""
    torch.set_num_threads(1)
    folder, lens, walls = tmp_path_factory.mktemp("data"), room.camera(distortion=-0.05), room.textures(0)
    views = []
    for i, pose in enumerate(room.walk(10)):
        image = folder / ("left", "right")[i % 2] / f"{i // 2}.png"
        image.parent.mkdir(exist_ok=True)
        Image.fromarray(room.render(lens, pose, walls)).save(image)
        views.append(View(f"{i:02d}", image, lens, pose))
    return Reconstruction(tuple(views))


@pytest.fixture(scope="module")
def matches(given: Reconstruction, tmp_path_factory: pytest.TempPathFactory) -> GivenMatches:
    pairs = [(i, j) for i in range(10) for j in range(i + 1, min(i + 4, 10))]
    scratch = tmp_path_factory.mktemp("scratch")
    features = default_settings(PoseSettings, "poses", max_features=800, image_size=None)
    return match_given(
        given.views,
        pairs,
        scratch=scratch,
        features=features,
        threads=2,
    )


def write(folder: Path, given: Reconstruction) -> Path:
    """A data set in `folder` with links to the pictures."""
    views = []
    for view in given.views:
        image = folder / view.image.parent.name / view.image.name
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(view.image.read_bytes())
        views.append(replace(view, image=image))
    transforms_json.write(folder / "transforms.json", replace(given, views=tuple(views)))
    return folder


def to_walls(positions: np.ndarray) -> np.ndarray:
    """Distance [n] of room positions [n, 3] to the nearest wall, metres."""
    return np.abs(np.abs(positions) - room.HALF_SIZE).min(1)


def find(given: Reconstruction, scratch: Path, **changed: Any) -> Any:
    features = default_settings(PoseSettings, "poses", max_features=1500, image_size=None)
    settings = {"is_refined": False, "intrinsics": False, "at_most": None, "features": features}
    scratch.mkdir()
    return find_points(given, PointSearch(seed=0, threads=2, **{**settings, **changed}), scratch=scratch)


def test_points_lie_on_the_walls_of_a_turned_and_scaled_world(given: Reconstruction, tmp_path: Path) -> None:
    capture_from_room = Similarity(0.7, Rotation.from_euler("xz", (80, 30), degrees=True).as_matrix(), np.ones(3))
    data, workspace = write(tmp_path / "data", given.transformed(capture_from_room)), Workspace(tmp_path / "run")
    ends = (given.views[0], given.views[9])
    distance = float(np.linalg.norm(ends[0].world_from_camera[:3, 3] - ends[1].world_from_camera[:3, 3]))
    scale = {**SETTINGS["scale"], "known_distance_m": distance, "between": [0, -1]}
    import_dataset(workspace, path=str(data), **{**SETTINGS, "scale": scale})
    read = read_reconstruction(workspace)
    assert read.points is not None and read.scale is not None and read.is_up_aligned
    room_from_world = capture_from_room.inverse() @ read.world_from_capture.inverse()
    assert room_from_world.scale == pytest.approx(1, abs=1e-6)
    off = to_walls(room_from_world.points(read.points.positions))
    assert len(off) > 300 and np.median(off) < 0.004 and np.quantile(off, 0.9) < 0.04
    report = json.loads((workspace.poses / "report.json").read_text())
    assert report["n_points"] == report["triangulation"]["n_points"] == len(off)
    assert report["reprojection_error_px"] < 0.6 and report["mean_track_length"] > 3
    assert report["triangulation"]["epipolar_error_px"] < 0.5 and report["triangulation"]["fitting_matches"] > 0.9
    assert read_metrics(workspace)["poses"]["n_points"] == len(off)
    assert json.loads((workspace.poses / "stage.json").read_text())["warnings"] == []
    assert {p.name for p in workspace.poses.iterdir()} == {
        "cameras.json", "points.ply", "transforms.json", "colmap", "colmap.log", "report.json", "stage.json",
        "tracks.npz",
    }  # fmt: skip
    check_model(workspace, read)


def check_model(workspace: Workspace, read: Reconstruction) -> None:
    """The COLMAP model agrees with cameras.json to the last digits, and held-out views see nothing in it."""
    import pycolmap

    model = pycolmap.Reconstruction(workspace.poses / "colmap")
    out = held_out(read.views)
    assert sum(out) == 3 and model.num_images() == len(read.views)
    assert {image.name for image in model.images.values()} == set(picture_names(read.views))
    errors = []
    for view, name, is_out in zip(read.views, picture_names(read.views), out, strict=True):
        image = model.find_image_with_name(name)
        np.testing.assert_allclose(image.cam_from_world().matrix(), invert_rigid(view.world_from_camera)[:3], atol=1e-9)
        assert (image.num_points3D == 0) is is_out
        for feature in (f for f in image.points2D if f.has_point3D()):
            point = invert_rigid(view.world_from_camera) @ [*model.point3D(feature.point3D_id).xyz, 1]
            pixel = view.camera.project(torch.from_numpy(point[:3])).numpy()
            errors.append(np.linalg.norm(pixel - feature.xy))
    assert np.median(errors) < 0.5 and max(errors) < 4.1
    assert len(read.tracks) == len(errors) and not set(read.tracks.views) & {
        i for i, is_out in enumerate(out) if is_out
    }
    np.testing.assert_array_equal(read.tracks.points.positions, read.points.positions)
    of_tracks = []
    for place, view in enumerate(read.views):
        mine = read.tracks.views == place
        camera_from_world = invert_rigid(view.world_from_camera)
        seen = read.tracks.points.positions[read.tracks.indices[mine]]
        local = torch.from_numpy(seen @ camera_from_world[:3, :3].T + camera_from_world[:3, 3])
        of_tracks.append(np.linalg.norm(view.camera.project(local).numpy() - read.tracks.pixels[mine], axis=1))
    np.testing.assert_allclose(np.sort(np.concatenate(of_tracks)), np.sort(errors), atol=1e-6)
    lines = lines_of_sight(read)
    centers = read.centers[[i for i, is_out in enumerate(out) if not is_out]]
    assert len(lines) > 500
    assert max(np.abs(centers - start).max(1).min() for start in lines.starts[::50]) < 1e-9


def test_held_out_pictures_teach_nothing(given: Reconstruction, tmp_path: Path) -> None:
    """Blackened, they leave every point where it was."""
    black = []
    for view, out in zip(given.views, held_out(given.views), strict=True):
        image = tmp_path / f"{view.name}.png"
        Image.new("RGB", view.camera.size_hw[::-1]).save(image)
        black.append(replace(view, image=image) if out else view)
    before, after = (
        find(capture, tmp_path / name).reconstruction.points
        for name, capture in (("a", given), ("b", replace(given, views=tuple(black))))
    )
    np.testing.assert_array_equal(np.sort(before.positions, 0), np.sort(after.positions, 0))


def test_a_part_of_the_pictures_is_enough(given: Reconstruction, tmp_path: Path) -> None:
    found = find(given, tmp_path / "scratch", at_most=5)
    assert found.places == (1, 3, 5, 6, 9) and found.model.num_points3D() > 50
    tracks = found.reconstruction.tracks
    assert set(tracks.views) == {1, 3, 5, 6, 9} and len(tracks.points) == found.model.num_points3D()
    assert len(lines_of_sight(found.reconstruction)) == (tracks.n_views >= 4)[tracks.indices].sum() > 0


def test_lenses_of_large_coefficients_get_points(tmp_path: Path) -> None:
    """A depth camera's; COLMAP's mapper takes coefficients beyond 1 for a wrong guess and passes over the pictures."""
    numbers = (0.52, -2.6, 4e-4, -2e-4, 1.5, 0.4, -2.4, 1.43)
    lens, walls = replace(room.camera(), model="FULL_OPENCV", distortion=numbers), room.textures(0)
    views = []
    for i, pose in enumerate(room.walk(10)[::2]):
        Image.fromarray(room.render(lens, pose, walls)).save(tmp_path / f"{i}.png")
        views.append(View(str(i), tmp_path / f"{i}.png", lens, pose))
    found = find(Reconstruction(tuple(views)), tmp_path / "scratch")
    assert found.model.num_points3D() > 200
    assert np.median(to_walls(found.reconstruction.points.positions)) < 0.004


def test_own_points_stay(given: Reconstruction, tmp_path: Path) -> None:
    from recon.geometry import Points

    own = Points(np.random.default_rng(0).uniform(-1, 1, (7, 3)), np.zeros((7, 3), np.uint8))
    found = find(replace(given, points=own), tmp_path / "scratch")
    assert found.reconstruction.points is own and found.model.num_points3D() > 300


def noisy(given: Reconstruction, degrees: float, metres: float) -> Reconstruction:
    rng = np.random.default_rng(3)
    views = []
    for view in given.views:
        pose = view.world_from_camera.copy()
        pose[:3, :3] = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=3)).as_matrix() @ pose[:3, :3]
        pose[:3, 3] += metres * rng.normal(size=3)
        views.append(replace(view, world_from_camera=pose))
    return replace(given, views=tuple(views))


def pose_errors(found: Reconstruction, truth: Reconstruction) -> tuple[np.ndarray, np.ndarray]:
    """Metres and degrees [n] after the best similarity, which noise moves too."""
    a, b = (np.stack([view.world_from_camera for view in capture.views]) for capture in (found, truth))
    aligned = align_poses(a, b).poses(a)
    turns = Rotation.from_matrix(np.swapaxes(aligned[:, :3, :3], 1, 2) @ b[:, :3, :3])
    return np.linalg.norm(aligned[:, :3, 3] - b[:, :3, 3], axis=1), np.degrees(turns.magnitude())


def test_refinement_recovers_noisy_poses(given: Reconstruction, tmp_path: Path) -> None:
    start = noisy(given, 0.7, 0.02)
    found = find(start, tmp_path / "scratch", is_refined=True)
    before, after = pose_errors(start, given), pose_errors(found.reconstruction, given)
    assert np.median(after[0]) < 0.2 * np.median(before[0]) and after[0].max() < 0.01  # held-out views too
    assert np.median(after[1]) < 0.2 * np.median(before[1])
    assert found.agreement.median_px > 2 and found.change.unlocated == ()
    assert np.median(to_walls(align_poses_of(found, given).points(found.reconstruction.points.positions))) < 0.01
    report = found.report()["refined"]
    assert 0.005 < report["position_median_units"] < report["position_max_units"] < 0.1
    assert 0.3 < report["rotation_median_deg"] < report["rotation_max_deg"] < 3
    assert report["focal_factor"] == 1


def align_poses_of(found: Any, given: Reconstruction) -> Similarity:
    a, b = (np.stack([v.world_from_camera for v in c.views]) for c in (found.reconstruction, given))
    return align_poses(a, b)


def test_refinement_of_intrinsics_finds_the_focal_length(given: Reconstruction, tmp_path: Path) -> None:
    views = [replace(v, camera=replace(v.camera, fx=v.camera.fx * 1.03, fy=v.camera.fy * 1.03)) for v in given.views]
    start = replace(given, views=tuple(views))
    found = find(start, tmp_path / "scratch", is_refined=True, intrinsics=True)
    assert found.reconstruction.views[0].camera == found.reconstruction.views[5].camera
    assert found.reconstruction.views[0].camera.fx == pytest.approx(given.views[0].camera.fx, rel=0.01)
    assert found.change.focal_factor == pytest.approx(1 / 1.03, rel=0.01)


def test_exact_poses_raise_no_alarm(matches: GivenMatches) -> None:
    poses = np.stack([view.world_from_camera for view in matches.views])
    agreement = check(matches, poses, np.arange(10), seed=0)
    assert agreement.warning() is None and agreement.median_px is not None and agreement.median_px < 0.5
    assert agreement.fitting > 0.9


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda p: p @ FLIP, "axes y and z flipped"),
        (invert_rigid, "camera_from_world"),
        (lambda p: invert_rigid(p) @ FLIP, "camera_from_world"),
        (lambda p: FLIP @ invert_rigid(p), "camera_from_world"),
        (lambda p: quaternions_read(p, [3, 0, 1, 2]), "order w x y z"),
        (lambda p: quaternions_read(p, [1, 2, 3, 0]), "order x y z w"),
        (lambda p: invert_rigid(quaternions_read(invert_rigid(p), [1, 2, 3, 0])), "order x y z w"),
        (lambda p: np.diag([1.0, 1, -1, 1]) @ p @ np.diag([1.0, -1, 1, 1]), "left-handed program (Unity)"),
        (lambda p: np.diag([1.0, -1, 1, 1]) @ p @ np.linalg.inv(UNREAL), "left-handed program (Unreal)"),
        (lambda p: p @ np.linalg.inv(BODY), "look along their x axis"),
        (lambda p: np.where(IN_TURN, p.transpose(0, 2, 1), p), "each rotation is transposed"),
        (lambda p: np.where(IN_TURN, (p @ FLIP).transpose(0, 2, 1), p) @ FLIP, "each rotation is transposed"),
        (lambda p: np.where(IN_TURN, p, invert_rigid(p)), "other centres"),
        (lambda p: p @ np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "quarter"),
        (lambda p: p @ np.diag([-1.0, -1, 1, 1]), "upside down"),
        (lambda p: np.roll(p, 1, axis=0), "pose of the next one"),
        (lambda p: np.roll(p, -1, axis=0), "pose of the previous one"),
        (lambda p: p[::-1], "in reverse"),
    ],
)
def test_usual_mistakes_are_named(
    matches: GivenMatches, change: Callable[[np.ndarray], np.ndarray], cause: str
) -> None:
    poses = np.stack([view.world_from_camera for view in matches.views])
    warning = check(matches, change(poses), np.arange(10), seed=0).warning()
    assert warning is not None and cause in warning, warning


def test_a_wrong_focal_length_is_named(matches: GivenMatches) -> None:
    poses = np.stack([view.world_from_camera for view in matches.views])
    cameras = [replace(view.camera, fx=0.5 * view.camera.fx, fy=0.5 * view.camera.fy) for view in matches.views]
    views = tuple(replace(view, camera=camera) for view, camera in zip(matches.views, cameras, strict=True))
    warning = check(replace(matches, views=views), poses, np.arange(10), seed=0).warning()
    assert warning is not None and "2 times the focal length" in warning


@pytest.mark.parametrize(
    ("degrees", "metres", "said"),
    [(0.3, 0.01, "inexact: .*refine=true adjusts"), (20, 0.5, "do not fit the pictures.*No usual mistake")],
)
def test_noise_is_told_from_nonsense(
    matches: GivenMatches, given: Reconstruction, degrees: float, metres: float, said: str
) -> None:
    poses = np.stack([view.world_from_camera for view in noisy(given, degrees, metres).views])
    warning = check(matches, poses, np.arange(10), seed=0).warning()
    assert warning is not None and re.search(said, warning)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda pose: pose @ FLIP, "axes y and z flipped"),
        (lambda pose: np.diag([1.0, -1, 1, 1]) @ pose @ np.diag([1.0, -1, 1, 1]), "left-handed program (Unity)"),
    ],
)
def test_a_certain_mistake_of_convention_is_mended_and_told(
    given: Reconstruction, tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], said: str
) -> None:
    wrong = [replace(view, world_from_camera=change(view.world_from_camera)) for view in given.views]
    data, workspace = write(tmp_path / "data", replace(given, views=tuple(wrong))), Workspace(tmp_path / "run")
    import_dataset(workspace, path=str(data), **{**SETTINGS, "align": "keep"})
    warnings = json.loads((workspace.poses / "stage.json").read_text())["warnings"]
    assert len(warnings) == 1 and said in warnings[0] and "are used that way" in warnings[0]
    true = {(view.image.parent.name, view.image.name): view.world_from_camera for view in given.views}
    for view in read_reconstruction(workspace).views:
        np.testing.assert_allclose(view.world_from_camera, true[view.image.parent.name, view.image.name], atol=1e-6)


def test_silhouettes_are_left_to_themselves_unless_asked(given: Reconstruction, tmp_path: Path) -> None:
    data, skipped = write(tmp_path / "data", given), Workspace(tmp_path / "skipped")
    for image in data.glob("*/*.png"):
        pixels = read_image(image)
        alpha = np.zeros(pixels.shape[:2], np.uint8)
        alpha[:, 80:300] = 255
        Image.fromarray(np.dstack([pixels, alpha])).save(image)
    import_dataset(skipped, path=str(data), **SETTINGS)
    assert json.loads((skipped.poses / "report.json").read_text())["triangulation"] == "pictures have silhouettes"
    model = colmap.read(skipped.poses, images=data)
    assert model.points is None or len(model.points.positions) == 0
    asked = Workspace(tmp_path / "asked")
    import_dataset(asked, path=str(data), **{**SETTINGS, "triangulate": "always"})
    check_model(asked, read_reconstruction(asked))


def test_bare_pictures_warn_and_write(given: Reconstruction, tmp_path: Path) -> None:
    data, workspace = write(tmp_path / "data", given), Workspace(tmp_path / "run")
    for image in data.glob("*/*.png"):
        Image.new("RGB", (320, 240)).save(image)
    import_dataset(workspace, path=str(data), **{**SETTINGS, "refine": True})
    warnings = " ".join(json.loads((workspace.poses / "stage.json").read_text())["warnings"])
    assert "0 of 45 pairs" in warnings and "no points could be triangulated" in warnings
    centers = read_reconstruction(workspace).centers
    np.testing.assert_allclose(np.sort(centers, axis=0), np.sort(given.centers, axis=0), atol=1e-9)


def test_pictures_are_laid_out_upright_opaque_and_masked(tmp_path: Path) -> None:
    lens = room.camera((30, 40))
    plain, clear, turned, mask = (tmp_path / name for name in ("a b.jpg", "c.png", "t.jpg", "m.png"))
    Image.new("RGB", (40, 30), (9, 9, 9)).save(plain)
    pixels = np.zeros((30, 40, 4), np.uint8)
    pixels[:, 20:] = (200, 100, 50, 255)
    Image.fromarray(pixels).save(clear)
    exif = Image.Exif()
    exif[0x0112] = 6  # as held upright: a quarter turn
    Image.new("RGB", (30, 40)).save(turned, exif=exif)
    Image.fromarray(np.repeat(np.repeat(np.array([[0, 255]], np.uint8), 30, 0), 20, 1)).save(mask)
    pose = np.eye(4)
    views = [View("a", plain, lens, pose), View("c", clear, lens, pose), View("t", turned, lens, pose, mask=mask)]
    names = lay_out(views, tmp_path / "pictures", tmp_path / "masks")
    assert names == ["000000.jpg", "000001.png", "000002.png"]
    opaque = read_image(tmp_path / "pictures/000001.png")
    assert opaque.shape == (30, 40, 3) and (opaque == (200, 100, 50)).all()
    assert image_size_hw(tmp_path / "pictures/000002.png") == (30, 40)
    assert not (tmp_path / "masks/000000.jpg.png").exists()
    kept = read_image(tmp_path / "masks/000001.png.png")[..., 0]
    assert not kept[:, :21].any() and kept[:, 25:35].all()
    masked = read_image(tmp_path / "masks/000002.png.png")[..., 0]
    assert masked[:, 20:].all() and not masked[:, :20].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"triangulate": "maybe"}, "auto, always, never"),
        ({"refine": "yes"}, "true or false"),
        ({"refine": True, "triangulate": "never"}, "needs points"),
        ({"refine_intrinsics": True}, r"dataset\.refine=true too"),
    ],
)
def test_bad_settings(given: Reconstruction, tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        import_dataset(Workspace(tmp_path / "run"), path=str(given.views[0].image.parent), **{**SETTINGS, **change})


def upside_down(given: Reconstruction, folder: Path, places: dict[int, int | None]) -> Reconstruction:
    """The data set with the pictures at `places` stored turned by half a turn; the values are what EXIF says, None: nothing."""
    views = list(given.views)
    for i, tag in places.items():
        image, exif = folder / f"{i}.png", Image.Exif()
        if tag is not None:
            exif[0x0112] = tag
        pixels = np.asarray(Image.open(views[i].image))
        Image.fromarray(np.ascontiguousarray(pixels[::-1, ::-1])).save(image, exif=exif)
        # as the readers of given poses have it: the stored pixels
        views[i] = replace(views[i], image=image, reading=Reading(1 if tag not in (None, 1) else None))
    return replace(given, views=tuple(views))


@pytest.mark.parametrize("tags", [{1: 3, 3: 3, 4: 3, 8: 3}, {1: None, 2: None, 5: None}])
def test_pictures_upside_down_for_their_poses_are_found_and_read_turned(
    given: Reconstruction, tmp_path: Path, tags: dict[int, int | None]
) -> None:
    """With an EXIF orientation that tells so, held-out ones (the 9th) too; and without any."""
    found = find(upside_down(given, tmp_path, tags), tmp_path / "scratch")
    read = {i: view.reading.orientation for i, view in enumerate(found.reconstruction.views)}
    assert {i for i, orientation in read.items() if orientation == 3} == set(tags)
    assert found.agreement.fitting > 0.9 and found.model.num_points3D() > 300
    told = take_warnings()
    assert len(told) == 1 and f"{len(tags)} of 10 pictures fit their poses only when they are turned by half" in told[0]
    for view, true in zip(found.reconstruction.views, given.views, strict=True):
        np.testing.assert_array_equal(read_pixels(view), read_pixels(true))


def test_an_orientation_that_the_poses_do_not_know_of_changes_nothing(given: Reconstruction, tmp_path: Path) -> None:
    views = []
    for i, view in enumerate(given.views):
        image, exif = tmp_path / f"{i}.png", Image.Exif()
        exif[0x0112] = (1, 3, 6, 8)[i % 4]
        Image.open(view.image).save(image, exif=exif)
        views.append(replace(view, image=image, reading=Reading(1 if i % 4 else None)))
    found = find(replace(given, views=tuple(views)), tmp_path / "scratch")
    assert found.reconstruction.views == tuple(views) and not take_warnings()
