"""Masked pixels give no features and no points, and the views of the posed capture carry their masks."""

from pathlib import Path

import cv2
import numpy as np
import pycolmap
import pytest
import torch

from recon.formats.cameras_json import read_reconstruction
from recon.formats.frame_set import read_frame_set
from recon.formats.photos import read_photo
from recon.poses.sfm.features import FeatureSettings, detect, extract
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room
from tests.poses.test_sfm import SETTINGS, camera_error
from tests.stages import pose_frames

N = 9
Film = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]  # poses, images, masks


@pytest.fixture(scope="module")
def film() -> Film:
    """A walk through the room in which a textured person walks against the camera's motion, before everything."""
    torch.set_num_threads(1)
    poses, lens, walls = room.walk(N), room.camera(), room.textures(0)
    rng = np.random.default_rng(1)
    person = cv2.resize(rng.integers(0, 255, (45, 18, 3), dtype=np.uint8), (72, 180), interpolation=cv2.INTER_CUBIC)
    images, masks = [], []
    for i, pose in enumerate(poses):
        image, mask, x = room.render(lens, pose, walls), np.ones((240, 320), bool), 20 + 26 * i
        image[50:230, x : x + 72], mask[50:230, x : x + 72] = person, False
        images.append(image)
        masks.append(mask)
    return poses, images, masks


def is_hidden(masks: list[np.ndarray], index: int, xy: np.ndarray) -> np.ndarray:
    columns, rows = np.floor(xy).astype(int).T
    return ~masks[index][rows, columns]


def hidden_features(workspace: Workspace, masks: list[np.ndarray], folder: Path) -> int:
    frames = read_frame_set(workspace)
    extract(folder / "f.db", workspace.frames, frames, FeatureSettings(800, None), threads=1)
    with pycolmap.Database.open(folder / "f.db") as opened:
        images = opened.read_all_images()
        assert len(images) == N  # none is left out for want of a mask
        found = [is_hidden(masks, int(i.name[:5]), opened.read_keypoints(i.image_id)[:, :2]).sum() for i in images]
    return int(sum(found))


def test_no_feature_lies_in_the_masked_area(tmp_path: Path, film: Film) -> None:
    _, images, masks = film
    room.write_frames(Workspace(tmp_path / "plain"), images)
    room.write_frames(Workspace(tmp_path / "masked"), images, masks=masks)
    assert hidden_features(Workspace(tmp_path / "plain"), masks, tmp_path / "plain") > 50 * N
    assert hidden_features(Workspace(tmp_path / "masked"), masks, tmp_path / "masked") == 0


def test_no_feature_lies_where_a_picture_is_transparent(tmp_path: Path, film: Film) -> None:
    """As `capture.alpha=empty` leaves photos: the person is still there in the colours of hidden pixels."""
    _, images, masks = film
    workspace, height = Workspace(tmp_path / "cut_out"), images[0].shape[0]
    cut_out = [
        np.dstack([image, np.where(mask, 255, 0).astype(np.uint8)]) for image, mask in zip(images, masks, strict=True)
    ]
    room.write_frames(workspace, cut_out)
    assert hidden_features(workspace, masks, tmp_path / "cut_out") == 0
    frames = read_frame_set(workspace)
    found = detect(workspace.frames, frames.frames[3], FeatureSettings(800, None)).keypoints[:, :2]
    assert len(found) > 200 and found[:, 1].max() > 0.9 * height
    rim = cv2.dilate((~masks[3]).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert not rim[tuple(np.floor(found).astype(int).T[::-1])].any()  # an outline is no feature either


def test_a_moving_person_that_is_masked_leaves_no_points(tmp_path: Path, film: Film) -> None:
    poses, images, masks = film
    workspace = Workspace(tmp_path)
    room.write_frames(workspace, images, masks=masks)
    pose_frames(workspace, **SETTINGS)
    assert camera_error(workspace, poses) < 0.02
    for view, mask in zip(read_reconstruction(workspace).views, masks, strict=True):
        assert view.mask == workspace.frames / f"masks/{view.name}.png"
        assert np.array_equal(read_photo(view).mask, mask)
    model = pycolmap.Reconstruction(workspace.poses / "colmap")
    for image in model.images.values():
        seen = np.array([p.xy for p in image.points2D if p.has_point3D()])
        assert len(seen) > 50 and not is_hidden(masks, int(image.name[:5]), seen).any()


def test_a_missing_mask_is_named(tmp_path: Path, film: Film) -> None:
    _, images, masks = film
    workspace = Workspace(tmp_path)
    room.write_frames(workspace, images, masks=masks)
    (workspace.frames / "masks/00003.png").unlink()
    with pytest.raises(UserError, match=r"masks/00003\.png"):
        read_frame_set(workspace)
