"""The lens of a mapped model: adjusted with the whole model, and no richer than the pictures support."""

import copy

import pycolmap

from recon.poses.features import MAPPING_CAMERA

# Fewer pictures or points than these cannot tell a lens with six more parameters from a bent scene.
_MIN_OBSERVATIONS_FOR_OPENCV = 5000
_MIN_IMAGES_FOR_OPENCV = 10
# Measured: a phone with real distortion gains 5 %, an exact pinhole 0.1 % (and its camera positions get worse by it).
_CLEARLY_LOWER = 0.99


def refine_lens(model: pycolmap.Reconstruction, *, camera_model: str) -> tuple[pycolmap.Reconstruction, str]:
    """The model adjusted as a whole, with a richer lens where the pictures support it, and the name of the lens.

    `camera_model` "auto" tries OpenCV's four coefficients and two focal lengths for cameras that enough pictures and
    points share, and keeps them only when they lower the reprojection error clearly: unneeded freedom bends the model.
    A COLMAP model name fixes the lens.
    """
    if camera_model != "auto":
        for camera in model.cameras.values():
            _change_lens(camera, camera_model)
        adjust(model)
        return model, camera_model
    adjust(model)
    observations: dict[int, list[int]] = {}
    for image in (model.image(image_id) for image_id in model.reg_image_ids()):
        observations.setdefault(image.camera_id, []).append(image.num_points3D)
    supported = [
        camera_id
        for camera_id, counts in observations.items()
        if len(counts) >= _MIN_IMAGES_FOR_OPENCV and sum(counts) >= _MIN_OBSERVATIONS_FOR_OPENCV
    ]
    if not supported:
        return model, MAPPING_CAMERA
    richer = copy.deepcopy(model)
    for camera_id in supported:
        _change_lens(richer.camera(camera_id), "OPENCV")
    adjust(richer)
    if richer.compute_mean_reprojection_error() > _CLEARLY_LOWER * model.compute_mean_reprojection_error():
        return model, MAPPING_CAMERA
    return richer, "OPENCV"


def adjust(model: pycolmap.Reconstruction) -> None:
    """Bundle adjustment of poses, points and lenses; the principal points stay at the centre."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.loss_function_type = pycolmap.LossFunctionType.SOFT_L1
    options.ceres.solver_options.function_tolerance = 1e-6
    options.ceres.solver_options.max_num_iterations = 50
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()


def _change_lens(camera: pycolmap.Camera, target: str) -> None:
    """Re-express a SIMPLE_RADIAL camera in a model with more parameters, the new ones zero."""
    f, cx, cy, k = camera.params
    params = {
        "SIMPLE_PINHOLE": [f, cx, cy],
        "PINHOLE": [f, f, cx, cy],
        "SIMPLE_RADIAL": [f, cx, cy, k],
        "RADIAL": [f, cx, cy, k, 0.0],
        "OPENCV": [f, f, cx, cy, k, 0.0, 0.0, 0.0],
    }[target]
    camera.model = getattr(pycolmap.CameraModelId, target)
    camera.params = params
