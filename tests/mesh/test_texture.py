"""Painting a known surface from pictures of a known world."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from recon.geometry import Camera, Evidence, FaceEvidence, TriangleMesh, View, look_at
from recon.mesh.atlas import samples_on_faces, unwrap
from recon.mesh.blending import ShownBy, at_corners, blend
from recon.mesh.coverage import count_views, evidence_mesh, seen_fraction
from recon.mesh.photos import PhotoWithDepth, color_and_validity, load_photos
from recon.mesh.picture import MeshScene
from recon.mesh.texture import agreement_with_median, bake, even_exposures, field_paint, make_painter, take_best

CAMERA = Camera("PINHOLE", (120, 160), 130.0, 130.0, 80.0, 60.0)


def room_mesh(worlds) -> TriangleMesh:
    box = trimesh.creation.box(bounds=np.stack([worlds.ROOM_LOW, worlds.ROOM_HIGH])).subdivide_to_size(0.5)
    return TriangleMesh(np.array(box.vertices), np.array(box.faces[:, ::-1], np.int32))


def pink(positions, directions):
    assert positions.shape == directions.shape
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-5)
    return np.broadcast_to(np.float32([1, 0, 1]), positions.shape)


def painter_of(mesh, photos, color_fn=pink):
    cpu = torch.device("cpu")
    return make_painter(mesh, photos, color_fn, views_per_texel=3, occlusion_margin_px=1, tolerance=0.02, device=cpu)


def test_a_checkered_room_comes_back(worlds, capture):
    world = worlds.World(worlds.cast_room, colors=worlds.checker)
    reconstruction = capture(world, worlds.room_poses(21), size_hw=(240, 320), write_photos=True)
    mesh = room_mesh(worlds)
    photos = load_photos(reconstruction.views, MeshScene(mesh), max_side=400)
    textured = bake(mesh, unwrap(mesh, texture_size=640), painter_of(mesh, photos).paint, texture_size=640)
    scene = MeshScene(textured)
    pose = look_at(np.array([0.3, 0.2, 1.3]), np.array([-1.7, -1.2, 0.9]), worlds.UP)
    truth, picture = world.render(CAMERA, pose), scene.render(CAMERA, pose)
    assert picture.is_hit.all()
    psnr = -10 * np.log10(((truth.color - picture.color) ** 2).mean())
    assert psnr > 25, f"{psnr:.1f} dB"


def test_what_no_photo_sees_is_asked_of_the_field_and_reported_as_unseen(worlds, capture):
    world = worlds.World(worlds.cast_room)
    pose = look_at(np.array([0, 0, 1.2]), np.array([2.0, 0, 1.2]), worlds.UP)  # one wall only
    reconstruction = capture(world, [pose, pose], write_photos=True)
    mesh = room_mesh(worlds)
    photos = load_photos(reconstruction.views, MeshScene(mesh), max_side=400)
    painter = painter_of(mesh, photos)
    textured = bake(mesh, unwrap(mesh, texture_size=256), painter.paint, texture_size=256)
    back = MeshScene(textured).render(CAMERA, look_at(np.array([0, 0, 1.2]), np.array([-2.0, 0, 1.2]), worlds.UP))
    front = MeshScene(textured).render(CAMERA, pose)
    assert np.allclose(back.color, [1, 0, 1], atol=0.01)
    assert np.abs(front.color[50:70, 70:90] - world.render(CAMERA, pose).color[50:70, 70:90]).max() < 0.06

    n_seeing = count_views(mesh, photos, min_cosine=0.2, tolerance=0.02)
    assert set(np.unique(n_seeing)) == {0, 2}
    assert seen_fraction(mesh, n_seeing, min_views=1) == seen_fraction(mesh, n_seeing, min_views=2)
    assert 0.05 < seen_fraction(mesh, n_seeing, min_views=2) < 0.4
    assert seen_fraction(mesh, n_seeing, min_views=3) == 0
    evidence = np.where(n_seeing > 0, Evidence.MATCHED, Evidence.INVENTED).astype(np.uint8)
    colors = evidence_mesh(mesh, FaceEvidence(evidence, np.ones(len(evidence), np.float32))).colors
    assert (colors == [178, 24, 43]).all(1).any() and (colors == [26, 140, 80]).all(1).any()

    field_colors = bake(mesh, unwrap(mesh, texture_size=64), lambda s: field_paint(painter, s), texture_size=64).texture
    assert (field_colors == [255, 0, 255]).all()


def test_fineness_is_of_the_photo_that_shows_a_face_best_whatever_it_shows(worlds, capture):
    eyes = [np.array([x, 0.0, 1.2]) for x in (-1.0, 0.0, 1.0)]
    poses = [look_at(eye, np.array([2.0, 0, 1.2]), worlds.UP) for eye in eyes]
    mesh = room_mesh(worlds)
    photos = load_photos(
        capture(worlds.World(worlds.cast_room), poses, write_photos=True).views, MeshScene(mesh), max_side=400
    )
    painter = painter_of(mesh, photos)
    ahead = np.linalg.norm(mesh.vertices[mesh.faces].mean(1) - [2.0, 0, 1.2], axis=1).argmin()
    np.testing.assert_allclose(painter.fineness[ahead], photos[-1].camera.fx / (2.0 - 1.0), rtol=0.1)  # one unit away
    # somebody dark stands before the nearest camera
    passer_by = [*photos[:2], replace(photos[2], color=np.zeros_like(photos[2].color))]
    doubted = painter_of(mesh, passer_by)
    assert doubted.scores[2, ahead] < 0.01 * painter.scores[2, ahead]
    np.testing.assert_array_equal(doubted.fineness, painter.fineness)


def test_an_occluder_does_not_paint_the_wall_behind_it(worlds, capture):
    def cast(origins, directions):
        t_room, n_room = worlds.cast_room(origins, directions)
        t_ball, n_ball = worlds.cast_sphere(origins - [0.9, 0, 1.2], directions, radius=0.3)
        is_ball = t_ball < t_room
        return np.minimum(t_room, t_ball), np.where(is_ball[:, None], n_ball, n_room)

    def colors(positions):
        is_ball = np.linalg.norm(positions - [0.9, 0, 1.2], axis=1) < 0.31
        return np.where(is_ball[:, None], [0.9, 0.1, 0.1], [0.2, 0.6, 0.3])

    world = worlds.World(cast, colors)
    eyes = [np.array([-1.2, y, z]) for y in (-0.8, 0.0, 0.8) for z in (0.9, 1.6)]
    reconstruction = capture(world, [look_at(e, np.array([2.0, 0, 1.2]), worlds.UP) for e in eyes], write_photos=True)
    room, ball = room_mesh(worlds), trimesh.creation.icosphere(subdivisions=3, radius=0.3)
    faces = np.concatenate([room.faces, ball.faces + len(room.vertices)]).astype(np.int32)
    mesh = TriangleMesh(np.concatenate([room.vertices, ball.vertices + np.array([0.9, 0, 1.2])]), faces)
    photos = load_photos(reconstruction.views, MeshScene(mesh), max_side=400)
    textured = bake(mesh, unwrap(mesh, texture_size=512), painter_of(mesh, photos).paint, texture_size=512)
    aside = look_at(np.array([1.3, -1.2, 1.2]), np.array([2.0, 0, 1.2]), worlds.UP)  # past the ball, at the wall
    picture, truth = MeshScene(textured).render(CAMERA, aside), world.render(CAMERA, aside)
    is_pink = (np.abs(picture.color - [1, 0, 1]) < 0.05).all(-1)
    wrong = (np.abs(picture.color - truth.color).max(-1) > 0.15) & ~is_pink
    assert wrong.mean() < 0.01


def test_exposures_are_evened():
    rng = np.random.default_rng(3)
    surface = rng.uniform(0.2, 0.7, (1, 400, 3))
    gains = rng.uniform(0.85, 1.15, (6, 1, 3))
    colors = (surface * gains).astype(np.float32)
    colors[rng.random((6, 400)) < 0.4] = np.nan
    evened = gains[:, 0] * even_exposures(colors)
    assert np.ptp(evened, axis=0).max() < 0.01
    np.testing.assert_allclose(np.log(even_exposures(colors)).mean(0), 0, atol=1e-5)


def test_outliers_lose_their_say():
    colors = np.full((4, 3, 3), 0.5, np.float32)
    colors[2, 1] = 0.9
    colors[2:, 2] = np.nan
    factors = agreement_with_median(colors)
    assert factors[2, 1] < 0.01
    assert np.delete(factors.ravel(), 7) == pytest.approx(1)


def test_take_best_leaves_the_next_as_floor():
    scores = np.array([[5.0, 0], [3, 0], [4, 2], [1, 0]], np.float32)
    best, floors = take_best(scores, 2)
    np.testing.assert_array_equal(best, [[5, 0], [0, 0], [4, 2], [0, 0]])
    np.testing.assert_array_equal(floors, [3, 0])


def test_faces_that_meet_have_one_colour_where_they_meet_however_differently_they_weigh_the_photos():
    rng = np.random.default_rng(4)
    table = trimesh.creation.box(bounds=[[-1, -1, -0.1], [1, 1, 0]]).subdivide_to_size(0.4)
    mesh = TriangleMesh(np.array(table.vertices), np.array(table.faces, np.int32))
    on_top = np.flatnonzero(mesh.face_normals[:, 2] > 0.9)
    photos = []
    for x in (-0.3, 0.0, 0.3):
        pose = look_at(np.array([x, 0.1, 3.0]), np.zeros(3), np.array([0.0, 1.0, 0.0]))
        color = np.full((120, 160, 3), rng.integers(0, 256, 3), np.uint8)
        photos.append(
            PhotoWithDepth(CAMERA, pose, color, np.ones((120, 160), bool), np.full((120, 160), 10, np.float32))
        )
    weights = (rng.random((3, len(mesh.faces))) * rng.integers(0, 2, (3, len(mesh.faces))) + 1e-3).astype(np.float32)
    middles = np.array([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])  # of the edges of a face
    samples = samples_on_faces(mesh, on_top.repeat(3), np.tile(middles, (len(on_top), 1)))

    def seams(at_vertices: np.ndarray) -> np.ndarray:
        shown = ShownBy(at_vertices, np.ones(weights.shape, bool))
        total, sums = blend(
            photos, shown, np.ones((3, 3), np.float32), samples, tolerance=0.01, device=torch.device("cpu")
        )
        colors, at = (
            total / sums[:, None],
            np.unique(samples.positions.round(4), axis=0, return_inverse=True)[1].reshape(-1),
        )
        order = np.argsort(at, kind="stable")
        meet = np.flatnonzero(at[order][1:] == at[order][:-1])
        assert len(meet) > 50
        return np.abs(colors[order[meet]] - colors[order[meet + 1]]).max(1)

    assert seams(at_corners(weights, mesh.faces)).max() < 1e-3
    assert (
        np.ptp(at_corners(weights, mesh.faces), axis=1).max() > 0.1
    )  # the photos do weigh differently from place to place


def test_pictures_as_read_become_tensors_without_a_warning(tmp_path: Path) -> None:
    """Those that Pillow resized may not be written, of which torch warns a person who can do nothing about it."""
    Image.new("RGB", (64, 48), (9, 8, 7)).save(tmp_path / "a.png")
    view = View("a", tmp_path / "a.png", Camera("PINHOLE", (48, 64), 60.0, 60.0, 32.0, 24.0), np.eye(4))
    color, is_valid, _ = color_and_validity(view, max_side=32)
    assert torch.from_numpy(color).shape == (24, 32, 3) and torch.from_numpy(is_valid).all()
