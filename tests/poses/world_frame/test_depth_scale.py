"""Metres from depth beside the pictures: a room seen by cameras in units of their own, with a sensor that is off by little."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.geometry import Camera, Points, Reconstruction, Tracks, View, rigid
from recon.poses.world_frame.scale.metric import Clues, apply_scale
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.poses.world_frame.scale_defaults import changed

CAMERA = Camera("PINHOLE", (24, 40), 30.0, 32.0, 20.0, 12.0)
METRES_PER_UNIT = 0.25
N, SEEN = 9, 30


def scene(folder: Path, *, noise: float = 0.01) -> Reconstruction:
    """Cameras side by side before points at depths of their own, in units of METRES_PER_UNIT, with depth of half the size in mm.

    noise: relative, of the depths.
    """
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "depth").mkdir()
    views, positions, pixels = [], [], []
    for i in range(N):
        pose = rigid(np.eye(3), np.array([0.3 * i, 0.1, -0.2]))
        views.append(View(f"{i}", folder / f"images/{i}.png", CAMERA, pose))
        x, y = rng.permutation(40)[:SEEN].astype(float), rng.integers(0, 24, SEEN).astype(float)
        z = rng.uniform(4, 16, SEEN)
        depth = np.zeros((12, 20), np.uint16)
        for k in range(SEEN):
            if depth[int(y[k]) // 2, int(x[k]) // 2] == 0:  # one point in a pixel of the sensor
                depth[int(y[k]) // 2, int(x[k]) // 2] = 1000 * METRES_PER_UNIT * z[k] * (1 + noise * rng.normal())
                local = np.array([(x[k] + 0.5 - 20) / 30, (y[k] + 0.5 - 12) / 32, 1.0]) * z[k]
                positions.append(pose[:3, 3] + local)
                pixels.append((i, x[k] + 0.5, y[k] + 0.5))
        cv2.imwrite(str(folder / f"depth/{i}.png"), depth)
    seen = np.array(pixels)
    points = Points(np.array(positions), np.zeros((len(positions), 3), np.uint8))
    tracks = Tracks(points, seen[:, 0].astype(np.int32), np.arange(len(seen)), seen[:, 1:])
    return Reconstruction(tuple(views), points, tracks=tracks)


def test_depth_beside_the_pictures_makes_metres(tmp_path: Path) -> None:
    found = scene(tmp_path)
    metric, (source,) = apply_scale(found, changed(), Clues(), seed=0)
    np.testing.assert_allclose(metric.centers, METRES_PER_UNIT * found.centers, rtol=0.005)
    assert metric.scale is not None and metric.scale.source.startswith(
        "depth beside 7 of the pictures"
    )  # two are held out
    assert source["kind"] == "depth" and source["relative_error"] == pytest.approx(0.02, rel=0.05)
    far, _ = apply_scale(found, changed(depth_factor=5.0), Clues(), seed=0)
    np.testing.assert_allclose(far.centers, 5 * metric.centers)
    kept, _ = apply_scale(found, changed(source="none"), Clues(), seed=0)
    assert kept.scale is None


def test_a_measured_distance_is_surer_and_disagreement_is_said(tmp_path: Path) -> None:
    found = scene(tmp_path)
    metric, sources = apply_scale(found, changed(known_distance_m=0.6), Clues(), seed=0)  # of 2.4 units
    assert [source["kind"] for source in sources] == ["distance", "depth"] and not take_warnings()
    assert metric.scale is not None and "0.6 m given" in metric.scale.source
    apply_scale(found, changed(known_distance_m=0.72), Clues(), seed=0)
    assert "the depth beside the pictures and the known distance disagree" in take_warnings()[0]


def test_depth_that_fits_no_points_makes_no_metres(tmp_path: Path) -> None:
    metric, sources = apply_scale(scene(tmp_path, noise=0.4), changed(), Clues(), seed=0)
    assert metric.scale is None and sources == []
    assert "gives no metres" in take_warnings()[0]


def test_few_points_or_none_make_no_metres(tmp_path: Path) -> None:
    found = scene(tmp_path)
    tracks = found.tracks
    few = replace(found, tracks=Tracks(tracks.points, tracks.views[:40], tracks.indices[:40], tracks.pixels[:40]))
    for lacking in (few, replace(found, tracks=Tracks())):
        assert apply_scale(lacking, changed(), Clues(), seed=0)[0].scale is None
        with pytest.raises(UserError, match="no depth beside the pictures fits 50"):
            apply_scale(lacking, changed(source="depth"), Clues(), seed=0)
    assert not take_warnings()


def test_depth_that_does_not_open_is_said(tmp_path: Path) -> None:
    found = scene(tmp_path)
    (tmp_path / "depth/2.png").write_text("no picture")
    metric, _ = apply_scale(found, changed(), Clues(), seed=0)
    assert metric.scale is not None and metric.scale.source.startswith("depth beside 6")
    assert "depth/2.png: not a depth image" in take_warnings()[0]
