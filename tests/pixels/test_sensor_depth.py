"""A sensor's depth meets the poses: scale and error from sparse points, refusals, and lines where the surface is."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.capture.settings import CaptureSettings
from recon.capture.stage import capture_frames
from recon.formats.depth_at_points import ENOUGH
from recon.formats.images import write_image
from recon.geometry import Camera, Reconstruction, Scale, Similarity, View, rigid
from recon.pixels import LinesOfSight, Scene
from recon.pixels.sensor_depth import LEAST_ERROR, SensorFit, fit_sensor, scale_of_picture, sensor_views
from recon.train.known_depth import sensor_lines
from recon.workspace import Workspace, read_json
from recon.workspace.errors import UserError
from tests.default_settings import default_settings

CAMERA = Camera("PINHOLE", (24, 40), 30.0, 30.0, 20.0, 12.0)
UNITS_PER_METRE = 0.4
WALL_M = 2.5


def wall_seen_by(folder: Path, *, n: int = 3, scale: Scale | None = None) -> Reconstruction:
    """Cameras side by side that look along +z at a wall `WALL_M` before each, with depth images of half the size."""
    (folder / "images").mkdir(parents=True)
    (folder / "depth").mkdir()
    views = []
    for i in range(n):
        image = folder / f"images/{i}.png"
        write_image(image, np.full((24, 40, 3), (10, 20, 200), np.uint8))
        depth = np.full((12, 20), 1000 * WALL_M, np.uint16)
        depth[:, :4] = 0
        cv2.imwrite(str(folder / f"depth/{i}.png"), depth)
        pose = rigid(np.eye(3), np.array([0.1 * i, 0.0, 0.0]))
        views.append(View(str(i), image, CAMERA, pose, split="train"))
    return Reconstruction(tuple(views), scale=scale)


def sights_on_the_wall(reconstruction: Reconstruction, n: int, *, spread: float = 0.0) -> LinesOfSight:
    """Lines to points in every picture, at the wall's distance in world units but for a relative error."""
    rng = np.random.default_rng(1)
    starts = np.repeat([view.world_from_camera[:3, 3] for view in reconstruction.views], n, axis=0)
    z = UNITS_PER_METRE * WALL_M * (1 + spread * rng.normal(size=len(starts)))
    ends = starts + z[:, None] * np.stack([*rng.uniform(-0.3, 0.3, (2, len(starts))), np.ones(len(starts))], -1)
    return LinesOfSight(starts, ends, np.zeros((len(starts), 3), np.uint8))


def test_scale_and_error_come_from_the_sparse_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reconstruction = wall_seen_by(tmp_path)
    views = sensor_views(reconstruction, sights_on_the_wall(reconstruction, 400, spread=0.03), stage="train")
    assert len(views) == 3 and views[0].camera.size_hw == (12, 20)
    assert views[0].error == pytest.approx(0.03, rel=0.15)
    np.testing.assert_allclose(views[1].depth[:, 6:], UNITS_PER_METRE * WALL_M, rtol=0.005)
    assert not views[1].depth[:, :4].any()
    assert "sensor depth of 3 of 3 photos" in capsys.readouterr().out.replace("\n", " ")


def test_depth_beside_the_photos_of_a_capture_is_found(tmp_path: Path) -> None:
    """The pictures are copies in frames/; their depth stays where the photos are."""
    filmed = wall_seen_by(tmp_path / "photos")
    for i, view in enumerate(filmed.views):
        write_image(view.image, np.random.default_rng(i).integers(0, 255, (24, 40, 3), np.uint8))
    settings = default_settings(CaptureSettings, "capture", source=str(tmp_path / "photos" / "images"))
    workspace = Workspace(tmp_path / "run")
    capture_frames(workspace, settings=settings)
    kept = [frame for frame in read_json(workspace.frames / "frames.json", made_by="")["frames"] if frame["kept"]]
    views = tuple(
        replace(filmed.views[frame["source_index"]], image=workspace.frames / frame["image"]) for frame in kept
    )
    copies = Reconstruction(views)
    found = sensor_views(copies, sights_on_the_wall(copies, 400), stage="train")
    assert len(found) == len(kept) == 3 and all((view.depth > 0).any() for view in found)


def test_lines_end_on_the_wall_in_its_colour(tmp_path: Path) -> None:
    reconstruction = wall_seen_by(tmp_path)
    scene = Scene(Similarity(0.5, np.eye(3), np.array([0.1, 0.0, 0.0])), 2, 0.01, 0.1, 0.002, False)
    views = sensor_views(reconstruction, sights_on_the_wall(reconstruction, 400), stage="train")
    (lines, *others) = sensor_lines(views, scene, seed=0)
    assert len(others) == 2 and len(lines) > 150
    ends = (lines.origins + lines.distances[:, None] * lines.directions).double().numpy()
    wall = scene.scene_from_world.points(np.array([[0.0, 0.0, UNITS_PER_METRE * WALL_M]]))[0, 2]
    np.testing.assert_allclose(ends[:, 2], wall, rtol=0.01)
    assert lines.colors.unique(dim=0).tolist() == [[10, 20, 200]]
    assert bool((lines.errors == np.float32(LEAST_ERROR)).all())


def test_without_points_the_poses_scale_counts_and_without_both_it_is_an_error(tmp_path: Path) -> None:
    known = wall_seen_by(tmp_path / "a", scale=Scale(2.0, "given", 0.0))
    np.testing.assert_allclose(sensor_views(known, None, stage="train")[0].depth[:, 6:], WALL_M / 2, rtol=1e-5)
    with pytest.raises(UserError, match="no scale and no sparse points"):
        sensor_views(wall_seen_by(tmp_path / "b"), None, stage="train")


def test_depth_that_does_not_fit_is_said_and_not_used(capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    assert fit_sensor(rng.uniform(0.2, 2, 500), None, where="depth") is None
    assert "does not fit the poses" in capsys.readouterr().out.replace("\n", " ")


def test_another_unit_than_the_poses_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    fit = fit_sensor(np.full(500, 1000.0), 1.0, where="depth")
    assert fit is not None and fit.units_per_metre == 1000
    assert "unit of one is wrong" in capsys.readouterr().out.replace("\n", " ")


def test_another_shape_than_the_picture_is_an_error(tmp_path: Path) -> None:
    reconstruction = wall_seen_by(tmp_path, scale=Scale(1.0, "given", 0.0))
    cv2.imwrite(str(tmp_path / "depth/1.png"), np.ones((20, 20), np.uint16))
    with pytest.raises(UserError, match=r"depth/1.png: depth of 20x20 pixels"):
        sensor_views(reconstruction, None, stage="train")


def test_pictures_without_depth_are_left_alone(tmp_path: Path) -> None:
    reconstruction = wall_seen_by(tmp_path)
    for file in (tmp_path / "depth").iterdir():
        file.unlink()
    assert sensor_views(reconstruction, None, stage="train") == []


def test_a_picture_with_points_of_its_own_has_a_scale_of_its_own() -> None:
    fit = SensorFit(1.0, 0.01)
    assert scale_of_picture(np.zeros(0), fit) == 1.0
    assert scale_of_picture(np.full(ENOUGH, 1.02), fit) == pytest.approx(1.01)
    assert scale_of_picture(np.full(100 * ENOUGH, 1.02), fit) == pytest.approx(1.02, abs=3e-4)
