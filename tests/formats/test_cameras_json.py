"""cameras.json and points.ply: round trip, paths, errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from recon.formats import cameras_json
from recon.formats.points_ply import read_points, write_points
from recon.geometry import Camera, Points, Reconstruction, Scale, Similarity, View, look_at
from recon.workspace import Workspace
from recon.workspace.errors import UserError


def posed(root: Path) -> Reconstruction:
    camera = Camera("OPENCV", (24, 36), 40.0, 41.0, 17.0, 12.5, (0.1, 0.02, 0.001, -0.002))
    up = np.array([0.0, 0.0, 1.0])
    poses = [look_at(np.array([3.0, 0.5 * i, 1.0]), np.zeros(3), up) for i in range(3)]
    images = [root / "frames/a.png", root / "frames/b.png", root.parent / "elsewhere/c.png"]
    views = tuple(
        View(name, image, camera if i else camera.pinhole(), pose, 0.25 * i, None, "test" if i == 2 else "train")
        for i, (name, image, pose) in enumerate(zip("abc", images, poses, strict=True))
    )
    rng = np.random.default_rng(0)
    points = Points(rng.normal(size=(6, 3)), rng.integers(0, 256, (6, 3), dtype=np.uint8))
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return Reconstruction(views, points, Scale(1.0, "tape", 0.01), True, Similarity(2.0, turn, np.arange(3.0)))


def test_round_trip_through_the_run_folder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "run")
    written = posed(workspace.root)
    cameras_json.write(workspace.cameras_json, written, root=workspace.root)
    read = cameras_json.read_reconstruction(workspace)
    for a, b in zip(read.views, written.views, strict=True):
        assert (a.name, a.camera, a.time_s, a.split, a.mask) == (b.name, b.camera, b.time_s, b.split, b.mask)
        assert a.image.resolve() == b.image.resolve()
        np.testing.assert_array_equal(a.world_from_camera, b.world_from_camera)
    assert read.points is not None and written.points is not None
    np.testing.assert_array_equal(read.points.positions, written.points.positions)
    np.testing.assert_array_equal(read.points.colors, written.points.colors)
    assert read.scale == written.scale and read.is_up_aligned
    np.testing.assert_allclose(read.world_from_capture.matrix, written.world_from_capture.matrix, atol=1e-12)


def test_a_moved_run_folder_still_finds_its_pictures(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "run")
    cameras_json.write(workspace.cameras_json, posed(workspace.root), root=workspace.root)
    workspace.root.rename(tmp_path / "moved")
    read = cameras_json.read_reconstruction(Workspace(tmp_path / "moved"))
    assert read.views[0].image == tmp_path / "moved/frames/a.png"
    assert read.views[2].image == tmp_path / "elsewhere/c.png"


def test_missing_poses_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"scripts/poses\.py"):
        cameras_json.read_reconstruction(Workspace(tmp_path))


@pytest.mark.parametrize("change", [{"version": 99}, {"views": [{}]}, {"cameras": "none"}])
def test_damaged_files_are_errors(tmp_path: Path, change: dict) -> None:
    path = tmp_path / "cameras.json"
    value = {**cameras_json.encode(posed(tmp_path), root=tmp_path), **change}
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"cameras\.json"):
        cameras_json.read(path, root=tmp_path)


def test_points_in_ascii_without_colors_and_with_faces(tmp_path: Path) -> None:
    path = tmp_path / "p.ply"
    head = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
    path.write_text(head + "element face 0\nproperty list uchar int v\nend_header\n1 2 3\n4 5 6\nnan 0 0\n")
    points = read_points(path)
    np.testing.assert_array_equal(points.positions, [[1, 2, 3], [4, 5, 6]])
    assert (points.colors == 128).all()


@pytest.mark.parametrize("keep", [3, 30, 200])
def test_cut_off_points_are_errors(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "p.ply"
    write_points(path, Points(np.ones((5, 3)), np.ones((5, 3), np.uint8)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="PLY"):
        read_points(path)


WRONG = {
    "camera -1": ("views", 0, "camera", -1),
    "camera true": ("views", 0, "camera", True),
    "camera text": ("views", 0, "camera", "0"),
    "name null": ("views", 1, "name", None),
    "name a number": ("views", 1, "name", 5),
    "size of three": ("cameras", 0, "size_hw", [24, 36, 3]),
    "size of half pixels": ("cameras", 0, "size_hw", [24.5, 36]),
    "size infinite": ("cameras", 0, "size_hw", [float("inf"), 36]),
    "scale nan": ("scale", "metres_per_unit", float("nan")),
    "scale 0": ("scale", "metres_per_unit", 0),
    "scale -1": ("scale", "metres_per_unit", -1.0),
    "scale 1e300": ("scale", "metres_per_unit", 1e300),
    "scale text": ("scale", "metres_per_unit", "1"),
    "error nan": ("scale", "relative_error", float("nan")),
    "capture of zeros": ("world_from_capture", [[0.0] * 4] * 4),
    "capture mirrored": ("world_from_capture", np.diag([-1.0, -1, -1, 1]).tolist()),
    "capture sheared": ("world_from_capture", [[1.0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    "capture nan": ("world_from_capture", 0, 0, float("nan")),
    "geo empty": ("geo", {"latitude_deg": "x", "enu_from_world": [[0] * 4] * 4}),
    "pose of 400 digits": ("views", 0, "world_from_camera", 0, 3, 10**400),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_one_wrong_value_is_one_line(tmp_path: Path, change: tuple) -> None:
    *path, last, value = change
    written = cameras_json.encode(posed(tmp_path), root=tmp_path)
    place = json.loads(json.dumps(written))
    top = place
    for key in path:
        place = place[key]
    place[last] = value
    (tmp_path / "cameras.json").write_text(json.dumps(top))
    with pytest.raises(UserError, match=r"cameras\.json") as refused:
        cameras_json.read(tmp_path / "cameras.json", root=tmp_path)
    assert "\n" not in str(refused.value)
