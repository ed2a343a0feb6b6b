"""Fisheyes are told from perspective lenses by the matches alone, and both are posed to a millimetre."""

from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch

from recon.formats.cameras_json import read_reconstruction
from recon.geometry import Camera
from recon.poses.sfm.families import FAMILIES, LENS_MODELS, family_of
from recon.poses.sfm.lens_family import settle_family
from recon.workspace import Workspace
from tests.poses import room
from tests.poses.test_sfm import SETTINGS, camera_error
from tests.stages import pose_frames

HW = (360, 480)
PERSPECTIVE = {
    "pinhole": Camera("PINHOLE", HW, 400.0, 400.0, 240.0, 180.0),
    "tele": Camera("PINHOLE", HW, 900.0, 900.0, 240.0, 180.0),
    "phone": Camera("OPENCV", HW, 390.0, 391.0, 242.0, 179.0, (0.12, -0.25, 0.001, -0.0007)),
}
# Ninety degrees across and barrel-shaped: maps well as either.
ACTION_CAMERA = Camera("OPENCV", HW, 240.0, 240.0, 240.0, 180.0, (-0.28, 0.07, 0.0, 0.0))
FISHEYE = {
    "190 degrees": Camera("OPENCV_FISHEYE", HW, 140.0, 140.0, 240.0, 180.0, (0.03, -0.01, 0.002, -0.0005)),
    "170 degrees": Camera("OPENCV_FISHEYE", HW, 160.0, 161.0, 242.0, 179.0, (-0.02, 0.006, -0.004, 0.0008)),
    "130 degrees": Camera("OPENCV_FISHEYE", HW, 215.0, 215.0, 240.0, 180.0, (-0.02, 0.006, -0.004, 0.0008)),
}


def database_of(file: Path, lens: Camera, *, n_images: int = 5) -> Path:
    """Matches of points spread over the picture: half a pixel of noise, a tenth of them wrong, the camera unknown."""
    rng = np.random.default_rng(1)
    with pycolmap.Database.open(file) as opened:
        camera = pycolmap.Camera.create_from_model_name(1, "SIMPLE_RADIAL", 1.2 * HW[1], HW[1], HW[0])
        camera.camera_id = opened.write_camera(camera)
        pixels = torch.from_numpy(rng.uniform((0, 0), HW[::-1], (600, 2)))
        points = lens.unproject(pixels).numpy() * rng.uniform(1.5, 5, (600, 1))
        ids, seen = [], []
        for i in range(n_images):
            turned = _turn(0.08 * i) @ (points - [0.3 * i, 0.05 * i, 0.1 * i]).T
            projected = lens.project(torch.from_numpy(turned.T)).numpy() + rng.normal(0, 0.5, (600, 2))
            projected[rng.random(600) < 0.1] = rng.uniform(0, 300, 2)
            image = pycolmap.Image(name=f"{i}.png", camera_id=camera.camera_id)
            ids.append(opened.write_image(image))
            seen.append(np.isfinite(projected).all(1) & (projected > 0).all(1) & (projected < HW[::-1]).all(1))
            opened.write_keypoints(ids[-1], np.nan_to_num(projected).astype(np.float32))
        for i in range(n_images):
            for j in range(i + 1, n_images):
                both = np.flatnonzero(seen[i] & seen[j]).astype(np.uint32)
                opened.write_matches(ids[i], ids[j], np.stack([both, both], 1))
    return file


def _turn(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])


def camera_in(database: Path) -> pycolmap.Camera:
    with pycolmap.Database.open(database) as opened:
        (camera,) = opened.read_all_cameras()
        return camera


@pytest.mark.parametrize("name", PERSPECTIVE)
def test_a_perspective_lens_is_left_alone(tmp_path: Path, name: str) -> None:
    database = database_of(tmp_path / "d.db", PERSPECTIVE[name])
    before = camera_in(database)
    assert settle_family(database, camera_model="auto", seed=0) == "perspective"
    after = camera_in(database)
    assert after.model_name == "SIMPLE_RADIAL" and list(after.params) == list(before.params)


@pytest.mark.parametrize("name", FISHEYE)
def test_a_fisheye_is_recognised(tmp_path: Path, name: str) -> None:
    database = database_of(tmp_path / "d.db", FISHEYE[name])
    assert settle_family(database, camera_model="auto", seed=0) == "fisheye"
    camera = camera_in(database)
    assert camera.model_name == FAMILIES["fisheye"].mapping and camera.has_prior_focal_length
    assert camera.focal_length == pytest.approx(FISHEYE[name].fx, rel=0.15)  # the tried ones are that far apart
    with pycolmap.Database.open(database) as opened:
        _, geometries = opened.read_two_view_geometries()
        shares = [
            len(geometry.inlier_matches) / opened.read_num_matches()[1][i] for i, geometry in enumerate(geometries)
        ]
    assert len(shares) == 10 and min(shares) > 0.5  # every pair is verified with the new lens


def test_a_named_model_decides(tmp_path: Path) -> None:
    database = database_of(tmp_path / "d.db", FISHEYE["190 degrees"])
    assert settle_family(database, camera_model="RADIAL", seed=0) == "perspective"
    assert camera_in(database).model_name == "SIMPLE_RADIAL"
    database = database_of(tmp_path / "e.db", ACTION_CAMERA)
    assert settle_family(database, camera_model="OPENCV_FISHEYE", seed=0) == "fisheye"
    assert camera_in(database).model_name == "SIMPLE_RADIAL_FISHEYE"


def test_a_named_fisheye_is_one_without_any_match(tmp_path: Path) -> None:
    for model, name in (("auto", "SIMPLE_RADIAL"), ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE")):
        database = database_of(tmp_path / f"{model}.db", FISHEYE["130 degrees"], n_images=1)
        settle_family(database, camera_model=model, seed=0)
        assert camera_in(database).model_name == name


def test_every_model_has_one_family() -> None:
    assert len(set(LENS_MODELS)) == len(LENS_MODELS) == sum(len(family.models) for family in FAMILIES.values())
    for name, family in FAMILIES.items():
        assert family_of(family.mapping) == family_of(family.richest) == name


@pytest.mark.slow
@pytest.mark.parametrize("camera_model", ["auto", "OPENCV_FISHEYE"])
def test_a_fisheye_capture_is_posed(tmp_path: Path, camera_model: str) -> None:
    truth = Camera("OPENCV_FISHEYE", (270, 360), 112.0, 112.0, 180.0, 135.0, (0.03, -0.01, 0.002, -0.0005))
    workspace, poses = Workspace(tmp_path), room.walk(8)
    room.film(workspace, poses, truth)
    pose_frames(workspace, **{**SETTINGS, "camera_model": camera_model})
    camera = read_reconstruction(workspace).views[0].camera
    assert camera_error(workspace, poses) < 0.001  # of a walk of 3.2 m
    assert camera.model == "OPENCV_FISHEYE"
    assert camera.fx == pytest.approx(truth.fx, rel=0.01)
    # Coefficients trade against each other; where a pixel looks is what they come to. 0.2 degrees are a third of a pixel.
    pixels = torch.tensor([[180.0, 135.0], [300.0, 200.0], [90.0, 30.0], [20.0, 135.0]], dtype=torch.float64)
    cosines = (camera.unproject(pixels) * truth.unproject(pixels)).sum(-1).clamp(-1, 1)
    assert torch.rad2deg(torch.acos(cosines)).max() < 0.2
