"""Our poses for other programs: what is written reads back, as transforms.json and as a COLMAP model, and COLMAP opens it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch

from recon.formats import cameras_json, colmap, csv_poses, transforms_json
from recon.formats.cameras_json import read_reconstruction
from recon.geometry import Camera, Points, Reconstruction
from recon.poses.exchange import picture_folder, write_exchange
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.formats.captures import FISHEYE, OPENCV, PINHOLE, assert_same_views, capture, picture
from tests.poses.test_given import SETTINGS as GIVEN
from tests.stages import import_dataset

NAMES = ["000", "001", "002", "003"]
CAMERAS = {camera.model: camera for camera in (PINHOLE, OPENCV, FISHEYE)}
SETTINGS = {**GIVEN, "align": "keep"}


def posed(folder: Path, camera: Camera, *, points: bool = True) -> Reconstruction:
    made = capture([folder / f"{name}.png" for name in NAMES], NAMES, camera)
    cloud = Points(np.random.default_rng(0).normal(size=(7, 3)), np.arange(21, dtype=np.uint8).reshape(7, 3))
    return replace(made, points=cloud) if points else made


def written(run: Path, reconstruction: Reconstruction) -> Path:
    """The poses folder of a run folder, with all that the stage leaves for other stages and programs."""
    cameras_json.write(run / "poses/cameras.json", reconstruction, root=run)
    write_exchange(run / "poses", reconstruction, root=run)
    return run / "poses"


@pytest.mark.parametrize("model", CAMERAS)
def test_both_read_back_from_the_run_folder(tmp_path: Path, model: str) -> None:
    given = posed(tmp_path / "frames", CAMERAS[model])
    poses = written(tmp_path, given)
    by_transforms, by_colmap = transforms_json.read(poses), colmap.read(poses, images=None)
    assert_same_views(by_transforms, given)
    assert_same_views(by_colmap, given, times=False)
    for read in (by_transforms, by_colmap):
        assert read.points is not None and given.points is not None
        np.testing.assert_allclose(read.points.positions, given.points.positions, atol=1e-12)
    assert '"../frames/000.png"' in (poses / "transforms.json").read_text()


def test_views_of_several_cameras(tmp_path: Path) -> None:
    given = posed(tmp_path / "frames", PINHOLE)
    cameras = (PINHOLE, OPENCV, FISHEYE, replace(PINHOLE, fx=50.0))
    mixed = replace(given, views=tuple(replace(v, camera=c) for v, c in zip(given.views, cameras, strict=True)))
    poses = written(tmp_path, mixed)
    assert_same_views(transforms_json.read(poses), mixed)
    assert_same_views(colmap.read(poses, images=None), mixed, times=False)


@pytest.mark.parametrize("model", CAMERAS)
@pytest.mark.parametrize("points", [True, False])
def test_colmap_opens_the_model_and_projects_alike(tmp_path: Path, model: str, points: bool) -> None:
    given = posed(tmp_path / "frames", CAMERAS[model], points=points)
    theirs = pycolmap.Reconstruction(str(written(tmp_path, given) / "colmap"))
    assert theirs.num_reg_images() == len(NAMES) and theirs.num_points3D() == (7 if points else 0)
    ahead = np.array([[0.1, -0.2, 1.5], [-0.3, 0.2, 2.0]])
    for view in given.views:
        image = theirs.find_image_with_name(view.image.name)
        np.testing.assert_allclose(image.projection_center(), view.world_from_camera[:3, 3], atol=1e-12)
        ours = view.camera.project(torch.from_numpy(ahead)).numpy()
        np.testing.assert_allclose(theirs.cameras[image.camera_id].img_from_cam(ahead), ours, atol=1e-9)


def test_a_model_with_tracks_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "poses/colmap").mkdir(parents=True)
    (tmp_path / "poses/colmap/points3D.bin").write_bytes(b"tracks")
    written(tmp_path, posed(tmp_path / "frames", PINHOLE))
    assert [path.name for path in (tmp_path / "poses/colmap").iterdir()] == ["points3D.bin"]


def test_pictures_outside_the_run_folder_are_named_absolutely_and_read_where_they_are_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    given = capture([data / "train/a.png", data / "test/a.png"], ["train_a", "test_a"], OPENCV, ("train", "test"))
    by_name = replace(given, views=tuple(sorted(given.views, key=lambda view: view.name)))
    poses = written(tmp_path / "run", given)
    assert picture_folder(given) == data.resolve()
    assert_same_views(transforms_json.read(poses, images=str(data)), by_name)
    assert_same_views(colmap.read(poses, images=data), by_name, times=False, splits=False)
    with pytest.raises(UserError, match=r"dataset\.images"):
        transforms_json.read(poses)


def test_a_file_that_is_not_ours_may_not_name_the_folder_above(tmp_path: Path) -> None:
    poses = written(tmp_path, posed(tmp_path / "frames", PINHOLE))
    (poses / "cameras.json").unlink()
    with pytest.raises(UserError, match="leads out"):
        transforms_json.read(poses)


@pytest.mark.parametrize("format", ["transforms", "colmap"])
@pytest.mark.parametrize("model", CAMERAS)
def test_from_given_poses_and_back_through_the_stage(tmp_path: Path, model: str, format: str) -> None:
    data, first, second = tmp_path / "data", Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    csv_poses.write(data / "poses.csv", posed(data / "images", CAMERAS[model], points=False))
    import_dataset(first, format="csv", path=str(data), **SETTINGS)
    options = {**SETTINGS, "images": str(data / "images")}
    import_dataset(second, format=format, path=str(first.poses), **options)
    assert_same_views(read_reconstruction(second), read_reconstruction(first), times=format == "transforms")


def test_masks_go_along(tmp_path: Path) -> None:
    given = posed(tmp_path / "frames", PINHOLE)
    masks = [picture(tmp_path / f"masks/{name}.png") for name in NAMES]
    masked = replace(given, views=tuple(replace(v, mask=m) for v, m in zip(given.views, masks, strict=True)))
    read = transforms_json.read(written(tmp_path, masked))
    assert [view.mask for view in read.views] == masks
