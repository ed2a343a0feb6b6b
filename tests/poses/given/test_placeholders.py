"""Poses that were never found and pictures that show nothing are left out; honest poses at the origin stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.geometry import Camera, Reconstruction, View
from recon.poses.given.placeholders import never_found
from recon.poses.given.sound import made_sound
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import pose

H, W = 24, 36
CAMERA = Camera("PINHOLE", (H, W), 40.0, 41.0, 17.7, 12.3)
FLIPPED = np.diag([1.0, -1.0, -1.0, 1.0])  # the identity with OpenGL axes


def views_of(folder: Path, n: int, hidden: tuple[int, ...] = ()) -> list[View]:
    rng, views = np.random.default_rng(0), []
    for i in range(n):
        pixels = rng.integers(0, 256, (H, W, 4), dtype=np.uint8)
        pixels[..., 3] = 0 if i in hidden else np.where(np.arange(W) < 9, 0, 255)
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
        views.append(View(f"{i:03d}", folder / f"{i:03d}.png", CAMERA, pose(i)))
    return views


def with_identity(views: list[View], places: tuple[int, ...], identity: np.ndarray = FLIPPED) -> Reconstruction:
    return Reconstruction(
        tuple(replace(v, world_from_camera=identity) if i in places else v for i, v in enumerate(views))
    )


@pytest.mark.parametrize("identity", [np.eye(4), FLIPPED])
@pytest.mark.parametrize("places", [(4,), (4, 9), (3, 4, 5), (0, 1), (0, 7, 11)])
def test_identities_far_from_their_neighbours_are_left_out(
    tmp_path: Path, places: tuple[int, ...], identity: np.ndarray
) -> None:
    found, _ = made_sound(with_identity(views_of(tmp_path, 12), places, identity), tmp_path)
    assert [view.name for view in found.views] == [f"{i:03d}" for i in range(12) if i not in places]
    (told,) = take_warnings()
    assert f"{len(places)} of 12 pictures have the identity for a pose" in told and f"{places[0]:03d}" in told


def test_identities_alone_are_said_to_be_no_poses(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"12 of 12 pictures have the identity for a pose.*dataset=capture"):
        made_sound(with_identity(views_of(tmp_path, 12), tuple(range(12))), tmp_path)
    with pytest.raises(UserError, match=r"10 of 12 pictures have the identity"):
        made_sound(with_identity(views_of(tmp_path, 12), tuple(range(10))), tmp_path)


def test_a_walk_may_begin_at_the_origin_and_stand_there() -> None:
    walk = np.stack([pose(i) for i in range(12)])
    from_first = np.linalg.inv(walk[0]) @ walk
    from_first[0] = np.eye(4)
    assert not never_found(from_first).any()
    assert not never_found(np.concatenate([from_first[:1], from_first[:1], from_first])).any()


def test_a_rig_that_stands_still_comes_to_every_pose_again() -> None:
    rig = np.stack([np.eye(4), *(pose(i) for i in range(3))])
    assert not never_found(np.tile(rig, (5, 1, 1))).any()


def test_photos_in_any_order_may_hold_one_identity() -> None:
    rng = np.random.default_rng(0)
    photos = np.stack([pose(i) for i in rng.permutation(40)])
    photos[:, :3, 3] -= photos[20, :3, 3]
    photos[20] = np.eye(4)
    assert not never_found(photos).any()


def test_pictures_that_show_nothing_are_left_out(tmp_path: Path) -> None:
    found, _ = made_sound(Reconstruction(tuple(views_of(tmp_path, 8, hidden=(2, 5)))), tmp_path)
    assert [view.name for view in found.views] == ["000", "001", "003", "004", "006", "007"]
    assert take_warnings() == [f"{tmp_path}: 2 of 8 pictures are transparent all over and are skipped (002, 005)."]
    with pytest.raises(UserError, match=r"6 of 8 pictures are transparent all over"):
        made_sound(Reconstruction(tuple(views_of(tmp_path, 8, hidden=(0, 1, 2, 3, 4, 5)))), tmp_path)
