"""The sky of a yard without a roof is found, indoors nothing is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.bench.synthetic.renderer import render_color, render_depth
from recon.geometry import View, look_at
from recon.matching.confirm import Confirmed
from recon.matching.open_air import is_in_the_open
from recon.matching.pictures import Picture
from recon.matching.sky import _is_open, find_sky
from recon.matching.sky_colors import looks_like_sky
from recon.matching.sky_evidence import directions
from tests.worlds import UP, room_camera, textured_room


def yard(
    n: int = 6, *, height: float = 1.3, rise: float = 0.45
) -> tuple[list[Picture], list[Confirmed], list[np.ndarray]]:
    """Pictures from a `height` that see walls and the sky above them, exact depth where there is matter, and where the sky is."""
    world, camera = textured_room(), room_camera((72, 96))
    pictures, confirmed, skies = [], [], []
    for i in range(n):
        eye = np.array([-0.9 + 0.25 * i, -0.8, height])
        pose = look_at(eye, np.array([0.1, 1.2, height + rise]), UP)
        color = np.rint(255 * render_color(world, camera, pose, supersampling=2)).astype(np.uint8)
        depth = render_depth(world, camera, pose)
        view = View(name=f"v{i}", image=__file__, camera=camera, world_from_camera=pose)  # type: ignore[arg-type]
        pictures.append(Picture(view, camera, color, np.ones(camera.size_hw, bool)))
        normal = np.zeros((*camera.size_hw, 3), np.float16)
        confirmed.append(Confirmed(depth, normal, (depth > 0).astype(np.float32)))
        skies.append(depth == 0)
    return pictures, confirmed, skies


NEIGHBOURS = np.array([[j for j in range(6) if j != i] for i in range(6)], np.int32)


@pytest.mark.parametrize("is_up_aligned", [True, False])
def test_the_sky_is_found_up_to_its_rim(is_up_aligned: bool, tmp_path: Path) -> None:
    pictures, confirmed, skies = yard()
    found = list(find_sky(pictures, confirmed, NEIGHBOURS, tmp_path, is_up_aligned=is_up_aligned))
    sky, mask = np.stack(skies), np.stack(found)
    assert 0.1 < sky.mean() < 0.7
    assert (mask & sky).sum() > 0.85 * sky.sum()
    assert (mask & ~sky).sum() < 0.01 * mask.sum()


def test_white_and_grey_rooms_have_no_sky(tmp_path: Path) -> None:
    pictures, confirmed, _ = yard()
    for i, color in enumerate([(205, 203, 198), (150, 150, 150), (232, 226, 215)]):
        painted = [replace(p, color=np.full_like(p.color, color)) for p in pictures]
        unknown = [k.without(k.is_confirmed) for k in confirmed]
        masks = find_sky(painted, unknown, NEIGHBOURS, tmp_path / str(i), is_up_aligned=True)
        assert not any(mask.any() for mask in masks)


def test_a_grey_sky_is_found_where_matter_rises_far_above_the_cameras(tmp_path: Path) -> None:
    for height, rise, is_found in ((0.25, 0.9, True), (1.3, 0.45, False)):
        pictures, confirmed, skies = yard(height=height, rise=rise)
        cloudy = [
            replace(p, color=np.where(sky[..., None], (168, 172, 175), p.color // 2).astype(np.uint8))
            for p, sky in zip(pictures, skies, strict=True)
        ]
        assert is_in_the_open(cloudy, confirmed) == is_found, "as from a car, and as under a ceiling"
        found = list(find_sky(cloudy, confirmed, NEIGHBOURS, tmp_path / str(height), is_up_aligned=True))
        sky, mask = np.stack(skies), np.stack(found)
        assert (mask & sky).sum() > 0.85 * sky.sum() if is_found else not mask.any()
        assert (mask & ~sky).sum() <= 0.01 * mask.sum()


def test_under_a_blue_sky_grey_is_wall(tmp_path: Path) -> None:
    pictures, confirmed, skies = yard(height=0.25, rise=0.9)
    top = np.zeros(skies[0].shape, bool)
    top[:20, -15:] = True
    walled = [
        replace(p, color=np.where(top[..., None], (168, 172, 175), np.where(sky[..., None], p.color, p.color // 2)))
        for p, sky in zip(pictures, skies, strict=True)
    ]
    walled = [replace(p, color=p.color.astype(np.uint8)) for p in walled]
    known = [k.without(top) for k in confirmed]
    mask = np.stack(list(find_sky(walled, known, NEIGHBOURS, tmp_path, is_up_aligned=True)))
    assert mask.any() and not mask[:, :15, -10:].any()


def test_a_grey_wall_that_goes_on_below_the_horizon_is_no_sky() -> None:
    (picture, *_), _, _ = yard(1, height=0.25)
    level = look_at(np.array([0.0, -0.8, 0.25]), np.array([0.0, 1.2, 0.25]), UP)
    wall = np.full_like(picture.color, 90)
    wall[:, 20:60] = 170
    picture = replace(picture, color=wall, view=replace(picture.view, world_from_camera=level))
    assert not looks_like_sky(picture, is_up_aligned=True, has_grey=True)[:, 20:60].any()
    wall[picture.camera.size_hw[0] // 2 :] = 90
    looks = looks_like_sky(replace(picture, color=wall), is_up_aligned=True, has_grey=True)
    assert looks[:30, 25:55].all() and not looks[40:].any()


def test_blue_things_that_are_matched_or_stand_below_the_horizon_are_no_sky(tmp_path: Path) -> None:
    pictures, confirmed, _ = yard()
    blue = [replace(p, color=np.full_like(p.color, (120, 160, 220))) for p in pictures]
    everywhere = [
        Confirmed(np.ones_like(k.depth), np.ones_like(k.normal), np.ones_like(k.confidence)) for k in confirmed
    ]
    assert not any(mask.any() for mask in find_sky(blue, everywhere, NEIGHBOURS, tmp_path / "blue", is_up_aligned=True))
    down = look_at(np.array([0.0, 0, 1.5]), np.array([0.0, 0.5, 0.0]), UP)
    below = [replace(p, view=replace(p.view, world_from_camera=down)) for p in blue]
    nothing = [k.without(k.is_confirmed) for k in confirmed]
    assert not any(mask.any() for mask in find_sky(below, nothing, NEIGHBOURS, tmp_path / "below", is_up_aligned=True))


def test_a_patch_of_blue_paint_on_a_wall_is_no_sky(tmp_path: Path) -> None:
    pictures, confirmed, skies = yard()
    painted, known, patches = [], [], []
    for picture, here in zip(pictures, confirmed, strict=True):
        camera, (h, w), pose = picture.camera, picture.camera.size_hw, picture.world_from_camera
        y, x = np.mgrid[:h, :w] + 0.5
        rays = np.stack([(x - camera.cx) / camera.fx, (y - camera.cy) / camera.fy, np.ones((h, w))], -1)
        points = rays * here.depth[..., None] @ pose[:3, :3].T + pose[:3, 3]
        patch = (here.depth > 0) & (np.abs(points[..., 2] - 1.62) < 0.2) & (np.abs(points[..., 0] - 0.1) < 0.35)
        painted.append(
            replace(picture, color=np.where(patch[..., None], (70, 130, 170), picture.color).astype(np.uint8))
        )
        known.append(here.without(patch))
        patches.append(patch)
    found = list(find_sky(painted, known, NEIGHBOURS, tmp_path, is_up_aligned=True))
    sky, patch, mask = (np.stack(masks) for masks in (skies, patches, found))
    assert patch.sum() > 200
    assert (mask & sky).sum() > 0.85 * sky.sum()
    assert not (mask & patch).any()


def test_what_a_border_at_the_side_cuts_is_not_open_above() -> None:
    """Paint that leaves the picture to the right would else vouch for all paint of its colour."""
    (picture, *_), _, _ = yard(1)
    height, (h, w) = directions(picture)[..., 2], picture.camera.size_hw
    region = np.zeros((h, w), bool)
    region[:20, 30:60] = True
    assert _is_open(region, height) and _is_open(region, -np.mgrid[:h, :w][0].astype(float))
    for sideways in (np.s_[10:30, w - 20 :], np.s_[10:30, :20], np.s_[h - 20 :, 20:40], np.s_[10:30, 20:40]):
        region[:] = False
        region[sideways] = True
        assert not _is_open(region, height)
    rolled = Picture(picture.view, picture.camera, picture.color, picture.is_valid)
    quarter = np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    pose = picture.world_from_camera @ quarter
    rolled = replace(rolled, view=replace(picture.view, world_from_camera=pose))
    sides = []
    for side in (np.s_[20:40, :20], np.s_[20:40, w - 20 :]):
        region[:] = False
        region[side] = True
        sides.append(_is_open(region, directions(rolled)[..., 2]))
    assert sorted(sides) == [False, True], "of a picture on its side, one side is up"
