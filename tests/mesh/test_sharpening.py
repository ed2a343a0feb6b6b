"""A texture corrected by the photos it should look like."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
import trimesh

from recon.geometry import Camera, TriangleMesh, look_at
from recon.mesh.atlas import unwrap
from recon.mesh.photos import load_photos
from recon.mesh.picture import MeshScene, sample_texture, texture_taps
from recon.mesh.sharpening import _is_clear, sharpen
from recon.mesh.texture import bake, make_painter

CPU = torch.device("cpu")
CAMERA = Camera("PINHOLE", (120, 160), 130.0, 130.0, 80.0, 60.0)
LOOKING_ON = (np.array([0.3, 0.2, 1.3]), np.array([-1.7, -1.2, 0.9]))  # from, at: a place no photo was taken from


@pytest.fixture
def painted(worlds, capture):
    """A checkered room: its world, the textured mesh, the photos and their gains."""
    world = worlds.World(worlds.cast_room, colors=worlds.checker)
    reconstruction = capture(world, worlds.room_poses(12), size_hw=(120, 160), write_photos=True)
    box = trimesh.creation.box(bounds=np.stack([worlds.ROOM_LOW, worlds.ROOM_HIGH])).subdivide_to_size(0.5)
    mesh = TriangleMesh(np.array(box.vertices), np.array(box.faces[:, ::-1], np.int32))
    photos = load_photos(reconstruction.views, MeshScene(mesh), max_side=400)
    options = {"views_per_texel": 3, "occlusion_margin_px": 1, "tolerance": 0.02, "device": CPU}
    painter = make_painter(mesh, photos, lambda positions, _: np.ones_like(positions), **options)
    return world, bake(mesh, unwrap(mesh, texture_size=256), painter.paint, texture_size=256), photos, painter.gains


def psnr(world, mesh, pose):
    picture, truth = MeshScene(mesh).render(CAMERA, pose), world.render(CAMERA, pose)
    return -10 * np.log10(((truth.color - picture.color) ** 2).mean())


def test_a_row_of_the_pictures_matrix_is_what_the_renderer_reads():
    rng = np.random.default_rng(1)
    texture = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    uvs = np.concatenate([rng.random((500, 2)), [[0, 0], [1, 1], [0, 1], [1, 0]]])
    first, shares = texture_taps(uvs, (24, 32))
    texels = first[:, None] + [0, 1, 32, 33]
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-6)
    read = (texture.reshape(-1, 3)[texels] * shares[..., None]).sum(1) / 255
    np.testing.assert_allclose(read, sample_texture(texture, uvs), atol=1e-4)


def test_a_blurred_texture_grows_sharp(worlds, painted):
    world, mesh, photos, gains = painted
    pose = look_at(*LOOKING_ON, worlds.UP)
    blurred = replace(mesh, texture=cv2.GaussianBlur(mesh.texture, (0, 0), 1.5))
    sharper = sharpen(blurred, photos, gains, n_rounds=2, device=CPU)
    assert psnr(world, sharper, pose) > psnr(world, mesh, pose) > psnr(world, blurred, pose) + 0.5


def test_what_stands_before_the_surface_in_one_photo_does_not_stick_to_it(worlds, painted):
    world, mesh, photos, gains = painted
    pose = look_at(*LOOKING_ON, worlds.UP)
    passers_by = photos[5].color.copy()
    passers_by[30:90, 50:110] = [255, 0, 255]
    disturbed = sharpen(
        mesh, [*photos[:5], replace(photos[5], color=passers_by), *photos[6:]], gains, n_rounds=2, device=CPU
    )
    undisturbed = sharpen(mesh, photos, gains, n_rounds=2, device=CPU)
    assert psnr(world, disturbed, pose) > psnr(world, undisturbed, pose) - 0.1


def test_a_photo_twice_as_bright_changes_nothing_once_its_gain_is_told(painted):
    _, mesh, photos, gains = painted
    dark = [replace(photo, color=photo.color // 2) for photo in photos]
    of_bright = sharpen(mesh, photos, gains, n_rounds=1, device=CPU).texture.astype(int)
    of_dark = sharpen(mesh, dark, 2 * gains, n_rounds=1, device=CPU).texture.astype(int)
    assert np.abs(of_bright - of_dark).mean() < 1


def test_texels_that_no_photo_shows_keep_their_colour(painted):
    _, mesh, photos, gains = painted
    hidden = [replace(photo, is_valid=np.zeros_like(photo.is_valid)) for photo in photos]
    for untouched in (
        sharpen(mesh, hidden, gains, n_rounds=2, device=CPU),
        sharpen(mesh, photos, gains, n_rounds=0, device=CPU),
    ):
        np.testing.assert_array_equal(untouched.texture, mesh.texture)


def test_planes_are_clear_however_steep_and_edges_are_not():
    x, y = np.meshgrid(np.arange(80.0), np.arange(60.0))
    steep = (1 / (0.02 + 0.004 * x + 0.002 * y)).astype(np.float32)
    assert _is_clear(steep)[3:-3, 3:-3].all()
    step = np.where(x < 40, 2.0, 2.3).astype(np.float32)
    clear = _is_clear(step)
    assert not clear[:, 37:43].any() and clear[:, :30].all() and clear[:, 50:].all()
    assert not _is_clear(np.zeros((10, 10), np.float32)).any()
