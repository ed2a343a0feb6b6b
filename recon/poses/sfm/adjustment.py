"""Bundle adjustment: poses, points and lenses of a model moved until the points project where pictures have them."""

from dataclasses import dataclass

import pycolmap

from recon.poses.sfm.colmap_model import Model


@dataclass(frozen=True)
class Free:
    """What may move beside the points; principal points and the places of cameras in a rig never do."""

    poses: bool = True
    focal: bool = True
    distortion: bool = True


ALL = Free()

# Observations. Several threads add up in the order in which they finish, so that no two runs agree to the last digit, and take half
# as much processor time again (the sample's 19,454 points: 3.8 s on two, 2.5 s on one, the same by the clock of a busy machine).
_ON_ONE_THREAD = 1_000_000


def adjust_bundle(
    model: Model,
    free: Free = ALL,
    *,
    loss: str = "CAUCHY",
    loss_px: float = 1.0,
    tolerance: float = 1e-6,
    iterations: int = 50,
    threads: int | None = None,
) -> None:
    """Adjust the registered images of a model and the points they see, in place.

    free: what moves. loss: COLMAP's name of the robust loss of an observation's error; loss_px: errors above it
    count less and less. tolerance: relative change of the sum of the
    losses that ends it, as `iterations` do. threads: None: all cores; one is taken wherever that is soon enough.
    """
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_rig_from_world, options.refine_sensor_from_rig = free.poses, False
    options.refine_focal_length, options.refine_extra_params = free.focal, free.distortion
    options.ceres.loss_function_type = getattr(pycolmap.LossFunctionType, loss)
    options.ceres.loss_function_scale = loss_px
    options.ceres.solver_options.function_tolerance = tolerance
    options.ceres.solver_options.max_num_iterations = iterations
    options.ceres.solver_options.num_threads = 1 if _is_small(model) else threads or -1
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    if free.poses:
        config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_bundle_adjuster(options, config, model).solve()


def _is_small(model: Model) -> bool:
    return bool(model.compute_num_observations() <= _ON_ONE_THREAD)
