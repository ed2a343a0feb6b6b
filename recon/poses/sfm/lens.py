"""The lens of a mapped model: adjusted with the whole model, and no richer than the pictures support."""

import copy
from pathlib import Path

import numpy as np
import pycolmap

from recon.poses.sfm.adjustment import Free, adjust_bundle
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.families import FAMILIES, family_of

# Measured: a phone with real distortion gains 5 %, an exact pinhole 0.1 % (and its camera positions get worse by it).
_CLEARLY_LOWER = 0.99
_EXACT = 1e-6  # relative change of the summed losses that ends an adjustment


def refine_lens(model: Model, *, camera_model: str, is_exact: bool, is_focal_fixed: bool) -> tuple[Model, str]:
    """The model adjusted as a whole, with a richer lens where the pictures support it, and the name of the lens.

    `camera_model` "auto" tries OpenCV's four coefficients and two focal lengths (of the family that was mapped with) for
    cameras that enough pictures and points share, and keeps them only when they lower the reprojection error clearly:
    unneeded freedom bends the model.
    A COLMAP model name fixes the lens. An exact lens is a pinhole and stays as it is; a fixed focal length is kept.
    """
    if is_exact:
        for camera in model.cameras.values():
            _change_lens(camera, "SIMPLE_PINHOLE")
        adjust(model, is_lens_exact=True)
        return model, "SIMPLE_PINHOLE"
    if camera_model != "auto":
        for camera in model.cameras.values():
            _change_lens(camera, camera_model)
        adjust(model, is_focal_fixed=is_focal_fixed)
        return model, camera_model
    adjust(model, is_focal_fixed=is_focal_fixed)
    family = FAMILIES[family_of(next(iter(model.cameras.values())).model_name)]
    observations: dict[int, list[int]] = {}
    for image in (model.image(image_id) for image_id in model.reg_image_ids()):
        observations.setdefault(image.camera_id, []).append(image.num_points3D)
    supported = [
        camera_id
        for camera_id, counts in observations.items()
        if len(counts) >= family.min_images and sum(counts) >= family.min_observations
    ]
    if not supported:
        return model, family.mapping
    richer = copy.deepcopy(model)
    for camera_id in supported:
        _change_lens(richer.camera(camera_id), family.richest)
    adjust(richer, is_focal_fixed=is_focal_fixed)
    if richer.compute_mean_reprojection_error() > _CLEARLY_LOWER * model.compute_mean_reprojection_error():
        return model, family.mapping
    return richer, family.richest


def adjust(
    model: Model,
    *,
    is_lens_exact: bool = False,
    is_focal_fixed: bool = False,
    loss_px: float = 1.0,
    tolerance: float = _EXACT,
) -> None:
    """Bundle adjustment of poses, points and lenses; the principal points stay at the centre, rigs as they are given.

    `is_lens_exact` keeps the lens as it is, `is_focal_fixed` the focal length only. `loss_px`, `tolerance`: see `adjust_bundle`.
    """
    free = Free(focal=not (is_lens_exact or is_focal_fixed), distortion=not is_lens_exact)
    adjust_bundle(model, free, loss_px=loss_px, tolerance=tolerance)
    # A fisheye sees beyond 90 degrees, where COLMAP has no error to report: one such observation makes the mean 1e150.
    pycolmap.ObservationManager(model).filter_observations_with_negative_depth()
    model.update_point_3d_errors()


def with_lenses_of(database: Path, model: Model) -> Model:
    """A copy of a model whose cameras have the lens models that the database maps with: a mapper goes on from no others."""
    with pycolmap.Database.open(database) as opened:
        lenses = {camera.camera_id: camera.model_name for camera in opened.read_all_cameras()}
    changed = copy.deepcopy(model)
    for camera_id, camera in changed.cameras.items():
        _change_lens(camera, lenses[camera_id])
    return changed


def _change_lens(camera: pycolmap.Camera, target: str) -> None:
    """Re-express a camera in another model of its family: a richer one's new parameters are zero, a poorer one loses them."""
    if camera.model_name == target:
        return
    f = float(np.mean([camera.params[i] for i in camera.focal_length_idxs()]))
    cx, cy = (camera.params[i] for i in camera.principal_point_idxs())
    k = next((camera.params[i] for i in camera.extra_params_idxs()), 0.0)
    params = {
        "SIMPLE_PINHOLE": [f, cx, cy],
        "PINHOLE": [f, f, cx, cy],
        "SIMPLE_RADIAL": [f, cx, cy, k],
        "RADIAL": [f, cx, cy, k, 0.0],
        "OPENCV": [f, f, cx, cy, k, 0.0, 0.0, 0.0],
        "SIMPLE_RADIAL_FISHEYE": [f, cx, cy, k],
        "RADIAL_FISHEYE": [f, cx, cy, k, 0.0],
        "OPENCV_FISHEYE": [f, f, cx, cy, k, 0.0, 0.0, 0.0],
    }[target]
    camera.model = getattr(pycolmap.CameraModelId, target)
    camera.params = params
