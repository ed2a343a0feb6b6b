"""Normalisation of captures and the cells that something may be in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recon.formats.photos import Photo
from recon.geometry import Camera, Reconstruction, View, look_at, pixel_centers, rays_through_pixels
from recon.pixels import Outline, is_possible, normalize_scene
from recon.pixels import outlines as outlines_module
from recon.pixels.outlines import outline_of
from recon.pixels.scene import _focal, _in_view, project, silhouette_box
from tests.worlds import Solid, room_reconstruction

CAMERA = Camera("PINHOLE", (60, 80), 90.0, 90.0, 40.0, 30.0)
CENTER = np.array([0.4, -0.3, 0.9])


def ring_views(n: int, radius: float = 3.0) -> list[View]:
    views = []
    for i in range(n):
        a = 2 * np.pi * i / n
        eye = CENTER + radius * np.array([np.cos(a), np.sin(a), 0.5 * np.sin(3 * a)])
        views.append(View(f"{i:03d}", Path(f"{i:03d}.png"), CAMERA, look_at(eye, CENTER, np.array([0, 0, 1.0]))))
    return views


def sphere_photo(view: View) -> Photo:
    """A sphere of radius 0.5 about CENTER, cut out exactly."""
    solid = Solid("sphere", center=tuple(CENTER), half=(0.5, 0.5, 0.5), density=1e4)
    h, w = view.camera.size_hw
    pose = torch.from_numpy(view.world_from_camera).float()
    rays = rays_through_pixels(view.camera, pose, pixel_centers((h, w)).view(-1, 2))
    alpha = (solid.opacity(rays) > 0.5).view(h, w).numpy().astype(np.uint8) * 255
    return Photo(view, np.dstack([np.full((h, w, 3), 200, np.uint8), alpha]), None)


def test_a_fisheye_sees_all_along_its_rays_and_nothing_behind() -> None:
    fisheye = Camera("OPENCV_FISHEYE", (60, 80), 24.0, 24.0, 40.0, 30.0, (0.0, 0.0, 0.0, 0.0))  # corners at 119 degrees
    view = replace(ring_views(5)[2], camera=fisheye)
    pixels = pixel_centers((60, 80)).view(-1, 2).double()
    rays = rays_through_pixels(fisheye, torch.from_numpy(view.world_from_camera), pixels)
    positions = (rays.origins + 3 * rays.directions).float()
    assert _in_view(view, positions, torch.full((len(positions),), 1e-4)).all()
    behind = torch.from_numpy(view.world_from_camera[:3, 3] - 3 * view.world_from_camera[:3, 2]).float()[None]
    assert not _in_view(view, behind, torch.tensor([0.1])).any() and _in_view(view, behind, torch.tensor([3.1])).all()


def test_silhouettes_give_a_tight_box_and_no_empty_cells() -> None:
    outlines = [outline_of(sphere_photo(view)) for view in ring_views(17)]
    low, high = silhouette_box(outlines, CENTER)
    assert (low < CENTER - 0.45).all() and (high > CENTER + 0.45).all()
    assert (high - low < 1.5).all()
    scene = normalize_scene(Reconstruction(tuple(o.view for o in outlines)), outlines)
    assert scene.is_bounded and scene.has_alpha
    inside = scene.scene_from_world.points(CENTER[None] + [[0.0, 0.0, 0.0], [0.45, 0.0, 0.0], [0.0, -0.3, 0.3]])
    assert (np.abs(inside) < 1).all()
    positions = torch.from_numpy(
        np.concatenate([inside, scene.scene_from_world.points(CENTER + np.array([[0.75, 0.75, 0.0]]))])
    ).float()
    assert is_possible(scene, outlines, positions, torch.full((4,), 0.02)).tolist() == [True, True, True, False]


def test_outlines_of_large_photos_are_small_lose_nothing_and_give_nearly_the_same_box(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outlines_module, "OUTLINE_SIDE", 40)
    size_hw = (97, 109)  # blocks of 3 pixels, of which neither side is a multiple
    large = [replace(view, camera=CAMERA.resized(size_hw)) for view in ring_views(17)]
    photos = [sphere_photo(view) for view in large]
    outlines = [outline_of(photo) for photo in photos]
    for photo, outline in zip(photos, outlines, strict=True):
        assert outline.is_visible is not None and photo.alpha is not None
        assert max(outline.is_visible.shape) <= 40 and outline.is_visible.shape == outline.view.camera.size_hw
        rows, columns = np.indices(size_hw)
        covering = outline.is_visible[rows // 3, columns // 3]
        assert covering[photo.alpha > 0].all()
        assert covering.mean() < 1.25 * (photo.alpha > 0).mean()
        point = torch.tensor([[0.3, -0.2, 2.0]])
        ratio = outline.view.camera.project(point) / photo.view.camera.project(point)
        torch.testing.assert_close(ratio, torch.full((1, 2), 1 / 3))
    exact = [Outline(photo.view, photo.pixels[..., 3] > 0) for photo in photos]
    boxes = [silhouette_box(found, CENTER) for found in (outlines, exact)]
    np.testing.assert_allclose(*boxes, atol=0.12)  # a block is 0.07 wide, a cell of the grid 0.03


def test_room_points_fill_the_unit_cube_and_cameras_see_the_room(tmp_path: Path) -> None:
    room = room_reconstruction(tmp_path, 12, size_hw=(30, 40))
    outlines = [Outline(view, None) for view in room.views]
    scene = normalize_scene(room, outlines)
    assert not scene.is_bounded and 0 < scene.near < scene.near_scale
    centers = scene.scene_from_world.points(room.centers)
    assert np.abs(centers).max() < 1
    points = scene.scene_from_world.points(room.points.positions)
    assert (np.abs(points).max(1) < 1).mean() > 0.85
    in_a_picture = np.zeros(len(points), bool)
    for view in room.views:
        pixels, depth = project(view, torch.from_numpy(room.points.positions))
        in_a_picture |= ((depth > 0) & (pixels >= 0).all(1) & (pixels < torch.tensor([40, 30])).all(1)).numpy()
    possible = is_possible(scene, outlines, torch.from_numpy(points).float(), torch.full((len(points),), 1e-3)).numpy()
    assert in_a_picture.mean() > 0.5
    assert possible[in_a_picture].all() and not possible[~in_a_picture].all()


def test_points_that_no_picture_shows_leave_the_scene_to_the_cameras(tmp_path: Path, capsys) -> None:
    room = room_reconstruction(tmp_path, 12, size_hw=(30, 40))
    assert room.points is not None
    outlines = [Outline(view, None) for view in room.views]
    far = replace(room, points=replace(room.points, positions=room.points.positions + 500.0))
    assert vars(normalize_scene(far, outlines)).keys() == vars(normalize_scene(room, outlines)).keys()
    assert "none of the 500 sparse points" in capsys.readouterr().out.replace("\n", " ")
    centers = normalize_scene(far, outlines).scene_from_world.points(room.centers)
    assert np.abs(centers).max() < 1


def test_behind_every_camera_is_not_possible() -> None:
    views = [replace(v, world_from_camera=look_at(np.array([0, 0.1 * i, 0]), np.array([5.0, 0, 0]), np.array([0, 0, 1.0])))
             for i, v in enumerate(ring_views(4))]  # fmt: skip
    outlines = [Outline(view, None) for view in views]
    scene = normalize_scene(Reconstruction(tuple(views)), outlines)
    world = np.array([[2.0, 0.15, 0.0], [-2.0, 0.0, 0.0], [1.0, 3.0, 0.0]])
    positions = torch.from_numpy(scene.scene_from_world.points(world)).float()
    assert is_possible(scene, outlines, positions, torch.full((3,), 1e-3)).tolist() == [True, False, False]


def test_a_pixel_of_the_content_is_as_wide_as_pictures_show_it(tmp_path: Path) -> None:
    coarse, fine = (room_reconstruction(tmp_path / str(k), 6, size_hw=(30 * k, 40 * k)) for k in (1, 2))
    scenes = [normalize_scene(room, [Outline(view, None) for view in room.views]) for room in (coarse, fine)]
    assert scenes[0].pixel_side == pytest.approx(2 * scenes[1].pixel_side, rel=0.05)
    view, scene = coarse.views[0], scenes[0]
    _, depths = project(view, torch.from_numpy(coarse.points.positions))
    side = float(depths[depths > 0].median()) * scene.scene_from_world.scale / view.camera.fx
    assert scene.pixel_side == pytest.approx(side, rel=0.5)  # the median is over all views


def test_the_pixels_of_an_object_are_those_of_its_photos_not_of_its_outlines(tmp_path: Path) -> None:
    fine = Outline(room_reconstruction(tmp_path, 1, size_hw=(30, 40)).views[0], np.ones((30, 40), bool))
    assert _focal([replace(fine, block=3)]) == 3 * _focal([fine])
