"""A sensor's depth in the mesh: noise and scale taken out, what matching got wrong overruled, faces that say who measured them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from recon.bench.synthetic.depth_sensor import sensed_depth
from recon.formats.face_evidence import read_face_evidence
from recon.geometry import Camera, Evidence, Kind, MatchedView, Points, Reconstruction, Tracks
from recon.geometry.pinhole import rays_of_pixels
from recon.mesh.agreement import drop_outvoted
from recon.mesh.depth_maps import DepthMap
from recon.mesh.matched_maps import matched_map
from recon.mesh.sensor_maps import sensor_map
from recon.mesh.settings import MeshSettings
from recon.mesh.stage import build_mesh
from recon.mesh.surface import KnownSurface, build_surface
from recon.mesh.trusted_depths import trusted_depths
from recon.mesh.viewpoints import small_pinhole, typical_distance
from recon.pixels import SensorView, lines_of_sight, sensor_views
from recon.render.views import RenderedView
from recon.workspace import Workspace, read_metrics
from tests.default_settings import default_settings

SCALE_ERROR = 0.03
SENSOR_FOCAL = 400.0  # pixels: of a sensor finer than these small pictures
FAR = 6.0


def settings(**changes: object) -> MeshSettings:
    small = {"voxel_size": 0.06, "max_faces": 1500, "texture_size": 256, "field_max_side": 48}
    return default_settings(MeshSettings, "mesh", **small | changes)


@pytest.fixture
def room(worlds):
    return worlds.World(worlds.cast_room)


@pytest.fixture
def filmed(room, worlds, capture) -> Reconstruction:
    """The room with a sensor's depth beside its pictures, and points that every view has observed. A unit is a metre."""
    posed = capture(room, worlds.room_poses(20), size_hw=(90, 120), write_photos=True)
    folder = posed.views[0].image.parent / "depth"
    folder.mkdir()
    rng = np.random.default_rng(0)
    positions, views = [], []
    for i, view in enumerate(posed.views):
        seen = room.render(view.camera, view.world_from_camera)
        local = seen.normal @ view.world_from_camera[:3, :3]
        rays = rays_of_pixels(view.camera)
        cosine = (local * rays).sum(-1) / np.linalg.norm(rays, axis=-1)
        depth = sensed_depth(seen.depth, cosine, focal_px=SENSOR_FOCAL, scale_error=SCALE_ERROR, rng=rng)
        cv2.imwrite(str(folder / f"{view.name}.png"), depth)
        at = rng.integers(5, 85, (60, 2))
        pixels = np.stack([at[:, 1], at[:, 0]], -1) + 0.5
        positions.append(world_points(view, pixels, seen.depth[at[:, 0], at[:, 1]]))
        views.append(np.full(60, i))
    return replace(posed, tracks=observed_by_four(np.concatenate(positions), np.concatenate(views)), scale=None)


