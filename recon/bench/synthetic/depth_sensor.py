"""What a depth sensor makes of exact depth: the faults of structured light and of stereo with a projector, for test data."""

import cv2
import numpy as np
from numpy.typing import NDArray

NEAREST_M, FARTHEST_M = 0.3, 5.0
STEP_PX = 0.125  # of disparity: what such sensors resolve
BASELINE_M = 0.075
MIN_COSINE = 0.2  # seen flatter than this, no pattern comes back
MAX_JUMP = 0.05  # relative, between neighbouring pixels: at edges one eye sees what the other does not


def sensed_depth(
    depth_m: NDArray[np.floating],  # [h, w] exact, along camera z; 0 or infinite: nothing there
    cosine: NDArray[np.floating],  # [h, w] between surface normal and ray
    *,
    focal_px: float,
    scale_error: float,
    rng: np.random.Generator,
) -> NDArray[np.uint16]:
    """Depth [h, w] in millimetres, 0 where the sensor says nothing.

    Disparity, `focal_px` BASELINE_M / depth, carries half a step of noise and is cut to steps of STEP_PX, so errors grow with
    the square of the depth; all of it is off by the factor 1 + `scale_error`. Missing: edges, grazing angles, what is out of range.
    """
    is_there = np.isfinite(depth_m) & (depth_m > NEAREST_M) & (depth_m < FARTHEST_M)
    depth = np.where(is_there, depth_m, 0).astype(np.float32)
    high = cv2.dilate(depth, np.ones((5, 5), np.uint8))
    low = cv2.erode(np.where(is_there, depth, np.inf).astype(np.float32), np.ones((5, 5), np.uint8))
    seen = is_there & (high - low < 4 * MAX_JUMP * depth) & (np.abs(cosine) > MIN_COSINE)
    disparity = focal_px * BASELINE_M / np.where(is_there, depth, 1) + 0.5 * STEP_PX * rng.normal(size=depth.shape)
    steps = np.maximum(np.round(disparity / STEP_PX), 1)
    metres = focal_px * BASELINE_M / (steps * STEP_PX) * (1 + scale_error)
    return np.where(seen, np.clip(np.round(1000 * metres), 0, 65534), 0).astype(np.uint16)
