"""Depth of a sensor as lines of known depth: brought to the scale of the poses, with the error that it shows there.

A sensor's metres and the poses' units meet in the sparse points: along every line of sight to a point, one number says where it
lies in world units, the other in metres. Their robust ratio is the scale, their spread the sensor's error; both are said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recon.console import say, warn
from recon.errors import UserError
from recon.formats.depth_images import DepthFile, DepthImage, find_depth, read_depth
from recon.geometry import Camera, Reconstruction, View
from recon.geometry.transforms import Array
from recon.pixels import LinesOfSight

MIN_POINTS = 50  # to fit and to judge by
MAX_ERROR = 0.15  # relative spread above which depth and poses do not belong together
ASSUMED_ERROR = 0.02  # where no sparse points tell
LEAST_ERROR = 0.005  # a sensor is believed no better than that
MAX_JUMP = 0.05  # relative, between neighbours: at edges sensors mix what is before and behind
SCALE_DIFFERENCE = 0.1  # between the sensor's metres and the poses' own, above which the user is told


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
    error: float  # one sigma, as a fraction


def sensor_views(reconstruction: Reconstruction, sights: LinesOfSight | None) -> list[SensorView]:
    """The training pictures that have depth, checked against the poses; none where no picture has any, or it does not fit."""
    files = {view.name: file for view in reconstruction.training_views if (file := find_depth(view)) is not None}
    if not files:
        return []
    views = [view for view in reconstruction.training_views if view.name in files]
    images = {view.name: _trusted(read_depth(files[view.name])) for view in views}
    cameras = {view.name: _camera(view, files[view.name], images[view.name]) for view in views}
    metres_per_unit = None if reconstruction.scale is None else reconstruction.scale.metres_per_unit
    ratios = _ratios(views, cameras, images, sights)
    fit = fit_sensor(ratios, metres_per_unit, where=str(files[views[0].name].path.parent))
    if fit is None:
        return []
    basis = f"{len(ratios):,} sparse points" if len(ratios) >= MIN_POINTS else "the scale of the poses"
    say(
        f"train: sensor depth of {len(views)} of {len(reconstruction.training_views)} photos "
        f"({files[views[0].name].path.parent}): 1 m is {fit.units_per_metre:.4g} units by {basis}, error {fit.error:.1%}"
    )
    return [
        SensorView(
            view,
            cameras[view.name],
            (images[view.name].depth_m * fit.units_per_metre).astype(np.float32),
            images[view.name].confidence,
            fit.error,
        )
        for view in views
    ]


def fit_sensor(ratios: Array, metres_per_unit: float | None, *, where: str) -> SensorFit | None:
    """From ratios [n] of units to metres along lines of sight; None, with a warning, where depth and poses do not fit.

    Too few ratios: the poses' own scale counts. Raises `UserError` where there is none either.
    """
    if len(ratios) < MIN_POINTS:
        if metres_per_unit is None:
            raise UserError(
                f"{where}: depth in metres, but the poses have no scale and no sparse points to find it by "
                f"({len(ratios)} of {MIN_POINTS}). Give dataset.unit_m=..., or train without it: train.sensor_depth=false"
            )
        return SensorFit(1 / metres_per_unit, ASSUMED_ERROR)
    middle = float(np.median(ratios))
    error = 1.4826 * float(np.median(np.abs(ratios / middle - 1)))
    if error > MAX_ERROR:
        warn(
            f"{where}: the depth does not fit the poses (it spreads by {error:.0%} round one scale, {MAX_ERROR:.0%} is the most): "
            "it is not used. Are picture and depth of one moment, and the whole picture covered?"
        )
        return None
    if metres_per_unit is not None and abs(middle * metres_per_unit - 1) > SCALE_DIFFERENCE:
        warn(
            f"{where}: a metre of the depth is {middle * metres_per_unit:.3g} m of the poses: the unit of one is wrong. "
            "The shape is used, at the poses' scale."
        )
    return SensorFit(middle, max(error, LEAST_ERROR))


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
            "registered to the picture; or train without it: train.sensor_depth=false"
        )
    return view.camera.resized((h, w))


def _ratios(
    views: Sequence[View],
    cameras: Mapping[str, Camera],
    images: Mapping[str, DepthImage],
    sights: LinesOfSight | None,
) -> Array:
    """World units in a metre along every line of sight that ends in a known depth [n]."""
    found = [np.zeros(0)]
    for view in views if sights else ():
        assert sights is not None
        center = view.world_from_camera[:3, 3]
        own = np.linalg.norm(sights.starts - center, axis=1) <= 1e-6 * (1 + np.linalg.norm(center))
        local = (sights.ends[own] - center) @ view.world_from_camera[:3, :3]
        camera, image = cameras[view.name], images[view.name]
        pixels = camera.project(torch.from_numpy(local).float()).nan_to_num(nan=-1.0).floor().long().numpy()
        h, w = camera.size_hw
        inside = ((pixels >= 0) & (pixels < (w, h))).all(1) & (local[:, 2] > 0)
        depth = image.depth_m[pixels[inside, 1], pixels[inside, 0]]
        found.append(local[inside, 2][depth > 0] / depth[depth > 0])
    return np.concatenate(found)
