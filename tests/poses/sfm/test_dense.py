"""Poses adjusted to matched surfaces are nearer to the truth; what cannot be matched leaves a model as it is."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch

from recon import kernels
from recon.formats.frame_set import FrameSet, read_frame_set
from recon.geometry import Points, Tracks, align_points, invert_rigid
from recon.geometry.transforms import apply_rigid
from recon.poses.doctor import failure_told
from recon.poses.sfm import dense
from recon.poses.sfm.dense import adjust_densely
from recon.poses.sfm.settings import PoseSettings
from recon.poses.sfm.structure import find_structure
from recon.workspace import Workspace
from tests.default_settings import default_settings
from tests.poses import room

pytestmark = pytest.mark.skipif(not kernels.is_there("native"), reason="matching needs the native kernels")
N = 14


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> tuple[pycolmap.Reconstruction, FrameSet, Workspace]:
    workspace = Workspace(tmp_path_factory.mktemp("room"))
    room.film(workspace, room.walk(N), room.camera())
    settings = default_settings(PoseSettings, "poses", max_features=1500, dense=False)
    frames = read_frame_set(workspace)
    structure = find_structure(workspace, frames, settings, seed=0, threads=2, failure_told=failure_told)
    return structure.model, frames, workspace


def camera_error(model: pycolmap.Reconstruction) -> float:
    images = sorted((model.image(i) for i in model.reg_image_ids()), key=lambda image: image.name)
    centers = np.array([image.projection_center() for image in images])
    truth = np.array([pose[:3, 3] for pose in room.walk(N)])
    off = align_points(centers, truth).points(centers) - truth
    return float(np.sqrt((off**2).sum(1).mean()))


def test_cameras_and_focal_length_come_nearer_to_the_truth(mapped, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    model, frames, workspace = mapped
    better = copy.deepcopy(model)
    adjust_densely(better, frames, images=workspace.frames, scratch=tmp_path, seed=0)
    assert "points followed over surfaces" in capsys.readouterr().out
    assert better.num_reg_images() == N and list(tmp_path.iterdir()) == []
    assert camera_error(better) < 0.8 * camera_error(model)
    assert better.num_points3D() > 0.9 * model.num_points3D()
    assert better.compute_mean_reprojection_error() < 1.1 * model.compute_mean_reprojection_error()


def test_a_known_focal_length_stays(mapped, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model, frames, workspace = mapped
    better = copy.deepcopy(model)
    before = next(iter(better.cameras.values())).params[0]
    adjust_densely(better, replace(frames, is_focal_known=True), images=workspace.frames, scratch=tmp_path, seed=0)
    assert next(iter(better.cameras.values())).params[0] == before


def test_a_point_that_one_picture_sees_twice_has_two_pixels_in_it(mapped) -> None:  # type: ignore[no-untyped-def]
    model, frames, _ = mapped
    twice = copy.deepcopy(model)
    point_id, point = next(iter(twice.points3D.items()))
    image_id = point.track.elements[0].image_id
    spare = next(i for i, pixel in enumerate(twice.image(image_id).points2D) if not pixel.has_point3D())
    twice.add_observation(point_id, pycolmap.TrackElement(image_id, spare))
    fitted = dense._dense_model(twice, dense._image_ids(twice, frames), Tracks(), {image_id})
    elements = [(e.image_id, e.point2D_idx) for p in fitted.points3D.values() for e in p.track.elements]
    assert len(set(elements)) == len(elements) and len([e for e in elements if e[0] == image_id]) > 1
    pycolmap.ObservationManager(fitted).filter_all_points3D(1e-9, 0.0)
    assert fitted.num_points3D() == 0


def slanted_tracks(model: pycolmap.Reconstruction, frames: FrameSet) -> Tracks:
    """The model's points as the true cameras see them, to a twentieth of a pixel; one in ten half a pixel to the right."""
    ids, rng, camera = dense._image_ids(model, frames), np.random.default_rng(0), room.camera()
    similarity = align_points(
        np.array([model.image(i).projection_center() for i in ids]), np.array([pose[:3, 3] for pose in room.walk(N)])
    )
    place = {point_id: k for k, point_id in enumerate(sorted(model.point3D_ids()))}
    positions = np.array([model.point3D(point_id).xyz for point_id in place])
    points = Points(positions, np.zeros((len(place), 3), np.uint8))
    views, indices, pixels = [], [], []
    is_wrong = rng.random(len(place)) < 0.1
    for view, (image_id, pose) in enumerate(zip(ids, room.walk(N), strict=True)):
        here = np.array([place[p.point3D_id] for p in model.image(image_id).get_observation_points2D()])
        local = apply_rigid(invert_rigid(pose), similarity.points(positions[here]))
        seen = camera.project(torch.from_numpy(local)).numpy() + rng.normal(0, 0.05, (len(here), 2))
        seen[:, 0] += 0.5 * (is_wrong[here] & (view % 4 < 2))
        views.append(np.full(len(here), view, np.int32))
        indices.append(here)
        pixels.append(seen)
    return Tracks(points, np.concatenate(views), np.concatenate(indices), np.concatenate(pixels))


def test_errors_that_a_few_points_share_do_not_turn_the_cameras(mapped, tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    model, frames, workspace = mapped
    tracks = slanted_tracks(model, frames)
    monkeypatch.setattr(dense, "dense_tracks", lambda *args, **settings: tracks)
    ours, tolerant = copy.deepcopy(model), copy.deepcopy(model)
    adjust_densely(ours, frames, images=workspace.frames, scratch=tmp_path, seed=0)
    monkeypatch.setattr(dense, "_median_error", lambda model: 1.0)
    adjust_densely(tolerant, frames, images=workspace.frames, scratch=tmp_path, seed=0)
    assert camera_error(ours) < 0.75 * camera_error(tolerant) < 0.75 * camera_error(model)


def test_where_nothing_can_be_followed_the_model_stays(mapped, tmp_path: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    model, frames, workspace = mapped
    same = copy.deepcopy(model)
    monkeypatch.setattr(dense, "dense_tracks", lambda *args, **settings: Tracks())
    adjust_densely(same, frames, images=workspace.frames, scratch=tmp_path, seed=0)
    assert "too little surface" in capsys.readouterr().out
    assert camera_error(same) == camera_error(model)
