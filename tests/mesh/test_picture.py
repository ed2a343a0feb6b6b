"""The software renderer against closed forms."""

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from recon.geometry import Camera, TriangleMesh, View, look_at
from recon.geometry.mesh import joined
from recon.geometry.surface import Surface
from recon.kernels.painting import sample_image
from recon.mesh.atlas import texel_samples, unwrap
from recon.mesh.likeness import color_behind, likeness_of_views
from recon.mesh.photos import load_photos
from recon.mesh.picture import MeshScene, render_mesh, sample_texture
from recon.mesh.portraits import portraits
from recon.pixels.exposures import NO_EXPOSURES, Exposures

UP = np.array([0.0, 0.0, 1.0])


def test_depth_and_normal_of_a_sphere_through_a_distorted_camera(worlds):
    ball = trimesh.creation.icosphere(subdivisions=6)
    mesh = TriangleMesh(np.array(ball.vertices) + 40.0, np.array(ball.faces, np.int32))
    camera = Camera("OPENCV", (50, 70), 80.0, 82.0, 36.0, 24.0, (0.1, -0.03, 0.002, -0.001))
    pose = look_at(np.array([0.5, -3.0, 1.0]), np.zeros(3), UP)
    truth = worlds.World(worlds.cast_sphere).render(camera, pose)
    moved = pose.copy()
    moved[:3, 3] += 40.0
    picture = render_mesh(mesh, camera, moved)
    both = picture.is_hit & (truth.depth > 0)
    assert (picture.is_hit != (truth.depth > 0)).mean() < 0.01
    np.testing.assert_allclose(picture.depth[both], truth.depth[both], atol=0.01)
    assert (picture.normal[both] * truth.normal[both]).sum(-1).min() > 0.99
    assert (picture.color[~picture.is_hit] == 1).all()


def test_texture_and_image_lookup_use_half_pixels():
    texture = np.zeros((2, 3, 3), np.uint8)
    texture[0, 1] = 255
    np.testing.assert_allclose(
        sample_image(torch.from_numpy(texture), torch.tensor([[1.5, 0.5], [1.0, 0.5], [1.5, 1.0]]))[:, 0], [1, 0.5, 0.5]
    )
    np.testing.assert_allclose(sample_texture(texture, np.array([[0.5, 0.75]]))[0], [1, 1, 1])


def test_culling_shows_the_inside_of_a_room_from_outside():
    box = trimesh.creation.box(extents=(4, 3, 2))
    room = TriangleMesh(np.array(box.vertices), np.array(box.faces[:, ::-1], np.int32))  # faces look inwards
    camera, pose = Camera("PINHOLE", (20, 31), 30.0, 30.0, 15.5, 10.0), look_at(np.array([0, -5.0, 0]), np.zeros(3), UP)
    assert np.isclose(render_mesh(room, camera, pose).depth[10, 15], 3.5)
    assert np.isclose(render_mesh(room, camera, pose, cull_back=True).depth[10, 15], 6.5)


@pytest.mark.parametrize("turn", range(4))
def test_portraits_begin_at_the_side_that_shows_the_most(turn):
    quarter = trimesh.transformations.rotation_matrix(np.pi / 2 * turn, [0, 0, 1])[:3, :3]
    corners = np.array([[-2.0, 0, -1], [2, 0, -1], [2, 0, 1], [-2, 0, 1]]) @ quarter.T
    wall = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32))  # one-sided, as a facade is filmed
    pictures = portraits(MeshScene(wall), np.zeros((0, 4, 4)), size_hw=(60, 80))
    shown = [picture.is_hit.sum() for picture in pictures]
    assert len(pictures) == 5 and shown[0] == max(shown[:4]) > 0
    assert sorted(shown[:4])[0] == 0  # it is seen from one side only


def _plate(size: tuple[float, float], centre: tuple[float, float, float], n: int = 20) -> TriangleMesh:
    """A level plate of n x n squares."""
    u, v = np.meshgrid(*(np.linspace(-0.5, 0.5, n + 1) * side for side in size), indexing="ij")
    first = np.arange(n * (n + 1)).reshape(n, n + 1)[:, :-1].reshape(-1)
    faces = np.concatenate(
        [np.stack([first, first + n + 1, first + 1], -1), np.stack([first + 1, first + n + 1, first + n + 2], -1)]
    )
    return TriangleMesh(np.stack([u, v, 0 * u], -1).reshape(-1, 3) + centre, faces.astype(np.int32))


