"""What is known of depths before training, as lines in the scene: from a sensor, from matching, from sparse points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recon.formats.matched_views import read_matched_views
from recon.formats.photos import Photo, read_photo
from recon.geometry import Camera, Kind, Reconstruction, View
from recon.pixels import LinesOfSight, Scene, SensorView, sensor_views
from recon.train.depth_lines import DepthLines
from recon.workspace import Workspace

MAX_LINES = 3_000_000  # from depth maps, all pictures together: 120 MB


def known_lines(
    workspace: Workspace,
    reconstruction: Reconstruction,
    scene: Scene,
    *,
    sights: LinesOfSight | None,
    has_sensor: bool,
    seed: int,
) -> DepthLines | None:
    """The lines of the training pictures: dense ones of sensors and matching, else those of sparse points, if any.

    Args:
        workspace: where matching left its views; reconstruction, scene: the posed pictures, and where the field lies.
        sights: lines of sight to sparse points, which also scale the sensor's depths.
        has_sensor: whether a sensor's depths beside the pictures are read.
        seed: of the choice of pixels.
    """
    sensors = sensor_views(reconstruction, sights, stage="train") if has_sensor else []
    dense = [
        *matched_lines(workspace, reconstruction.training_views, scene, sensors=sensors, seed=seed),
        *sensor_lines(sensors, scene, seed=seed),
    ]
    if dense:
        return DepthLines.joined(dense)
    return sparse_lines(sights, scene) if sights else None


def sparse_lines(sights: LinesOfSight, scene: Scene) -> DepthLines:
    """Each observation of a sparse point as a line."""
    starts, ends = (torch.from_numpy(scene.scene_from_world.points(x)).float() for x in (sights.starts, sights.ends))
    along = ends - starts
    distances = along.norm(dim=-1).clamp_min(1e-9)
    n = len(sights)
    return DepthLines(
        origins=starts,
        directions=along / distances[:, None],
        distances=distances,
        errors=torch.zeros(n),
        colors=torch.from_numpy(sights.colors),
        weights=torch.ones(n),
    )


def matched_lines(
    workspace: Workspace, views: Sequence[View], scene: Scene, *, sensors: Sequence[SensorView] = (), seed: int
) -> list[DepthLines]:
    """The lines of those of these pictures that the matching stage knows.

    A blank pixel that took a plane of the scene tells nothing where a sensor measured: a whole wall may lie at what hangs on it.
    """
    sensor_of = {sensor.view.name: sensor for sensor in sensors}
    by_name = {view.name: view for view in views}
    rng = np.random.default_rng(seed)
    found = []
    for matched in read_matched_views(workspace, views):
        photo = read_photo(by_name[matched.name])
        depth = np.where(matched.is_sky, np.inf, matched.depth)
        if matched.name in sensor_of:
            depth[(matched.kind == Kind.PLANE) & sensor_of[matched.name].measured(matched.camera)] = 0
        pixels = _Pixels(matched.camera, depth, matched.confidence, 0.0)
        found.append(_lines(pixels, photo, scene, most=MAX_LINES // len(views), rng=rng))
    return [lines for lines in found if len(lines)]


def sensor_lines(sensors: Sequence[SensorView], scene: Scene, *, seed: int) -> list[DepthLines]:
    """The lines of the sensor's depths."""
    rng = np.random.default_rng(seed)
    found = [
        _lines(
            _Pixels(sensor.camera, sensor.depth, sensor.confidence, sensor.error),
            read_photo(sensor.view),
            scene,
            most=MAX_LINES // len(sensors),
            rng=rng,
        )
        for sensor in sensors
    ]
    return [lines for lines in found if len(lines)]


@dataclass(frozen=True)
class _Pixels:
    """What is known of the depth of one picture's pixels."""

    camera: Camera
    depth: NDArray[np.floating]  # [h, w] world units, 0 where unknown, infinite in the sky
    confidence: NDArray[np.float32]  # [h, w]
    error: float  # one sigma of the depth, as a fraction


def _lines(known: _Pixels, photo: Photo, scene: Scene, *, most: int, rng: np.random.Generator) -> DepthLines:
    """At most `most` random pixels, with the colours of the photo; what it masks teaches nothing."""
    weights = np.where(known.depth > 0, known.confidence, 0).reshape(-1)
    rows = np.flatnonzero(weights)
    rows = np.sort(rng.choice(rows, min(most, len(rows)), replace=False))
    width = known.camera.size_hw[1]
    pixels = torch.from_numpy(np.stack([rows % width, rows // width], -1)).float() + 0.5
    in_camera = known.camera.unproject(pixels)
    colors, is_shown = _look_up(photo, in_camera)
    rows, directions = rows[is_shown], in_camera[is_shown].double().numpy()
    pose = scene.scene_from_world.poses(photo.view.world_from_camera)
    distances = known.depth.reshape(-1)[rows] / directions[:, 2] * scene.scene_from_world.scale
    return DepthLines(
        origins=torch.from_numpy(pose[:3, 3]).float().expand(len(rows), 3),
        directions=torch.from_numpy(directions @ pose[:3, :3].T).float(),
        distances=torch.from_numpy(distances).float(),
        errors=torch.full((len(rows),), known.error),
        colors=torch.from_numpy(colors[is_shown]),
        weights=torch.from_numpy(weights[rows]).float(),
    )


def _look_up(photo: Photo, in_camera: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours [n, 3] of the photo along directions [n, 3] of its camera, and whether it shows them, unmasked."""
    h, w = photo.view.camera.size_hw
    x, y = photo.view.camera.project(in_camera).nan_to_num(nan=-1.0).floor().long().numpy().T
    is_shown = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    x, y = x.clip(0, w - 1), y.clip(0, h - 1)
    if photo.mask is not None:
        is_shown &= photo.mask[y, x]
    return photo.pixels[y, x, :3], is_shown
