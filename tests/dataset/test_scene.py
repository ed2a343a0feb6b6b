"""Normalisation of captures, visible cells, and random pixels as rays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recon.dataset import Photo, PixelSampler, is_possible, load_photos, normalize_scene
from recon.dataset.scene import _in_view, focus_of, project, silhouette_box
from recon.errors import UserError
from recon.formats.images import write_image
from recon.geometry import (
    Camera,
    Reconstruction,
    Similarity,
    View,
    look_at,
    pixel_centers,
    rays_through_pixels,
)
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


def silhouette_photos(n: int) -> list[Photo]:
    """A sphere of radius 0.5 about CENTER, cut out exactly."""
    photos = []
    solid = Solid("sphere", center=tuple(CENTER), half=(0.5, 0.5, 0.5), density=1e4)
    for view in ring_views(n):
        rays = rays_through_pixels(
            CAMERA, torch.from_numpy(view.world_from_camera).float(), pixel_centers((60, 80)).view(-1, 2)
        )
        alpha = (solid.opacity(rays) > 0.5).view(60, 80).numpy()
        photos.append(Photo(view, np.dstack([np.full((60, 80, 3), 200, np.uint8), alpha.astype(np.uint8) * 255]), None))
    return photos


def test_a_fisheye_sees_all_along_its_rays_and_nothing_behind() -> None:
    fisheye = Camera("OPENCV_FISHEYE", (60, 80), 24.0, 24.0, 40.0, 30.0, (0.0, 0.0, 0.0, 0.0))  # corners at 119 degrees
    view = replace(ring_views(5)[2], camera=fisheye)
    pixels = pixel_centers((60, 80)).view(-1, 2).double()
    rays = rays_through_pixels(fisheye, torch.from_numpy(view.world_from_camera), pixels)
    positions = (rays.origins + 3 * rays.directions).float()
    assert _in_view(view, positions, torch.full((len(positions),), 1e-4)).all()
    behind = torch.from_numpy(view.world_from_camera[:3, 3] - 3 * view.world_from_camera[:3, 2]).float()[None]
    assert not _in_view(view, behind, torch.tensor([0.1])).any() and _in_view(view, behind, torch.tensor([3.1])).all()


def test_focus_is_where_the_cameras_look() -> None:
    poses = np.stack([view.world_from_camera for view in ring_views(9)])
    np.testing.assert_allclose(focus_of(poses), CENTER, atol=0.05)


def test_silhouettes_give_a_tight_box_and_no_empty_cells() -> None:
    photos = silhouette_photos(17)
    low, high = silhouette_box(photos, CENTER)
    assert (low < CENTER - 0.45).all() and (high > CENTER + 0.45).all()
    assert (high - low < 1.5).all()
    scene = normalize_scene(Reconstruction(tuple(p.view for p in photos)), photos)
    assert scene.is_bounded and scene.has_alpha
    inside = scene.scene_from_world.points(CENTER[None] + [[0.0, 0.0, 0.0], [0.45, 0.0, 0.0], [0.0, -0.3, 0.3]])
    assert (np.abs(inside) < 1).all()
    positions = torch.from_numpy(
        np.concatenate([inside, scene.scene_from_world.points(CENTER + np.array([[0.75, 0.75, 0.0]]))])
    ).float()
    assert is_possible(scene, photos, positions, torch.full((4,), 0.02)).tolist() == [True, True, True, False]


def test_room_points_fill_the_unit_cube_and_cameras_see_the_room(tmp_path: Path) -> None:
    room = room_reconstruction(tmp_path, 12, size_hw=(30, 40))
    photos = load_photos(list(room.views), max_size=None)
    scene = normalize_scene(room, photos)
    assert not scene.is_bounded and 0 < scene.near < scene.near_scale
    centers = scene.scene_from_world.points(room.centers)
    assert np.abs(centers).max() < 1
    points = scene.scene_from_world.points(room.points.positions)
    assert (np.abs(points).max(1) < 1).mean() > 0.85
    in_a_picture = np.zeros(len(points), bool)
    for view in room.views:
        pixels, depth = project(view, torch.from_numpy(room.points.positions))
        in_a_picture |= ((depth > 0) & (pixels >= 0).all(1) & (pixels < torch.tensor([40, 30])).all(1)).numpy()
    possible = is_possible(scene, photos, torch.from_numpy(points).float(), torch.full((len(points),), 1e-3)).numpy()
    assert in_a_picture.mean() > 0.5
    assert possible[in_a_picture].all() and not possible[~in_a_picture].all()


def test_behind_every_camera_is_not_possible() -> None:
    views = [replace(v, world_from_camera=look_at(np.array([0, 0.1 * i, 0]), np.array([5.0, 0, 0]), np.array([0, 0, 1.0])))
             for i, v in enumerate(ring_views(4))]  # fmt: skip
    photos = [Photo(v, np.zeros((60, 80, 3), np.uint8), None) for v in views]
    scene = normalize_scene(Reconstruction(tuple(views)), photos)
    world = np.array([[2.0, 0.15, 0.0], [-2.0, 0.0, 0.0], [1.0, 3.0, 0.0]])
    positions = torch.from_numpy(scene.scene_from_world.points(world)).float()
    assert is_possible(scene, photos, positions, torch.full((3,), 1e-3)).tolist() == [True, False, False]


@pytest.mark.parametrize("model", ["PINHOLE", "OPENCV"])
def test_drawn_rays_project_to_their_pixels(model: str) -> None:
    """A ray through a pixel, followed some way, projects back onto a pixel of the colour that was drawn."""
    rng = np.random.default_rng(2)
    photos = []
    for i, view in enumerate(ring_views(3)):
        size_hw = (20 + 3 * i, 31 - 2 * i)
        distortion = (0.05, -0.02, 0.001, -0.002) if model == "OPENCV" else ()
        camera = Camera(model, size_hw, 33.0 + i, 35.0, 15.0, 10.0, distortion)
        photos.append(Photo(replace(view, camera=camera), rng.integers(0, 255, (*size_hw, 3), dtype=np.uint8), None))
    scene_from_world = Similarity(0.4, np.eye(3), np.array([0.1, 0.2, -0.3]))
    sampler = PixelSampler(photos, scene_from_world, torch.device("cpu"))
    batch = sampler.sample(200, torch.Generator().manual_seed(1))
    world = scene_from_world.inverse().points(batch.rays.at(torch.full((200,), 0.7)).double().numpy())
    assert set(batch.photo_indices.tolist()) == {0, 1, 2}
    for position, color, index in zip(world, batch.colors, batch.photo_indices.tolist(), strict=True):
        view = photos[index].view
        in_camera = (position - view.world_from_camera[:3, 3]) @ view.world_from_camera[:3, :3]
        x, y = view.camera.project(torch.from_numpy(in_camera)).numpy()
        assert abs(x % 1 - 0.5) < 1e-2 and abs(y % 1 - 0.5) < 1e-2
        np.testing.assert_allclose(photos[index].pixels[int(y), int(x)] / 255, color.numpy(), atol=1e-6)


def test_masked_pixels_are_never_drawn() -> None:
    view = ring_views(1)[0]
    pixels = np.zeros((60, 80, 3), np.uint8)
    mask = np.zeros((60, 80), bool)
    mask[10:20, 5:9] = True
    pixels[mask] = 255
    sampler = PixelSampler([Photo(view, pixels, mask)], Similarity.identity(), torch.device("cpu"))
    assert bool((sampler.sample(500, torch.Generator().manual_seed(0)).colors == 1).all())
    with pytest.raises(UserError, match="no pixel to train on"):
        PixelSampler([Photo(view, pixels, np.zeros_like(mask))], Similarity.identity(), torch.device("cpu"))


def test_opaque_alpha_is_dropped_and_mixed_alpha_refused(tmp_path: Path) -> None:
    views = []
    for i, view in enumerate(ring_views(2)):
        path = tmp_path / f"{i}.png"
        write_image(path, np.full((60, 80, 4 if i else 3), 255, np.uint8))
        views.append(replace(view, image=path))
    assert not load_photos(views, max_size=None)[1].has_alpha
    cut = np.full((60, 80, 4), 255, np.uint8)
    cut[:5, :, 3] = 0
    write_image(tmp_path / "1.png", cut)
    with pytest.raises(UserError, match="no alpha channel"):
        load_photos(views, max_size=None)