def test_portraits_are_framed_by_what_was_seen_near():
    """A road of 60 m, driven along, and a skyline at 400 m: the road was a strip in its pictures."""
    road, skyline = _plate((6.0, 60.0), (0, 0, 0)), _plate((80.0, 80.0), (100, 400, 40), n=8)
    steps = np.linspace(-30, 30, 20)
    poses = np.stack([look_at(np.array([0, y, 1.5]), np.array([0, y + 1, 1.5]), UP) for y in steps])
    alone, beside = (portraits(MeshScene(mesh), poses, size_hw=(60, 80)) for mesh in (road, joined([road, skyline])))
    for one, other in zip(alone, beside, strict=True):
        assert (one.is_hit & other.is_hit).sum() == one.is_hit.sum() > 200
    for picture in alone:  # whole, and as large as it goes
        rows, columns = (np.flatnonzero(picture.is_hit.any(axis)) for axis in (1, 0))
        assert rows[0] > 0 and rows[-1] < 59 and columns[0] > 0 and columns[-1] < 79
        assert max((rows[-1] - rows[0]) / 60, (columns[-1] - columns[0]) / 80) > 0.85


def test_portraits_begin_the_way_the_cameras_looked():
    ball = trimesh.creation.icosphere(subdivisions=3)
    mesh = TriangleMesh(np.array(ball.vertices), np.array(ball.faces, np.int32))
    for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
        pose = look_at(np.array([5.0 * x, 5.0 * y, 0]), np.zeros(3), UP)
        first, *_ = portraits(MeshScene(mesh), np.stack([pose, pose]), size_hw=(30, 40))
        towards = first.normal[first.is_hit].mean(0)
        assert towards[0] * x > 0.2 and towards[1] * y > 0.2


