"""Printed markers in rendered pictures: the scale comes out, wrong sheets are left out, misuse is named."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from recon.geometry import Camera, Reconstruction, View, look_at
from recon.poses.world_frame.scale.marker_dictionaries import AUTO, DICTIONARIES, dictionary
from recon.poses.world_frame.scale.marker_page import draw_marker_page, write_marker_page
from recon.poses.world_frame.scale.marker_square import MarkerSide, combine
from recon.poses.world_frame.scale.markers import find_markers
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.poses.world_frame.scale_defaults import changed

LENS = Camera("OPENCV", (300, 400), 380.0, 380.0, 203.0, 148.0, (-0.08, 0.01, 0.0, 0.001))
UP = np.array([0.0, 0.0, 1.0])
TEXEL_M = 0.001


@dataclass(frozen=True)
class Sheet:
    """A marker that lies on the floor: its centre, turn and side."""

    marker: int
    x: float
    y: float
    turn_deg: float
    side_m: float = 0.16


def floor(sheets: Sequence[Sheet], name: str) -> np.ndarray:
    """Picture of the floor from above, 2 m x 1.6 m, one texel a millimetre; row 0 is at the greatest y. [h, w]"""
    image = cv2.resize(np.random.default_rng(0).uniform(120, 200, (80, 100)).astype(np.float32), (2000, 1600))
    for sheet in sheets:
        modules = cv2.aruco.generateImageMarker(dictionary(name), sheet.marker, 240)
        page = np.pad(modules, 60, constant_values=255).astype(np.float32)
        scale = sheet.side_m / TEXEL_M / 240
        angle = np.radians(sheet.turn_deg)
        turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        center = np.array([sheet.x / TEXEL_M + 1000 - 0.5, 800 - sheet.y / TEXEL_M - 0.5])
        move = np.c_[turn, center - turn @ [179.5, 179.5]]
        size = (2000, 1600)
        alpha = cv2.warpAffine(np.ones_like(page), move, size, flags=cv2.INTER_LINEAR)
        drawn = cv2.warpAffine(page, move, size, flags=cv2.INTER_LINEAR)
        image = image * (1 - alpha) + drawn
    return image


@cache
def camera_rays(lens: Camera) -> np.ndarray:
    """[3 h, 3 w, 3]"""
    fine = lens.resized((3 * lens.size_hw[0], 3 * lens.size_hw[1]))
    y, x = np.mgrid[: fine.size_hw[0], : fine.size_hw[1]] + 0.5
    return fine.unproject(torch.from_numpy(np.stack([x, y], -1))).numpy()


def photograph(lens: Camera, pose: np.ndarray, texture: np.ndarray) -> np.ndarray:
    """uint8 [h, w, 3], nine rays per pixel, of the floor z = 0."""
    rays = camera_rays(lens) @ pose[:3, :3].T
    t = np.where(rays[..., 2] < -1e-3, -pose[2, 3] / np.minimum(rays[..., 2], -1e-3), np.nan)
    hits = pose[:3, 3] + rays * t[..., None]
    u, v = hits[..., 0] / TEXEL_M + 1000 - 0.5, 800 - hits[..., 1] / TEXEL_M - 0.5
    seen = cv2.remap(texture, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderValue=150.0)
    gray = cv2.resize(seen, lens.size_hw[::-1], interpolation=cv2.INTER_AREA)
    noisy = gray + np.random.default_rng(int(1e6 * abs(pose[0, 3]))).normal(0, 2, gray.shape)
    return np.repeat(noisy.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def film(folder: Path, sheets: Sequence[Sheet], *, n: int = 7, name: str = "4x4_50") -> Reconstruction:
    """Pictures of the floor from an arc above it, with exact poses in metres."""
    texture, views = floor(sheets, name), []
    for i, angle in enumerate(np.linspace(-0.7, 0.7, n)):
        eye = np.array([1.3 * np.sin(angle), -1.2 * np.cos(angle), 1.1 + 0.05 * i])
        pose = look_at(eye, np.zeros(3), UP)
        path = folder / f"{i:03d}.png"
        Image.fromarray(photograph(LENS, pose, texture)).save(path)
        views.append(View(f"{i:03d}", path, LENS, pose))
    return Reconstruction(tuple(views), is_up_aligned=True)


def scaled(scene: Reconstruction, marker_m: float, **settings: object) -> Reconstruction:
    metric, _ = apply_scale(scene, changed(marker_m=marker_m, **settings), Clues(), seed=0)
    return metric


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    return film(tmp_path_factory.mktemp("one"), [Sheet(7, 0.1, 0.05, 25.0)])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    """Three sheets of one size and a fourth that somebody printed smaller."""
    sheets = [Sheet(1, -0.35, 0.1, 10), Sheet(2, 0.05, -0.2, 80), Sheet(3, 0.3, 0.2, 200), Sheet(4, 0.0, 0.3, 0, 0.12)]
    return film(tmp_path_factory.mktemp("three"), sheets, name="apriltag_36h11")


def test_one_marker_gives_the_scale_within_half_a_percent(one: Reconstruction) -> None:
    metric = scaled(one, 0.32)  # claims twice the true side
    assert metric.world_from_capture.scale == pytest.approx(2.0, rel=0.005)
    assert metric.scale is not None and 0.0005 < metric.scale.relative_error < 0.01
    assert "4x4_50 7" in metric.scale.source and "0.32 m given" in metric.scale.source


def test_the_error_bar_covers_the_error(one: Reconstruction) -> None:
    pulls = []
    for skip in range(4):
        part = replace(one, views=tuple(v for i, v in enumerate(one.views) if i not in (skip, skip + 3)))
        metric = scaled(part, 0.16, marker_error_m=0.0)
        assert metric.scale is not None
        pulls.append((metric.world_from_capture.scale - 1) / metric.scale.relative_error)
    assert np.abs(pulls).max() < 4


def test_april_tags_are_found_by_auto_and_the_odd_one_is_left_out(three: Reconstruction) -> None:
    metric = scaled(three, 0.16)
    assert metric.world_from_capture.scale == pytest.approx(1.0, rel=0.005)
    assert metric.scale is not None and "apriltag_36h11" in metric.scale.source


def test_the_named_dictionary_is_used_alone(three: Reconstruction) -> None:
    with pytest.raises(UserError, match="no marker of 4x4_50 is seen well"):
        scaled(three, 0.16, marker_dictionary="4x4_50")
    name, sightings = find_markers(three.views, "apriltag_36h11")
    assert name == "apriltag_36h11" and set(sightings) == {1, 2, 3, 4}


def test_corners_lie_where_they_project(one: Reconstruction) -> None:
    (sightings,) = find_markers(one.views, "4x4_50")[1].values()
    half, angle = 0.08, np.radians(25.0)
    square = np.array([[-half, half], [half, half], [half, -half], [-half, -half]])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.c_[square @ turn.T + [0.1, 0.05], np.zeros(4)]
    for sighting in sightings:
        pose = sighting.view.world_from_camera
        in_camera = torch.from_numpy((corners - pose[:3, 3]) @ pose[:3, :3])
        off = sighting.corners - LENS.project(in_camera).numpy()
        assert np.abs(off).max() < 0.5 and np.abs(off.mean(0)).max() < 0.2  # half a pixel would be the wrong convention


def test_a_marker_that_was_moved_is_named(one: Reconstruction, tmp_path: Path) -> None:
    moved = film(tmp_path, [Sheet(7, -0.3, 0.3, 120.0)])
    views = tuple((one if i % 2 else moved).views[i] for i in range(6))
    with pytest.raises(UserError, match="fit no square"):
        scaled(replace(one, views=views), 0.16)


def test_two_views_are_too_few(one: Reconstruction) -> None:
    with pytest.raises(UserError, match="seen in 2 pictures"):
        scaled(replace(one, views=one.views[:2]), 0.16, marker_dictionary="4x4_50")


def test_two_sheets_with_one_code_are_told_apart_from_none(tmp_path: Path) -> None:
    twice = film(tmp_path, [Sheet(7, -0.3, 0.1, 0.0), Sheet(7, 0.3, 0.1, 30.0)], n=3)
    assert find_markers(twice.views, "4x4_50")[1] == {}


def test_sides_that_scatter_widen_the_error() -> None:
    alike = [MarkerSide(i, side, 0.01, 5, 40.0) for i, side in enumerate((1.0, 1.005, 0.995, 1.002))]
    apart = [MarkerSide(i, side, 0.01, 5, 40.0) for i, side in enumerate((1.0, 1.04, 0.96, 1.03))]
    mean, error = combine(alike)
    assert mean == pytest.approx(1.0, abs=0.002) and error == pytest.approx(0.005, rel=0.01)
    assert combine(apart)[1] > 2 * error
    assert combine(alike[:1]) == (1.0, 0.01)
    assert not take_warnings()


# ---- the printed page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["4x4_50", "original", "apriltag_36h11"])
def test_the_page_shows_the_marker_at_its_size(name: str) -> None:
    page, side_px = draw_marker_page(name, 3, side_mm=120.0, paper="a4", dpi=200)
    assert page.size == (1654, 2339) and side_px == pytest.approx(120 / 25.4 * 200, abs=0.5)
    detector = cv2.aruco.ArucoDetector(dictionary(name))
    corners, ids, _ = detector.detectMarkers(np.asarray(page))
    assert ids is not None and ids.ravel().tolist() == [3]
    sides = np.linalg.norm(np.roll(corners[0][0], -1, axis=0) - corners[0][0], axis=1)
    np.testing.assert_allclose(sides, side_px - 1, atol=1.5)  # between the outermost black pixels


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_the_page_is_written_with_its_resolution(tmp_path: Path, suffix: str) -> None:
    path = write_marker_page(tmp_path / f"m.{suffix}", "4x4_50", 0, side_mm=100, paper="letter", dpi=150)
    if suffix == "png":
        with Image.open(path) as image:
            assert image.info["dpi"] == pytest.approx((150, 150), abs=0.1) and image.size == (1275, 1650)
    else:
        assert b"/MediaBox [ 0 0 612.0 792.0 ]" in path.read_bytes()  # points: 8.5 x 11 inches
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "9x9"}, "4x4_50"),
        ({"marker": 50}, "0 to 49"),
        ({"marker": -1}, "0 to 49"),
        ({"side_mm": 205.0}, "at most"),
        ({"side_mm": 0.0}, "at least"),
        ({"paper": "a0"}, "a4"),
        ({"dpi": 20}, "dpi"),
        ({"path": "marker.jpg"}, "png or .pdf"),
    ],
)
def test_impossible_pages_are_named(tmp_path: Path, change: dict, message: str) -> None:
    settings = {"path": "marker.png", "name": "4x4_50", "marker": 0, "side_mm": 160.0, "paper": "a4", "dpi": 300}
    settings |= change
    path = tmp_path / str(settings.pop("path"))
    with pytest.raises(UserError, match=message):
        write_marker_page(path, settings.pop("name"), settings.pop("marker"), **settings)
    assert not list(tmp_path.iterdir())


def test_auto_tries_only_what_is_known() -> None:
    assert set(AUTO) <= set(DICTIONARIES)
