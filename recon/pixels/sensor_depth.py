"""Depth of a sensor, brought to the scale of the poses, with the error that it shows there. Training and meshing both use it.

A sensor's metres and the poses' units meet in the sparse points: along every line of sight to a point, one number says where it
lies in world units, the other in metres. Their robust ratio is the scale, their spread the sensor's error; both are said.
A picture with many points of its own has a scale of its own: poses drift, and sensors warm up.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from recon.formats.depth_at_points import ENOUGH, MOST_SPREAD, middle_and_spread
from recon.formats.depth_files import DepthFile, find_depth
from recon.formats.depth_images import DepthImage, read_depth
from recon.geometry import Camera, Reconstruction, View, pixel_centers
from recon.geometry.transforms import Array
from recon.pixels.free_space import LinesOfSight
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

ASSUMED_ERROR = 0.02  # where no sparse points tell
LEAST_ERROR = 0.005  # a sensor is believed no better than that
MAX_JUMP = 0.05  # relative, between neighbours: at edges sensors mix what is before and behind
SCALE_DIFFERENCE = 0.1  # between the sensor's metres and the poses' own, above which the user is told
WITHOUT = "train.sensor_depth=false mesh.sensor_depth=false"


@dataclass(frozen=True)
class SensorFit:
    """How a sensor's metres fit the poses."""

    units_per_metre: float
    error: float  # one sigma of a depth, as a fraction of it


@dataclass(frozen=True)
class SensorView:
    """The sensor's depth in one picture, trusted pixels only, in world units."""

    view: View
    camera: Camera  # of the depth image: the view's, at its size
    depth: NDArray[np.float32]  # [h, w], 0 where unknown
    confidence: NDArray[np.float32]  # [h, w]
    error: float  # one sigma, as a fraction, in the middle of all depths
    typical_depth: float  # world units: where that error holds

    @property
    def world_from_camera(self) -> Array:
        return self.view.world_from_camera

    def measured(self, pinhole: Camera) -> NDArray[np.bool_]:
        """[h, w] where a camera at the same place looks at what the sensor measured."""
        column, row = seen_at(pinhole, self.camera)
        return (column >= 0) & (self.depth[row, column] > 0)


def sensor_views(reconstruction: Reconstruction, sights: LinesOfSight | None, *, stage: str) -> list[SensorView]:
    """The training pictures that have depth, checked against the poses; none where no picture has any, or it does not fit.

    Args:
        reconstruction: the posed pictures; sights: lines of sight to sparse points, from their cameras.
        stage: who asks, to be named in what is said.
    """
    files = {view.name: file for view in reconstruction.training_views if (file := find_depth(view)) is not None}
    if not files:
        return []
    views = [view for view in reconstruction.training_views if view.name in files]
    images = {view.name: _trusted(read_depth(files[view.name])) for view in views}
    cameras = {view.name: _camera(view, files[view.name], images[view.name]) for view in views}
    metres_per_unit = None if reconstruction.scale is None else reconstruction.scale.metres_per_unit
    of_views = [_ratios(view, cameras[view.name], images[view.name], sights) for view in views]
    ratios = np.concatenate(of_views)
    fit = fit_sensor(ratios, metres_per_unit, where=str(files[views[0].name].path.parent))
    if fit is None:
        return []
    basis = f"{len(ratios):,} sparse points" if len(ratios) >= ENOUGH else "the scale of the poses"
    say(
        f"{stage}: sensor depth of {len(views)} of {len(reconstruction.training_views)} photos "
        f"({files[views[0].name].path.parent}): 1 m is {fit.units_per_metre:.4g} units by {basis}, error {fit.error:.1%}"
    )
    scales = [scale_of_picture(own, fit) for own in of_views]
    depths = [(images[view.name].depth_m * scale).astype(np.float32) for view, scale in zip(views, scales, strict=True)]
    known = [depth[depth > 0][::7] for depth in depths]
    typical = float(np.median(np.concatenate(known))) if any(map(len, known)) else 1.0
    return [
        SensorView(view, cameras[view.name], depth, images[view.name].confidence, fit.error, typical)
        for view, depth in zip(views, depths, strict=True)
    ]


