"""A mapped model adjusted to densely followed points, which are known four times better than features.

Features are found in each picture for itself, to half a pixel; patches on matched surfaces are followed from picture to picture
to a tenth (`recon.matching.dense_tracks`). What that brings: docs/poses.md.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pycolmap

from recon import kernels
from recon.formats.frame_set import FrameSet
from recon.geometry import Tracks
from recon.matching.dense_tracks import dense_tracks
from recon.poses.sfm.adjustment import Free, adjust_bundle
from recon.poses.sfm.colmap_model import Model, reconstruction_of
from recon.poses.sfm.lens import adjust
from recon.workspace.console import say

_ENOUGH = 60  # observations of an image that needs no feature beside them
_MAX_POOR = 0.5  # share of the images that have fewer, above which the model stays as it is
_OUTLIER = 4.0  # mean errors
# Relative change of the summed losses that ends an adjustment: as exact as it takes to tell outliers from the others; the last one
_ROUGH, _FINE = 1e-4, 1e-5
_LEAST_PX = 0.01  # no patch is followed more exactly
_MAX_ERROR_PX, _MIN_ANGLE_DEG = 4.0, 1.5  # of the features' points afterwards


def adjust_densely(model: Model, frames: FrameSet, *, images: Path, scratch: Path, seed: int) -> None:
    """Better poses and lenses for `model`, in place; its points follow. It stays as it is where surfaces cannot be matched.

    images: the folder of the frames; scratch: a folder for what does not fit into memory.
    """
    if frames.rig is not None:
        return  # views of one panorama see the same from one place
    if not kernels.is_there("native"):
        say("poses: not adjusted to matched surfaces: the native kernels are not built")
        return
    image_ids = _image_ids(model, frames)
    tracks = dense_tracks(reconstruction_of(model, frames, images), scratch=scratch, seed=seed)
    counts = np.bincount(tracks.views, minlength=len(image_ids))
    poor = {image_id for image_id, count in zip(image_ids, counts, strict=True) if count < _ENOUGH}
    if len(poor) > _MAX_POOR * len(image_ids):
        say("poses: too little surface could be matched to adjust the poses to it")
        return
    dense = _dense_model(model, image_ids, tracks, poor)
    before = _mean_error(dense)
    known = {"is_lens_exact": frames.is_lens_exact, "is_focal_fixed": frames.is_focal_known}
    adjust(dense, **known, tolerance=_ROUGH)
    pycolmap.ObservationManager(dense).filter_all_points3D(_OUTLIER * _mean_error(dense), 0.0)
    adjust(dense, **known, loss_px=_median_error(dense), tolerance=_FINE)
    after = _mean_error(dense)
    if not after < before:
        say("poses: adjusting to matched surfaces made nothing better; the poses stay as features have them")
        return
    _take_over(model, dense)
    say(f"poses: adjusted to {dense.num_points3D():,} points followed over surfaces: {before:.2f} -> {after:.2f} px")


def _image_ids(model: Model, frames: FrameSet) -> list[int]:
    """Of the views of `reconstruction_of`, in their order."""
    by_name = {image.name: image.image_id for image in model.images.values() if image.has_pose}
    return [by_name[frame.image] for frame in frames.frames if frame.image in by_name]


def _dense_model(model: Model, image_ids: list[int], tracks: Tracks, poor: set[int]) -> Model:
    """The same cameras and images with the tracks for points, and with the features' points that poor images see."""
    pixels = {image_id: tracks.pixels[tracks.views == place] for place, image_id in enumerate(image_ids)}
    kept = [p for p in model.points3D.values() if any(e.image_id in poor for e in p.track.elements)]
    elements: list[list[tuple[int, int]]] = []  # of each kept point: image and place of the pixel in it
    for point in kept:
        elements.append([])
        for element in point.track.elements:  # an image may see a point twice
            seen = pixels[element.image_id]
            elements[-1].append((element.image_id, len(seen)))
            xy = model.image(element.image_id).points2D[element.point2D_idx].xy
            pixels[element.image_id] = np.concatenate([seen, xy[None]])
    dense = pycolmap.Reconstruction()
    for camera in model.cameras.values():
        dense.add_camera_with_trivial_rig(camera)
    for image_id in image_ids:
        image = model.image(image_id)
        copy = pycolmap.Image(
            name=image.name, camera_id=image.camera_id, image_id=image_id, keypoints=pixels[image_id].reshape(-1, 2)
        )
        dense.add_image_with_trivial_frame(copy, image.cam_from_world())
    _add_tracks(dense, image_ids, tracks)
    for point, ours in zip(kept, elements, strict=True):
        dense.add_point3D(point.xyz, _track(ours), point.color)
    return dense


def _add_tracks(dense: Model, image_ids: list[int], tracks: Tracks) -> None:
    """Each point with its observations; the pixels of an image have the order of its observations."""
    if not len(tracks):
        return
    starts = np.searchsorted(tracks.views, np.arange(len(image_ids)))
    places = np.arange(len(tracks)) - starts[tracks.views]
    order = np.argsort(tracks.indices, kind="stable")
    ends = np.cumsum(tracks.lengths)
    for point, observations in enumerate(np.split(order, ends[:-1])):
        ours = [(image_ids[tracks.views[o]], int(places[o])) for o in observations]
        dense.add_point3D(tracks.points.positions[point], _track(ours), np.zeros(3, np.uint8))


def _track(elements: list[tuple[int, int]]) -> pycolmap.Track:
    track = pycolmap.Track()
    for image_id, place in elements:
        track.add_element(image_id, place)
    return track


def _mean_error(model: Model) -> float:
    model.update_point_3d_errors()
    return float(model.compute_mean_reprojection_error())


def _median_error(model: Model) -> float:
    """Of the points' mean errors, pixels. What strays by more is no noise: patches at edges of depth, or on planes that are wrong.

    There are few of them, but they err together: a loss that bends at a whole pixel lets them turn the cameras.
    """
    model.update_point_3d_errors()
    return max(float(np.median([point.error for point in model.points3D.values()])), _LEAST_PX)


def _take_over(model: Model, dense: Model) -> None:
    """Poses and lenses of `dense`; the points of `model` are fitted to them."""
    poses: Mapping[int, pycolmap.Rigid3d] = {i: dense.image(i).cam_from_world() for i in dense.reg_image_ids()}
    for image_id, camera_from_world in poses.items():
        model.frame(model.image(image_id).frame_id).rig_from_world = camera_from_world
    for camera_id, camera in dense.cameras.items():
        model.camera(camera_id).params = camera.params
    points_only = Free(poses=False, focal=False, distortion=False)
    adjust_bundle(model, points_only, tolerance=1e-5, iterations=10)  # each point for itself: a few steps settle it
    pycolmap.ObservationManager(model).filter_all_points3D(_MAX_ERROR_PX, _MIN_ANGLE_DEG)
    model.update_point_3d_errors()