def test_vertex_colors_are_interpolated():
    mesh = TriangleMesh(
        np.array([[-1, 0, -1], [1, 0, -1], [0, 0, 1.0]]), np.array([[0, 1, 2]], np.int32),
        colors=np.array([[255, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8),
    )  # fmt: skip
    camera, pose = Camera("PINHOLE", (3, 3), 30.0, 30.0, 1.5, 1.5), look_at(np.array([0, -3.0, 0]), np.zeros(3), UP)
    np.testing.assert_allclose(render_mesh(mesh, camera, pose).color[1, 1], [0.5, 0, 0.5], atol=1e-3)


def test_atlas_keeps_faces_in_order_and_texels_lie_on_the_surface():
    ball = trimesh.creation.icosphere(subdivisions=3)
    mesh = TriangleMesh(np.array(ball.vertices), np.array(ball.faces, np.int32))
    atlas = unwrap(mesh, texture_size=128)
    np.testing.assert_array_equal(atlas.source_vertex[atlas.faces], mesh.faces)
    assert atlas.uvs.min() >= 0
    assert atlas.uvs.max() <= 1
    samples, texels = texel_samples(mesh, atlas, 128)
    assert len(np.unique(texels)) == len(texels) > 0.3 * 128 * 128
    distance = Surface(mesh).distance(samples.positions)
    assert distance.max() < 1e-5
    assert np.bincount(samples.faces, minlength=len(mesh.faces)).min() >= 1


def test_likeness_counts_what_the_mesh_leaves_open(capture, worlds):
    """A sphere with nothing behind it: the covered pixels know nothing of the background, all pixels do."""
    world = worlds.World(worlds.cast_sphere)
    posed = capture(world, worlds.sphere_poses(3), size_hw=(45, 60), write_photos=True)
    sphere = trimesh.creation.icosphere(subdivisions=4)
    colors = np.round(255 * world.colors(sphere.vertices)).astype(np.uint8)
    scene = MeshScene(TriangleMesh(sphere.vertices, sphere.faces.astype(np.int32), colors))
    behind = color_behind(load_photos(posed.views, scene, max_side=60))
    assert behind == pytest.approx(np.ones(3), abs=0.01)
    right, wrong = (
        likeness_of_views(scene, posed.views, behind=color, max_side=60, gain_fn=NO_EXPOSURES.gain)
        for color in (behind, np.zeros(3, np.float32))
    )
    assert right.psnr == wrong.psnr > 25 and right.psnr_all_pixels > 20 > wrong.psnr_all_pixels
    assert 0.1 < right.covered < 0.9


def test_a_held_out_photo_is_judged_in_the_exposure_of_its_neighbours(capture, worlds):
    """Automatic exposure darkens a film to the end; the picture between two others is dark too."""
    world = worlds.World(worlds.cast_sphere)
    posed = capture(world, worlds.sphere_poses(3), size_hw=(45, 60), write_photos=True)
    first, middle, last = posed.views
    dark = np.round(0.8 * np.array(Image.open(middle.image).convert("RGB"))).astype(np.uint8)
    Image.fromarray(dark).save(middle.image)
    sphere = trimesh.creation.icosphere(subdivisions=4)
    colors = np.round(255 * world.colors(sphere.vertices)).astype(np.uint8)
    scene = MeshScene(TriangleMesh(sphere.vertices, sphere.faces.astype(np.int32), colors))
    exposures = Exposures.of_views(
        [last, first], np.log(np.array([[0.64], [1.0]], np.float32) * np.ones(3, np.float32))
    )
    known, unknown = (
        likeness_of_views(scene, [middle], behind=np.ones(3, np.float32), gain_fn=gain_fn, max_side=60)
        for gain_fn in (exposures.gain, NO_EXPOSURES.gain)
    )
    assert known.psnr > 25 > unknown.psnr + 3
    assert known.psnr_all_pixels > 20 > unknown.psnr_all_pixels + 3, "what is open is as dark"


def test_an_object_that_is_cut_out_is_judged_before_white_with_its_outline(capture, worlds):
    """The same sphere, transparent round it: whatever colour lies under the transparency, and whatever is said to be behind."""
    world = worlds.World(worlds.cast_sphere)
    posed = capture(world, worlds.sphere_poses(3), size_hw=(45, 60), write_photos=True)
    sphere = trimesh.creation.icosphere(subdivisions=4)
    colors = np.round(255 * world.colors(sphere.vertices)).astype(np.uint8)
    right, fat = (
        MeshScene(TriangleMesh(size * sphere.vertices, sphere.faces.astype(np.int32), colors)) for size in (1.0, 1.3)
    )
    for view in posed.views:
        picture = np.array(Image.open(view.image).convert("RGBA"))
        picture[right.render(view.camera, view.world_from_camera).is_hit == 0] = (0, 90, 0, 0)
        Image.fromarray(picture).save(view.image)
    behind = np.zeros(3, np.float32)
    exact, spilt = (
        likeness_of_views(scene, posed.views, behind=behind, max_side=60, gain_fn=NO_EXPOSURES.gain)
        for scene in (right, fat)
    )
    assert exact.psnr_all_pixels > 25 > 20 > spilt.psnr_all_pixels


def test_a_pixel_of_an_outline_is_judged_by_the_share_of_it_that_is_covered(capture, worlds, tmp_path):
    """A white square before black ends in the middle of a column of pixels: the photo is grey there, and so is the picture."""
    square = TriangleMesh(
        np.array([[-1, 0, -1], [0.0, 0, -1], [0.0, 0, 1], [-1, 0, 1.0]]), np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        colors=np.full((4, 3), 255, np.uint8),
    )  # fmt: skip
    camera, pose = Camera("PINHOLE", (9, 9), 30.0, 30.0, 4.5, 4.5), look_at(np.array([0, -3.0, 0]), np.zeros(3), UP)
    photo = np.zeros((9, 9, 3), np.uint8)
    photo[:, :4], photo[:, 4] = 255, 128
    Image.fromarray(photo).save(tmp_path / "edge.png")
    view = View("edge", tmp_path / "edge.png", camera, pose)
    found = likeness_of_views(
        MeshScene(square), [view], behind=np.zeros(3, np.float32), max_side=60, gain_fn=NO_EXPOSURES.gain
    )
    assert found.psnr_all_pixels > 40
