"""Depths that are known become lines on the surface, and a field taught by them knows depth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon import kernels
from recon.bench.synthetic.renderer import render_depth
from recon.field.field_file import load_trained_field
from recon.field.settings import HashGridSettings
from recon.formats import cameras_json
from recon.formats.images import write_image
from recon.formats.matched_views import write_matched_view
from recon.geometry import Kind, MatchedView, Reconstruction, Similarity, View
from recon.geometry.transforms import Array
from recon.kernels import native
from recon.pixels import Scene, SensorView
from recon.train.known_depth import matched_lines
from recon.train.settings import TrainSettings
from recon.train.stage import train_field
from recon.workspace import Workspace
from tests.default_settings import default_settings
from tests.worlds import ROOM_HIGH, ROOM_LOW, room_reconstruction, textured_room

SCENE = Scene(Similarity(0.5, np.eye(3), np.array([0.1, 0.0, 0.0])), 2, 0.01, 0.1, 0.002, False)
SIZE = (36, 48)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Reconstruction:
    return room_reconstruction(tmp_path_factory.mktemp("room"), 16, size_hw=SIZE)


@pytest.fixture(autouse=True)
def _restore_backend():
    yield
    kernels.use("reference")


def true_depth(reconstruction: Reconstruction, i: int) -> Array:
    """[h, w], 0 where the ray leaves the roofless room."""
    view = reconstruction.views[i]
    depth = render_depth(textured_room(), view.camera, view.world_from_camera)
    return np.where(np.isfinite(depth), depth, 0)


def index_of(reconstruction: Reconstruction, view: View) -> int:
    return [v.name for v in reconstruction.views].index(view.name)


def match(workspace: Workspace, reconstruction: Reconstruction) -> None:
    """Exact matched views of the training pictures: sky where there is no roof."""
    workspace.matching.mkdir(parents=True)
    for i, view in enumerate(reconstruction.views):
        if view.name not in {v.name for v in reconstruction.training_views}:
            continue
        depth = true_depth(reconstruction, i).astype(np.float32)
        kind = np.where(depth > 0, Kind.MATCHED, Kind.SKY).astype(np.uint8)
        normal, sure = np.zeros((*SIZE, 3), np.float32), np.ones(SIZE, np.float32)
        write_matched_view(
            workspace.matching,
            MatchedView(view.name, view.camera, view.world_from_camera, depth, normal, sure, kind),
        )


def test_lines_of_matched_views_end_on_the_surface_and_those_of_the_sky_nowhere(
    tmp_path: Path, room: Reconstruction
) -> None:
    workspace = Workspace(tmp_path)
    match(workspace, room)
    found = matched_lines(workspace, room.training_views, SCENE, seed=0)
    assert len(found) == len(room.training_views)
    is_sky = found[0].distances.isinf().numpy()
    assert np.array_equal(
        np.sort(is_sky), np.sort(true_depth(room, index_of(room, room.training_views[0])).reshape(-1) == 0)
    )
    ends = (found[0].origins + found[0].distances[:, None] * found[0].directions)[~is_sky].double().numpy()
    world = SCENE.scene_from_world.inverse().points(ends)
    from_walls = np.minimum(np.abs(world - ROOM_LOW), np.abs(world - ROOM_HIGH)).min(1)
    assert np.mean(from_walls < 1e-3) > 0.6  # the rest ends on the crate, within the room
    assert ((world > ROOM_LOW - 1e-3) & (world < ROOM_HIGH + 1e-3)).all()


def test_what_the_user_masks_teaches_nothing(tmp_path: Path, room: Reconstruction) -> None:
    workspace = Workspace(tmp_path)
    match(workspace, room)
    mask = np.full(SIZE, 255, np.uint8)
    mask[:, :24] = 0
    write_image(tmp_path / "mask.png", mask)
    (lines,) = matched_lines(workspace, [replace(room.views[1], mask=tmp_path / "mask.png")], SCENE, seed=0)
    assert len(lines) == 36 * 24
    right = room.views[1].world_from_camera[:3, 0]
    assert bool((lines.directions.double().numpy() @ right > 0).all())


def test_planes_of_blank_pixels_teach_nothing_where_a_sensor_measured(tmp_path: Path, room: Reconstruction) -> None:
    """What was matched there stays, and planes where the sensor is silent."""
    workspace, view = Workspace(tmp_path), room.training_views[0]
    workspace.matching.mkdir(parents=True)
    depth, sure = np.ones(SIZE, np.float32), np.ones(SIZE, np.float32)
    kind = np.full(SIZE, Kind.PLANE, np.uint8)
    kind[:9] = Kind.MATCHED
    normal = np.zeros((*SIZE, 3), np.float32)
    write_matched_view(
        workspace.matching, MatchedView(view.name, view.camera, view.world_from_camera, depth, normal, sure, kind)
    )
    measured = np.zeros((18, 24), np.float32)  # of half the size
    measured[:, :6] = 1.1
    sensor = SensorView(view, view.camera.resized((18, 24)), measured, np.sign(measured), 0.01, 1.1)
    (alone,) = matched_lines(workspace, [view], SCENE, seed=0)
    (beside,) = matched_lines(workspace, [view], SCENE, sensors=[sensor], seed=0)
    assert len(alone) == 36 * 48 and len(beside) == 36 * 48 - 27 * 12


@pytest.mark.slow
@pytest.mark.skipif(native.why_missing() is not None, reason="needs the native kernels to be quick")
def test_a_field_that_is_taught_depth_knows_it_better(tmp_path: Path, room: Reconstruction) -> None:
    errors = []
    for name in ("plain", "taught"):
        workspace = Workspace(tmp_path / name)
        if name == "taught":
            match(workspace, room)
        cameras_json.write(workspace.cameras_json, room, root=workspace.root)
        train_field(
            workspace,
            reconstruction=room,
            field=default_settings(
                HashGridSettings, "field", "hash_grid", n_levels=6, log2_table_size_open=14, cells_per_pixel=0.2,
                occupancy_resolution=64,
            ),
            settings=default_settings(
                TrainSettings, "train", max_seconds=None, max_steps=120, samples_per_step=8192, occupancy_probes=16384,
                preview_count=0,
            ),
            config_text="", seed=1, device="cpu", backend="native",
        )  # fmt: skip
        trained = load_trained_field(workspace, device="cpu", backend="native")
        depths = [
            (trained.render(view.camera, view.world_from_camera).depth, true_depth(room, i))
            for i, view in enumerate(room.views)
            if view.name in {v.name for v in room.held_out_views}
        ]
        errors.append(float(np.median([np.median(np.abs(d - t)[t > 0]) for d, t in depths])))
    assert errors[1] < 0.5 * errors[0], errors
