"""Scale from depth that lies beside the pictures: a sensor's metres against the sparse points that the same pixels show.

A sensor is calibrated to a few per cent, and all its depths are off by the same factor: no number of pictures takes that away.
"""

import numpy as np

from recon.formats.depth_at_points import ENOUGH, MOST_SPREAD, depth_at_points, middle_and_spread
from recon.geometry.reconstruction import Reconstruction
from recon.poses.world_frame.scale.measurement import Measurement
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace.console import warn

_VIEWS = 60  # depth images that are looked at


def measure_depth(reconstruction: Reconstruction, settings: ScaleSettings) -> Measurement | None:
    """Metres of one world unit by the depth images of the training pictures; None where there are none, or they tell nothing.

    Depth that does not open, or that does not fit the points, is said in a warning.
    """
    found = depth_at_points(reconstruction, at_most=_VIEWS)
    if found.problem is not None:
        warn(f"scale: {found.problem}")
    ratios = found.all
    if len(ratios) < ENOUGH:
        return None
    middle, spread = middle_and_spread(ratios)
    if spread > MOST_SPREAD:
        warn(
            f"scale: the depth beside the pictures spreads by {spread:.0%} round one scale against the sparse points "
            f"({MOST_SPREAD:.0%} is the most): it gives no metres. Are picture and depth of one moment, and "
            "the whole picture covered?"
        )
        return None
    n_views = len(found.ratios)
    return Measurement(
        "depth",
        middle * settings.depth_factor,
        float(np.hypot(settings.depth_relative_error, spread / np.sqrt(n_views))),
        f"depth beside {n_views} of the pictures, {len(ratios):,} points",
    )
