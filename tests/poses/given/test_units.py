"""The unit of given poses against depth, points and common sense: a room whose poses come in millimetres."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from recon.formats import colmap, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.geometry import Points, Reconstruction, Similarity, View, look_at, pixel_centers
from recon.poses.given.units import settled_unit
from recon.workspace import Workspace
from recon.workspace.console import take_warnings
from tests.poses import room
from tests.poses.given.test_given_points import SETTINGS
from tests.stages import import_dataset

MILLIMETRES = Similarity(1000.0, np.eye(3), np.zeros(3))
N = 9


def depth_of(pose: np.ndarray) -> np.ndarray:
    """Exact depth [h, w] of the room along camera z, metres."""
    lens = room.camera()
    rays = lens.unproject(pixel_centers(lens.size_hw).double()).numpy()
    directions = rays @ pose[:3, :3].T
    t = ((np.sign(directions) * room.HALF_SIZE - pose[:3, 3]) / directions).min(-1)
    return np.asarray(t * rays[..., 2])


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """In metres, with depth images in millimetres beside the pictures."""
    folder, walls = tmp_path_factory.mktemp("data"), room.textures(0)
    (folder / "images").mkdir()
    (folder / "depth").mkdir()
    views = []
    for i, pose in enumerate(room.walk(N)):
        image = folder / f"images/{i:02d}.png"
        Image.fromarray(room.render(room.camera(), pose, walls)).save(image)
        cv2.imwrite(str(folder / f"depth/{i:02d}.png"), np.round(1000 * depth_of(pose)).astype(np.uint16))
        views.append(View(f"{i:02d}", image, room.camera(), pose))
    return Reconstruction(tuple(views))


def imported(
    truth: Reconstruction, given: Reconstruction, folder: Path, unit_m: float
) -> tuple[Reconstruction, list[str]]:
    """`given` as a data set beside the pictures of `truth`, through the stage; and what was warned of."""
    data = truth.views[0].image.parent.parent
    transforms_json.write(data / "transforms.json", given)
    import_dataset(Workspace(folder), path=str(data), **{**SETTINGS, "unit_m": unit_m, "align": "keep"})
    return read_reconstruction(Workspace(folder)), _warned(folder)


def _warned(folder: Path) -> list[str]:
    return list(json.loads((folder / "poses/stage.json").read_text())["warnings"])


def test_millimetres_are_told_by_the_depth_beside_the_pictures(truth: Reconstruction, tmp_path: Path) -> None:
    read, warned = imported(truth, truth.transformed(MILLIMETRES), tmp_path / "mm", 1.0)
    np.testing.assert_allclose(read.centers, truth.centers, atol=1e-6)
    assert read.scale is not None and read.scale.metres_per_unit == 1.0
    assert len(warned) == 1 and "a unit of the poses is 0.001 m; 0.001 is used" in warned[0]
    read, warned = imported(truth, truth, tmp_path / "m", 1.0)
    np.testing.assert_allclose(read.centers, truth.centers, atol=1e-6)
    assert not warned
    read, warned = imported(truth, truth.transformed(MILLIMETRES), tmp_path / "said", 0.001)
    np.testing.assert_allclose(read.centers, truth.centers, atol=1e-6)
    assert not warned


def test_points_in_metres_meet_poses_in_millimetres(truth: Reconstruction, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    walls = rng.uniform(-1, 1, (400, 3)) * room.HALF_SIZE
    walls[:, 1] = room.HALF_SIZE[1]
    given = replace(truth.transformed(MILLIMETRES), points=Points(walls, np.zeros((400, 3), np.uint8)))
    data = truth.views[0].image.parent.parent
    colmap.write(data / "sparse", given, images=data / "images")
    settings = {**SETTINGS, "format": "colmap", "images": str(data / "images"), "align": "keep"}
    import_dataset(Workspace(tmp_path / "run"), path=str(data / "sparse"), **settings)
    read = read_reconstruction(Workspace(tmp_path / "run"))
    assert read.points is not None
    np.testing.assert_allclose(read.points.positions, walls, rtol=0.01)
    assert read.scale is not None and read.scale.source.startswith("depth beside 7 of the pictures")
    assert any("multiplied by 1000" in line for line in _warned(tmp_path / "run"))


@pytest.mark.parametrize(("times_s", "said"), [(0.1, "moved at 47"), (None, "471 m apart"), (1e-9, "471 m apart")])
def test_what_no_camera_does_is_warned_of(times_s: float | None, said: str) -> None:
    """A ring of three metres in forty pictures, in millimetres that count as metres."""
    angles = np.arange(40) * np.pi / 20
    eyes = 3000 * np.stack([np.cos(angles), np.sin(angles), 0.5 + 0 * angles], -1)
    poses = [look_at(eye, np.zeros(3), np.array([0.0, 0, 1])) for eye in eyes]
    views = tuple(
        View(f"{i:02d}", Path("a.png"), room.camera(), pose, time_s=None if times_s is None else i * times_s)
        for i, pose in enumerate(poses)
    )
    scene = Reconstruction(views)
    assert settled_unit(None, scene, "tum", 1.0) == 1.0
    assert said in (told := take_warnings())[0] and "dataset.unit_m=0.001" in told[0]
    assert settled_unit(None, scene, "tum", 0.001) == 0.001 and not take_warnings()
    assert settled_unit(None, scene, "csv", 1.0) == 1.0 and not take_warnings()  # a person says so
    assert settled_unit(None, scene, "csv", None) is None and not take_warnings()