def world_points(view, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
    import torch

    directions = view.camera.unproject(torch.from_numpy(pixels)).numpy()
    local = directions / directions[:, 2:] * depth[:, None]
    return local @ view.world_from_camera[:3, :3].T + view.world_from_camera[:3, 3]


def observed_by_four(positions: np.ndarray, views: np.ndarray) -> Tracks:
    """Each point by the view that it was made from and by three that need not show it: fewer are not believed."""
    n, n_views = len(positions), views.max() + 1
    who = np.concatenate([views, *((views + step) % n_views for step in (1, 2, 3))]).astype(np.int32)
    points = Points(positions, np.zeros((n, 3), np.uint8))
    # Where the pixels lie does not matter to lines of sight; other views' lines end outside their pictures, or on a wall.
    return Tracks(points, who, np.tile(np.arange(n), 4), np.zeros((4 * n, 2)))


def mistaken_matches(room, reconstruction: Reconstruction) -> list[MatchedView]:
    """Exact depths with 1 % of noise, but for what all views take, as repeated texture makes them, for a plate before a wall:
    it is 0.3 m nearer. The left third of every picture is silent."""

    def cast_with_plate(origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t, normals = room.cast(origins, directions)
        to_plate = (1.7 - origins[:, 0]) / np.where(np.abs(directions[:, 0]) < 1e-9, 1e-9, directions[:, 0])
        at = origins + to_plate[:, None] * directions
        hit = (to_plate > 0) & (to_plate < t) & (np.abs(at[:, 1]) < 1.2) & (at[:, 2] > 0.2) & (at[:, 2] < 2.2)
        return np.where(hit, to_plate, t), np.where(hit[:, None], np.array([-1.0, 0.0, 0.0]), normals)

    rng, mistaken = np.random.default_rng(1), replace(room, cast=cast_with_plate)
    found = []
    for view in reconstruction.training_views:
        camera = small_pinhole(view.camera, 120)
        seen = mistaken.render(camera, view.world_from_camera)
        depth = seen.depth * (1 + 0.01 * rng.normal(size=seen.depth.shape))
        depth[:, :40] = 0
        kind = np.where(depth > 0, Kind.MATCHED, Kind.UNKNOWN).astype(np.uint8)
        known = (depth > 0).astype(np.float32)
        found.append(
            MatchedView(view.name, camera, view.world_from_camera, depth.astype(np.float32), seen.normal, known, kind)
        )
    return found


def blind(camera: Camera, world_from_camera: np.ndarray, wanted: np.ndarray | None = None) -> RenderedView:
    """A field that nobody trained: fog that shows nothing."""
    nothing = np.zeros(camera.size_hw, np.float32)
    return RenderedView(
        np.ones((*camera.size_hw, 3), np.float32), nothing + 0.3, nothing, np.zeros((*camera.size_hw, 3))
    )


def sensors_of(reconstruction: Reconstruction) -> list[SensorView]:
    return sensor_views(reconstruction, lines_of_sight(reconstruction), stage="mesh")


def true_depth(room, view: DepthMap) -> np.ndarray:
    return room.render(view.viewpoint.camera, view.viewpoint.world_from_camera).depth


def surface_of(reconstruction: Reconstruction, matched: list[MatchedView], sensors: list[SensorView]) -> KnownSurface:
    depths = trusted_depths(reconstruction, matched, sensors, blind, settings(max_depth=FAR))
    return build_surface(depths, distance=typical_distance(reconstruction), settings=settings())


def share_off_the_walls(surface: KnownSurface, worlds) -> float:
    """Share of the area farther than 5 cm from every wall of the room."""
    middles = surface.mesh.vertices[surface.mesh.faces].mean(1)
    distance = np.abs(np.concatenate([middles - worlds.ROOM_LOW, worlds.ROOM_HIGH - middles], -1)).min(-1)
    areas = surface.mesh.face_areas
    return float(areas[distance > 0.05].sum() / areas.sum())


def test_the_scale_error_is_taken_out(room, filmed: Reconstruction) -> None:
    for sensor in sensors_of(filmed)[::5]:
        exact = room.render(sensor.camera, sensor.world_from_camera).depth
        known = sensor.depth > 0
        assert known.mean() > 0.5
        assert np.median(sensor.depth[known] / exact[known]) == pytest.approx(1, abs=0.004)


def test_noise_goes_and_the_lens_is_straightened(room, filmed: Reconstruction) -> None:
    sensor = sensors_of(filmed)[3]
    view = sensor_map(sensor, far=FAR, settings=settings())
    exact = room.render(view.viewpoint.camera, view.viewpoint.world_from_camera)
    known = view.depth > 0
    error = np.abs(view.depth / exact.depth - 1)[known]
    rough = np.abs(sensor.depth / room.render(sensor.camera, sensor.world_from_camera).depth - 1)[sensor.depth > 0]
    assert view.viewpoint.camera.model == "PINHOLE" and sensor.camera.model == "OPENCV"
    assert np.median(error) < 0.5 * np.median(rough)
    assert np.percentile(error, 95) < np.percentile(rough, 95)
    normals = view.unit_normals[known] @ view.viewpoint.world_from_camera[:3, :3].T
    assert np.median((normals * exact.normal[known]).sum(-1)) > np.cos(np.deg2rad(6))
    assert not view.is_free.any() and (view.evidence == Evidence.SENSOR).all()


def test_weight_falls_with_distance_and_confidence_and_is_nothing_where_nothing_is_known(
    filmed: Reconstruction,
) -> None:
    sensor = replace(sensors_of(filmed)[3], error=0.03)
    sure = sensor_map(sensor, far=FAR, settings=settings())
    doubted = sensor_map(replace(sensor, confidence=0.5 * sensor.confidence), far=FAR, settings=settings())
    np.testing.assert_allclose(doubted.weight, 0.5 * sure.weight, rtol=1e-5)
    farther = sensor_map(replace(sensor, depth=1.5 * sensor.depth), far=2 * FAR, settings=settings())
    both = (sure.depth > 0) & (farther.depth > 0)
    assert np.median(farther.weight[both] / sure.weight[both]) == pytest.approx(1.5**-2, rel=0.02)
    assert sure.weight.max() <= 1 and not sure.weight[sure.depth == 0].any()


def test_what_the_sensor_looks_through_or_hides_is_no_match(room, filmed: Reconstruction) -> None:
    matched = [matched_map(m, far=FAR, max_jump=0.05, max_side=120) for m in mistaken_matches(room, filmed)]
    sensors = sensors_of(filmed)
    sensed = [sensor_map(sensor, far=FAR, settings=settings()) for sensor in sensors]
    kept = drop_outvoted(matched, sensed, n_neighbours=8, tolerance=0.03, of_planes=0.03)
    wrong = [np.abs(view.depth / true_depth(room, view) - 1) > 0.1 for view in matched]
    triples = list(zip(matched, kept, wrong, strict=True))
    n_wrong = sum(int((view.depth[bad] > 0).sum()) for view, _, bad in triples)
    n_right = sum(int((view.depth[~bad] > 0).sum()) for view, _, bad in triples)
    assert n_wrong > 3000
    assert sum(int((after.depth[bad] > 0).sum()) for _, after, bad in triples) < 0.02 * n_wrong
    assert sum(int((after.depth[~bad] > 0).sum()) for _, after, bad in triples) > 0.95 * n_right
    behind = [
        replace(view, depth=1.3 * view.depth) for view in kept
    ]  # hidden by what the sensor of the same place sees
    lost = drop_outvoted(behind, sensed, n_neighbours=8, tolerance=0.03, of_planes=0.03)
    measured = sum(int(((b.depth > 0) & (s.depth > 0)).sum()) for b, s in zip(behind, sensed, strict=True))
    left = sum(int(((v.depth > 0) & (s.depth > 0)).sum()) for v, s in zip(lost, sensed, strict=True))
    assert left < 0.05 * measured


def off_by(room, reconstruction: Reconstruction, factor: float, kind: Kind) -> list[MatchedView]:
    """All of the room at `factor` times its depth, known in one way."""
    found = []
    for view in reconstruction.training_views:
        camera = small_pinhole(view.camera, 120)
        seen = room.render(camera, view.world_from_camera)
        kinds = np.where(seen.depth > 0, kind, Kind.UNKNOWN).astype(np.uint8)
        depth, sure = (factor * seen.depth).astype(np.float32), (seen.depth > 0).astype(np.float32)
        found.append(MatchedView(view.name, camera, view.world_from_camera, depth, seen.normal, sure, kinds))
    return found


@pytest.mark.parametrize("factor", [0.975, 1.025])
def test_a_plane_of_blank_pixels_gives_way_to_what_a_sensor_measured(
    room, worlds, filmed: Reconstruction, factor: float
) -> None:
    """A wall that is known by what hangs on it, all over a few centimetres off: too little for what was matched."""
    sensors = sensors_of(filmed)
    sensed = [sensor_map(sensor, far=FAR, settings=settings()) for sensor in sensors]
    left = {}
    for kind in (Kind.MATCHED, Kind.PLANE):
        maps = [matched_map(m, far=FAR, max_jump=0.05, max_side=120) for m in off_by(room, filmed, factor, kind)]
        kept = drop_outvoted(maps, sensed, n_neighbours=8, tolerance=0.03, of_planes=0.01)
        measured = [(view.depth > 0) & (sensor.depth > 0) for view, sensor in zip(maps, sensed, strict=True)]
        left[kind] = np.mean([(view.depth[m] > 0).mean() for view, m in zip(kept, measured, strict=True)])
    assert left[Kind.MATCHED] > 0.9 and left[Kind.PLANE] < 0.25
    surface = surface_of(filmed, off_by(room, filmed, factor, Kind.PLANE), sensors)
    off = np.abs(surface.mesh.vertices[:, None] - np.stack([worlds.ROOM_LOW, worlds.ROOM_HIGH])).min((1, 2))
    assert np.median(off) < 0.02


def test_with_a_sensor_the_surface_is_nearer_to_the_truth(room, worlds, filmed: Reconstruction) -> None:
    matched, sensors = mistaken_matches(room, filmed), sensors_of(filmed)
    without = surface_of(filmed, matched, [])
    with_it = surface_of(filmed, matched, sensors)
    alone = surface_of(filmed, [], sensors)
    assert share_off_the_walls(without, worlds) > 0.05
    assert share_off_the_walls(with_it, worlds) < 0.003
    assert share_off_the_walls(alone, worlds) < 0.003
    areas = alone.mesh.face_areas / alone.mesh.face_areas.sum()
    assert areas[alone.faces.evidence == Evidence.SENSOR].sum() > 0.7
    assert not (without.faces.evidence == Evidence.SENSOR).any()


def test_the_stage_fuses_it_unless_told_not_to_and_knows_its_files(
    tmp_path: Path, filmed: Reconstruction, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = Workspace(tmp_path / "run")
    grey: Callable = lambda positions, directions: np.full(positions.shape, 0.5, np.float32)  # noqa: E731
    inputs = {"reconstruction": filmed, "render_view_fn": blind, "color_fn": grey}
    build_mesh(workspace, **inputs, settings=settings())
    numbers = read_metrics(workspace)["mesh"]
    assert numbers["evidence_fractions"]["sensor"] > 0.6 and numbers["confirmed_fraction"] > 0.6
    assert numbers["verdict_level"] != "bad" and "by a depth sensor" in numbers["verdict"]
    assert (read_face_evidence(workspace.mesh / "faces.npz").evidence == Evidence.SENSOR).any()
    capsys.readouterr()
    build_mesh(workspace, **inputs, settings=settings())
    assert "up to date" in capsys.readouterr().out
    file = filmed.training_views[0].image.parent / "depth" / f"{filmed.training_views[0].name}.png"
    cv2.imwrite(str(file), np.zeros((90, 120), np.uint16))
    build_mesh(workspace, **inputs, settings=settings())
    assert "up to date" not in capsys.readouterr().out
    with pytest.raises(Exception, match="depths that agree between views"):
        build_mesh(workspace, **inputs, settings=settings(sensor_depth=False))
