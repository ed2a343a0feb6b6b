"""The synthetic world: exact depth, colours that stay on their surface, light where it should be, and a whole capture."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from recon.bench.synthetic.courtyard import LENGTH_M, WALL_M, WIDTH_M, courtyard
from recon.bench.synthetic.facade import HEIGHT_M, facade
from recon.bench.synthetic.facade import WIDTH_M as FRONT_M
from recon.bench.synthetic.film import PLACES, make_capture
from recon.bench.synthetic.furnished_room import furnished_room
from recon.bench.synthetic.kitchen import kitchen
from recon.bench.synthetic.light import Daylight, lit_world
from recon.bench.synthetic.noise import courses, fractal
from recon.bench.synthetic.renderer import MipMaps, render, render_color, render_depth
from recon.bench.synthetic.surfaces import (
    Opening,
    assemble,
    box,
    cylinder,
    disc,
    rectangle,
    sphere,
    upright_wall,
    wedge,
)
from recon.bench.synthetic.walk import Along, Round, exposures, walk_poses
from recon.formats.images import read_image
from recon.formats.meshes import read_ply
from recon.formats.video import read_frames, read_video_info
from recon.geometry import Camera, look_at, pixel_centers
from recon.geometry.surface import Surface
from recon.workspace.errors import UserError

UP = np.array([0.0, 0.0, 1.0])
CAMERA = Camera("PINHOLE", (30, 44), 35.0, 36.0, 21.0, 15.5)


def coordinates_texture(h: int, w: int) -> np.ndarray:
    """Red grows to the right, green grows upwards."""
    u, v = np.meshgrid((np.arange(w) + 0.5) / w, 1 - (np.arange(h) + 0.5) / h)
    return np.rint(255 * np.stack([u, v, np.zeros_like(u)], -1)).astype(np.uint8)


def test_depth_and_colour_of_a_floor_match_the_closed_form() -> None:
    """Rays meet z = 0 where the plane equation says, and show the texture coordinate of that place."""
    floor = rectangle((-4, -3, 0), (8, 0, 0), (0, 6, 0))
    world = assemble([floor], [coordinates_texture(600, 800)], 0.01)
    pose = look_at(np.array([0.3, -0.5, 2.0]), np.array([0.5, 0.2, 0.0]), UP)
    color, depth = render(world, CAMERA, pose)
    directions = CAMERA.unproject(pixel_centers(CAMERA.size_hw)).numpy().astype(float) @ pose[:3, :3].T
    distance = -pose[2, 3] / directions[..., 2]
    place = pose[:3, 3] + distance[..., None] * directions
    assert depth == pytest.approx(distance * (directions @ pose[:3, 2]), rel=1e-5)
    assert color[..., 0] == pytest.approx((place[..., 0] + 4) / 8, abs=0.01)
    assert color[..., 1] == pytest.approx((place[..., 1] + 3) / 6, abs=0.01)


def test_supersampling_changes_a_smooth_picture_little_and_sky_has_no_depth() -> None:
    floor = rectangle((-4, -3, 0), (8, 0, 0), (0, 6, 0))
    world = assemble([floor], [coordinates_texture(600, 800)], 0.01)
    pose = look_at(np.array([0.0, -2.5, 1.0]), np.array([0.0, 2.0, 1.2]), UP)
    coarse, fine = (render_color(world, CAMERA, pose, supersampling=n) for n in (1, 3))
    depth = render_depth(world, CAMERA, pose)
    assert (depth[0] == 0).all() and (depth[-1] > 0).all()
    assert np.abs(coarse - fine)[25:, 12:32].max() < 0.03
    assert fine[0, :, 2].min() > 0.5  # blue sky above; the floor has no blue


@pytest.mark.parametrize(
    ("surfaces", "area", "volume"),
    [
        (box((1, 2), 0.5, (0.4, 0.6, 0.9), yaw_deg=33), 2 * (0.24 + 0.36 + 0.54), 0.4 * 0.6 * 0.9),
        ([sphere((0.2, 0.1, 1.0), 0.5, 96)], np.pi, np.pi / 6),
        (wedge((0, 0), 0, (1.2, 0.5, 0.5), yaw_deg=70), 0.5 * 1.3 + 0.25 + 0.6, 0.15),
    ],
)
def test_shapes_have_their_area_and_face_outwards(surfaces: list, area: float, volume: float) -> None:
    """Volume by the divergence theorem is positive only if faces are counter-clockwise seen from outside."""
    mesh = assemble(surfaces, [np.zeros((2, 2, 3), np.uint8)] * len(surfaces), 0.01).mesh
    assert mesh.face_areas.sum() == pytest.approx(area, rel=0.01)
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    # the wedge lacks only its bottom at z = 0, which adds nothing
    assert (a * np.cross(b, c)).sum() / 6 == pytest.approx(volume, rel=0.01)


@pytest.mark.parametrize(
    "surface",
    [
        rectangle((1, 2, 3), (0.5, 0, 0.2), (0, 0.7, 0)),
        cylinder((0.3, 0.4), 0.1, 0.5, 0.8, 24),
        sphere((0, 1, 2), 0.3, 20),
        disc((1, 1, 0.5), 0.4, 17),
    ],
)
def test_texel_positions_agree_with_the_triangles(surface) -> None:  # type: ignore[no-untyped-def]
    positions, normals = surface.points_fn(surface.uvs)
    assert positions == pytest.approx(surface.vertices, abs=1e-9)
    assert np.linalg.norm(normals, axis=-1) == pytest.approx(1)
    a, b, c = (surface.vertices[surface.faces[:, i]] for i in range(3))
    facing = np.cross(b - a, c - a)
    middle_uv = surface.uvs[surface.faces].mean(1)
    _, middle_normal = surface.points_fn(middle_uv)
    assert ((facing * middle_normal).sum(-1) > 0).all()
    assert surface.texel_uvs((2, 3))[0] == pytest.approx([1 / 6, 0.75])  # top row first


def test_mip_levels_keep_the_mean_and_clamp_at_the_edge() -> None:
    texture = np.random.default_rng(0).integers(0, 255, (37, 50, 3)).astype(np.uint8)
    maps = MipMaps.of((texture, coordinates_texture(8, 6)))
    u, v = np.random.default_rng(1).random((2, 4000))
    uv = np.stack([u, v], -1)
    for level in (0, 2, 20):
        sampled = maps.sample(np.zeros(4000, int), uv, np.full(4000, level))
        assert sampled.mean() == pytest.approx(texture.mean() / 255, abs=0.02)
    corner = maps.sample(np.array([0, 0]), np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 0]))
    assert corner * 255 == pytest.approx(texture[[0, -1], [0, -1]].astype(float), abs=1e-3)


def test_a_roof_shades_the_floor_under_it_and_nothing_else() -> None:
    day = Daylight(sun_direction=(0, 0, 1), n_sky_rays=64)
    floor = rectangle((-3, -2, 0), (6, 0, 0), (0, 4, 0))
    roof = rectangle((-0.6, -0.5, 0.4), (1.2, 0, 0), (0, 1.0, 0))
    grey = [np.full((40, 60, 3), 0.5, np.float32), np.full((10, 12, 3), 0.5, np.float32)]
    world = lit_world([floor, roof], grey, texel_m=0.1, daylight=day, light_texel_m=0.1)
    lit = world.textures[0][..., 1].astype(float)
    open_floor = 255 * 0.5 * (day.sun_color[1] + day.sky_color[1]) ** (1 / 2.2)
    assert lit[2, 3] == pytest.approx(open_floor, rel=0.03)
    assert lit[20, 30] < 0.65 * open_floor


def test_noise_is_standardised_and_stones_tile_the_wall() -> None:
    rng = np.random.default_rng(5)
    noise = fractal((300, 411), 25.0, rng)
    assert abs(noise.mean()) < 0.25 and 0.6 < noise.std() < 1.4
    laid = courses((80, 170), (10.0, 14.0), (20.0, 55.0), rng)
    assert laid.joint_distance.min() >= 0 and laid.joint_distance.max() <= 7
    assert 15 < len(np.unique(laid.ids)) < 80


def test_the_walk_closes_its_loop_inside_the_walls_and_moves_smoothly() -> None:
    times = np.arange(150) / 15
    poses = walk_poses(Round(), times, duration_s=10.0, rng=np.random.default_rng(7))
    eyes = poses[:, :3, 3]
    assert np.abs(eyes[:, 0]).max() < LENGTH_M / 2 - 0.3 and np.abs(eyes[:, 1]).max() < WIDTH_M / 2 - 0.3
    assert eyes[:, 2].min() > 1.1 and eyes[:, 2].max() < 1.8 < WALL_M
    steps = np.linalg.norm(np.diff(eyes, axis=0), axis=-1)
    assert steps.min() > 0.02 and steps.max() < 0.15
    assert np.linalg.norm(eyes - eyes[-1], axis=-1)[:20].min() < 0.3
    assert (poses[:, 2, 2] < 0.1).all()  # never looks up
    turned = np.einsum("nij,nik->njk", poses[:, :3, :3], poses[:, :3, :3])
    assert turned == pytest.approx(np.broadcast_to(np.eye(3), turned.shape), abs=1e-9)
    gains = exposures(150, spread=0.04, rng=np.random.default_rng(1))
    assert np.abs(gains - 1).max() <= 0.04 and np.abs(np.diff(gains)).max() < 0.01


@pytest.mark.parametrize("place", sorted(PLACES))
def test_the_camera_never_enters_a_thing(place: str) -> None:
    world = PLACES[place].world_fn(seed=7, texel_m=0.02)
    poses = walk_poses(PLACES[place].walk, np.arange(150) / 15, duration_s=10.0, rng=np.random.default_rng(7))
    clearance = Surface(world.mesh).nearest(poses[:, :3, 3]).distance
    assert clearance.min() > 0.25


def test_the_furnished_room_is_mostly_blank_closed_and_open_at_its_window() -> None:
    world = furnished_room(seed=7, texel_m=0.02)
    camera = Camera("PINHOLE", (60, 80), 58.0, 58.0, 40.0, 30.0)
    poses = walk_poses(PLACES["furnished_room"].walk, np.arange(24) / 2, duration_s=12.0, rng=np.random.default_rng(7))
    pictures = np.stack([render_color(world, camera, pose, supersampling=2) for pose in poses])
    steps = np.abs(np.diff(pictures, axis=2)).max(-1)
    assert (steps < 0.02).mean() > 0.6
    is_sky = np.stack([render_depth(world, camera, pose) == 0 for pose in poses])
    assert 0.01 < is_sky.mean() < 0.1


def test_a_wall_is_whole_but_for_its_openings_and_their_reveals_close_it() -> None:
    """Two windows above each other, one beside them: area, and what a ray through each finds behind the wall."""
    openings = (Opening(1.0, 2.0, 0.5, 1.5), Opening(1.2, 1.8, 2.0, 2.6), Opening(2.5, 3.0, 0.0, 2.0))
    wall = upright_wall((0, 4), (0, 3), openings)
    mesh = assemble(wall, [np.zeros((2, 2, 3), np.uint8)] * len(wall), 0.01).mesh
    assert mesh.face_areas.sum() == pytest.approx(12 - 1 - 0.36 - 1)
    closed = [*wall, *(s for o in openings for s in (*o.reveals(0.2), o.back(0.2)))]
    whole = Surface(assemble(closed, [np.zeros((2, 2, 3), np.uint8)] * len(closed), 0.01).mesh)
    x, z = (axis.ravel() for axis in np.meshgrid(np.linspace(0.03, 3.97, 50), np.linspace(0.03, 2.97, 40)))
    hits = whole.cast(np.stack([x, 0 * x - 1, z], -1), np.broadcast_to([0.0, 1, 0], (len(x), 3)))
    is_open = np.any([(o.left < x) & (x < o.right) & (o.low < z) & (z < o.high) for o in openings], 0)
    assert hits.distance == pytest.approx(np.where(is_open, 1.2, 1.0), abs=1e-5)
    assert (hits.normals[:, 1] < 0).all()


def test_the_facade_is_passed_once_and_stands_against_the_sky() -> None:
    world = facade(seed=7, texel_m=0.03)
    poses = walk_poses(Along(), np.arange(150) / 15, duration_s=10.0, rng=np.random.default_rng(7))
    eyes = poses[:, :3, 3]
    assert (np.diff(eyes[:, 0]) > 0).all() and 0.8 < np.ptp(eyes[:, 0]) / FRONT_M < 1
    assert np.abs(np.diff(eyes[:, 2])).max() < 0.02 and (eyes[:, 1] < -5.5).all()
    assert (poses[:, 1, 2] > 0.8).all()  # always looks at the house
    camera = Camera("PINHOLE", (60, 80), 58.0, 58.0, 40.0, 30.0)
    pictures = [render(world, camera, pose, supersampling=2) for pose in poses[::10]]
    is_sky = np.stack([depth == 0 for _, depth in pictures])
    assert 0.04 < is_sky.mean() < 0.3 and is_sky[:, 45:].mean() < 0.05
    for corner in (np.array([s * FRONT_M / 2, 0, z]) for s in (-1, 1) for z in (0, HEIGHT_M)):
        seen = camera.project(torch.from_numpy(((corner - eyes)[:, None] @ poses[:, :3, :3])[:, 0]))
        assert ((seen > 0) & (seen < torch.tensor([80, 60]))).all(-1).sum() > 1


def test_photos_with_depth_agree_with_the_film_and_its_truth(tmp_path: Path) -> None:
    folder = make_capture(
        tmp_path / "k", place="kitchen", seed=3, n_frames=9, size_hw=(96, 128), texel_m=0.1, crf=12, with_depth=True
    )
    truth = json.loads((folder / "truth.json").read_text())
    world, half = kitchen(seed=3, texel_m=0.1), Camera("PINHOLE", (96, 128), **truth["intrinsics"]).resized((48, 64))
    film = list(read_frames(folder / "video.mp4"))
    names = sorted(file.stem for file in (folder / "rgbd").glob("*.jpg"))
    assert names == ["00000", "00002", "00004", "00006", "00008"]
    for name in names:
        photo = read_image(folder / "rgbd" / f"{name}.jpg")
        assert np.abs(photo / 255 - film[int(name)].image / 255).mean() < 0.03
        measured = cv2.imread(str(folder / "rgbd" / "depth" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert measured.shape == (48, 64) and measured.dtype == np.uint16 and (measured > 0).mean() > 0.5
        exact = render_depth(world, half, np.array(truth["frames"][int(name)]["world_from_camera"]))
        assert np.median(measured[measured > 0] / 1000 / exact[measured > 0]) == pytest.approx(1.02, abs=0.01)


def test_a_tiny_capture_is_whole_repeatable_and_agrees_with_its_truth(tmp_path: Path) -> None:
    """Same seed, same truth bytes; video, truth and mesh tell of the same frames."""
    settings = {"seed": 3, "n_frames": 9, "size_hw": (48, 64), "texel_m": 0.1, "crf": 12}
    a, b = (make_capture(tmp_path / name, **settings) for name in "ab")
    for name in ("truth.json", "truth_mesh.ply"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    truth = json.loads((a / "truth.json").read_text())
    info = read_video_info(a / "video.mp4")
    assert info.size_hw == tuple(truth["size_hw"]) == (48, 64)
    frames = list(read_frames(a / "video.mp4"))
    assert [frame.time_s for frame in frames] == pytest.approx([f["time_s"] for f in truth["frames"]], abs=1e-4)
    mesh, world = read_ply(a / truth["mesh"]), courtyard(seed=3, texel_m=0.1)
    assert mesh.face_areas.sum() == pytest.approx(world.mesh.face_areas.sum(), rel=1e-3)
    camera = Camera("PINHOLE", (48, 64), **truth["intrinsics"])
    for frame, exact in zip(frames[::4], truth["frames"][::4], strict=True):
        expected = render_color(world, camera, np.array(exact["world_from_camera"]), supersampling=2)
        assert np.abs(frame.image / 255 - exact["exposure"] * expected).mean() < 0.03


def test_the_command_refuses_what_it_cannot_make_and_spares_other_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        make_capture(tmp_path, seed=0, n_frames=9, size_hw=(48, 64), texel_m=0.05, crf=20)
    assert (tmp_path / "letters.txt").read_text() == "mine"
    script = Path(__file__).parents[3] / "scripts" / "make_sample.py"
    monkeypatch.setattr(sys, "argv", [script.name, "--output", str(tmp_path / "new"), "--size", "47", "64"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(script), run_name="__main__")
    assert stopped.value.code == 2 and "even size" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_the_checked_in_sample_is_what_the_command_makes() -> None:
    """Truth only: the video also depends on the encoder."""
    folder = Path(__file__).parents[3] / "data" / "sample"
    truth = json.loads((folder / "truth.json").read_text())
    poses = walk_poses(Round(), np.arange(150) / 15, duration_s=10.0, rng=np.random.default_rng(7))
    stored = np.array([frame["world_from_camera"] for frame in truth["frames"]])
    assert stored == pytest.approx(poses, abs=1e-6)
    info = read_video_info(folder / "video.mp4")
    assert info.size_hw == tuple(truth["size_hw"]) and (folder / "video.mp4").stat().st_size < 3_000_000
    assert torch.tensor(read_ply(folder / "truth_mesh.ply").vertices).amin(0).tolist()[2] == pytest.approx(0.0)