@lru_cache(maxsize=2)
def seen_at(pinhole: Camera, camera: Camera) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and row [h, w] of the depth image's pixel that each pixel of the pinhole falls in; (-1, 0): in none."""
    seen = camera.project(pinhole.unproject(pixel_centers(pinhole.size_hw))).nan_to_num(nan=-9.0).floor()
    column, row = seen.to(torch.int64).unbind(-1)
    h, w = camera.size_hw
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    return torch.where(inside, column, -1).numpy(), torch.where(inside, row, 0).numpy()


def fit_sensor(ratios: Array, metres_per_unit: float | None, *, where: str) -> SensorFit | None:
    """From ratios [n] of units to metres along lines of sight; None, with a warning, where depth and poses do not fit.

    Too few ratios: the poses' own scale counts. Raises `UserError` where there is none either.
    """
    if len(ratios) < ENOUGH:
        if metres_per_unit is None:
            raise UserError(
                f"{where}: depth in metres, but the poses have no scale and no sparse points to find it by "
                f"({len(ratios)} of {ENOUGH}). Give dataset.unit_m=..., or go without it: {WITHOUT}"
            )
        return SensorFit(1 / metres_per_unit, ASSUMED_ERROR)
    middle, error = middle_and_spread(ratios)
    if error > MOST_SPREAD:
        warn(
            f"{where}: the depth does not fit the poses (it spreads by {error:.0%} round one scale, {MOST_SPREAD:.0%} is the "
            "most): it is not used. Are picture and depth of one moment, and the whole picture covered?"
        )
        return None
    if metres_per_unit is not None and abs(middle * metres_per_unit - 1) > SCALE_DIFFERENCE:
        warn(
            f"{where}: a metre of the depth is {middle * metres_per_unit:.3g} m of the poses: the unit of one is wrong. "
            "The shape is used, at the poses' scale."
        )
    return SensorFit(middle, max(error, LEAST_ERROR))


def scale_of_picture(ratios: Array, fit: SensorFit) -> float:
    """World units in a metre of one picture's depth, from its own ratios [n], drawn to the scale of all.

    The common scale counts as much as ENOUGH of the picture's points.
    """
    own = float(np.median(ratios)) if len(ratios) else fit.units_per_metre
    return (len(ratios) * own + ENOUGH * fit.units_per_metre) / (len(ratios) + ENOUGH)


def _trusted(image: DepthImage) -> DepthImage:
    """Without the pixels at jumps of depth."""
    import cv2

    depth = image.depth_m
    kernel = np.ones((3, 3), np.uint8)
    high, low = cv2.dilate(depth, kernel), cv2.erode(np.where(depth > 0, depth, np.inf).astype(np.float32), kernel)
    keep = (depth > 0) & (high - low <= 2 * MAX_JUMP * depth)
    return DepthImage(np.where(keep, depth, 0), np.where(keep, image.confidence, 0))


def _camera(view: View, file: DepthFile, image: DepthImage) -> Camera:
    """The view's camera at the size of its depth image; `UserError` where that has another shape."""
    (h, w), (picture_h, picture_w) = image.depth_m.shape, view.camera.size_hw
    if abs(h / picture_h - w / picture_w) > 0.02 * h / picture_h:
        raise UserError(
            f"{file.path}: depth of {w}x{h} pixels, but the picture has {picture_w}x{picture_h}. Expected the same shape, "
            f"registered to the picture; or go without it: {WITHOUT}"
        )
    return view.camera.resized((h, w))


def _ratios(view: View, camera: Camera, image: DepthImage, sights: LinesOfSight | None) -> Array:
    """World units in a metre along every line of sight of a view that ends in a known depth [n]."""
    if not sights:
        return np.zeros(0)
    center = view.world_from_camera[:3, 3]
    own = np.linalg.norm(sights.starts - center, axis=1) <= 1e-6 * (1 + np.linalg.norm(center))
    local = (sights.ends[own] - center) @ view.world_from_camera[:3, :3]
    pixels = camera.project(torch.from_numpy(local).float()).nan_to_num(nan=-1.0).floor().long().numpy()
    h, w = camera.size_hw
    inside = ((pixels >= 0) & (pixels < (w, h))).all(1) & (local[:, 2] > 0)
    depth = image.depth_m[pixels[inside, 1], pixels[inside, 0]]
    return np.asarray(local[inside, 2][depth > 0] / depth[depth > 0])
