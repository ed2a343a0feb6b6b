"""Given poses through the stage: each format ends upright in poses/, pictures stay where they are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from recon.errors import UserError
from recon.formats import colmap, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.geometry import Camera, Points, Reconstruction, Similarity, View, look_at
from recon.poses import import_dataset
from recon.workspace import Workspace, read_metrics
from tests.poses.scale_defaults import SCALE

UP = np.array([0.0, 0.0, 1.0])
SETTINGS: dict[str, Any] = {
    "images": None,
    "align": "auto",
    "scale": SCALE,
}


def capture(folder: Path, turn: np.ndarray | None = None) -> Reconstruction:
    """A ring of cameras in an upright world, then turned."""
    camera = Camera("OPENCV", (24, 36), 40.0, 41.0, 17.0, 12.5, (0.1, 0.02, 0.001, -0.002))
    views = []
    for i in range(6):
        image = folder / f"images/{i:03d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (36, 24)).save(image)
        eye = np.array([3 * np.cos(i), 3 * np.sin(i), 1.0 + 0.1 * i])
        views.append(View(f"{i:03d}", image, camera, look_at(eye, np.zeros(3), UP)))
    points = Points(np.random.default_rng(0).normal(size=(30, 3)), np.zeros((30, 3), np.uint8))
    scene = Reconstruction(tuple(views), points)
    return scene if turn is None else scene.transformed(Similarity(1.0, turn, np.zeros(3)))


def test_an_upright_world_is_kept_and_pictures_stay(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    given = capture(data, Rotation.from_euler("xz", (20, 50), degrees=True).as_matrix())
    transforms_json.write(data / "transforms.json", given)
    import_dataset(workspace, format="transforms", path=str(data), **SETTINGS)
    read = read_reconstruction(workspace)
    np.testing.assert_allclose(read.centers, given.centers, atol=1e-9)
    assert read.is_up_aligned and read.scale is None and read.points is not None
    assert read.views[2].image == (data / "images/002.png").resolve()
    assert sorted(p.name for p in workspace.poses.iterdir()) == [
        "cameras.json", "points.ply", "report.json", "stage.json",
    ]  # fmt: skip
    assert read_metrics(workspace)["poses"]["method"] == "given (transforms)"


def test_a_lying_world_is_turned_upright_unless_told_otherwise(tmp_path: Path) -> None:
    data = tmp_path / "data"
    given = capture(data, Rotation.from_euler("xy", (95, 20), degrees=True).as_matrix())
    colmap.write(data / "sparse/0", given, images=data / "images")
    turned, kept = Workspace(tmp_path / "turned"), Workspace(tmp_path / "kept")
    import_dataset(turned, format="colmap", path=str(data), **SETTINGS)
    import_dataset(kept, format="colmap", path=str(data), **{**SETTINGS, "align": "keep"})
    upright = read_reconstruction(turned)
    heights = upright.centers[:, 2]
    np.testing.assert_allclose(np.diff(heights), 0.1, atol=1e-4)
    back = upright.world_from_capture.inverse().points(upright.centers)
    np.testing.assert_allclose(back, given.centers, atol=1e-9)
    assert upright.is_up_aligned and not read_reconstruction(kept).is_up_aligned
    np.testing.assert_allclose(read_reconstruction(kept).centers, given.centers, atol=1e-9)


def test_known_distance_gives_metres(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    transforms_json.write(data / "transforms.json", capture(data))
    scale = {**SETTINGS["scale"], "known_distance_m": 12.0, "between": ["000", "003"]}
    import_dataset(workspace, format="transforms", path=str(data), **{**SETTINGS, "scale": scale})
    read = read_reconstruction(workspace)
    assert np.linalg.norm(read.centers[3] - read.centers[0]) == pytest.approx(12.0)
    assert read.scale is not None and read.scale.metres_per_unit == 1.0


def test_reruns_skip_until_the_file_changes(tmp_path: Path) -> None:
    data, workspace = tmp_path / "data", Workspace(tmp_path / "run")
    transforms_json.write(data / "transforms.json", capture(data))
    stamps = []
    for change in (False, False, True):
        if change:
            value = json.loads((data / "transforms.json").read_text())
            value["frames"].pop()
            (data / "transforms.json").write_text(json.dumps(value))
        import_dataset(workspace, format="transforms", path=str(data), **SETTINGS)
        stamps.append(workspace.cameras_json.stat().st_mtime_ns)
    assert stamps[0] == stamps[1] != stamps[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "bundler"}, "expected one of"),
        ({"align": "sideways"}, "auto, keep or up"),
        ({"path": None}, r"dataset\.path"),
        ({"path": "nowhere"}, "does not exist"),
    ],
)
def test_bad_settings_write_nothing(tmp_path: Path, change: dict, message: str) -> None:
    workspace = Workspace(tmp_path / "run")
    transforms_json.write(tmp_path / "transforms.json", capture(tmp_path))
    settings = {"format": "transforms", "path": str(tmp_path), **SETTINGS, **change}
    with pytest.raises(UserError, match=message):
        import_dataset(workspace, **settings)
    assert not workspace.poses.exists()
