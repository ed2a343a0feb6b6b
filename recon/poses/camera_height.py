"""Scale from how high the camera was carried above the ground: a car's mount, a tripod, a chest.

The ground slopes and bends, so the path is cut into stretches; in each a plane is fitted to the points of the ground
below it, and the cameras' distance from that plane is the height in world units.
"""

import numpy as np

from recon.errors import UserError
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array
from recon.poses.align import MAX_TILT_DEG, ground_height
from recon.poses.measurement import Measurement
from recon.poses.scale import ScaleSettings

_REACH = 6.0  # heights: how far beside and ahead of the path the ground is looked at
_MAX_STRETCHES = 12
_MIN_CAMERAS = 4  # of a stretch
_MIN_POINTS = 20  # on a stretch's plane
_THICKNESS = 0.06  # of the height: what lies within is the ground; kerbs do, tables do not
_SLOPE = 0.3  # of the height, the same before the slope is known
_LEAST_ERROR = 0.01  # a plane is not the ground under the wheels, nor is a walker's height steady


def measure_camera_height(reconstruction: Reconstruction, settings: ScaleSettings) -> Measurement | None:
    """Metres of one world unit from `camera_height_m`; None when it is not set.

    Raises `UserError` when up is unknown or no ground is seen below the cameras.
    """
    if settings.camera_height_m is None:
        return None
    if not reconstruction.is_up_aligned:
        raise UserError(
            "scale.camera_height_m needs to know which way is up, and this data set was kept as it is: set "
            "dataset.align=auto or up."
        )
    height, relative_error, n_stretches = camera_height(reconstruction)
    known = settings.camera_height_m
    return Measurement(
        "camera_height",
        known / height,
        float(np.hypot(relative_error, settings.camera_height_error_m / known)),
        f"camera height above the ground in {n_stretches} {'place' if n_stretches == 1 else 'places'}, "
        f"{known:g} m given",
    )


def camera_height(reconstruction: Reconstruction) -> tuple[float, float, int]:
    """Median height of the cameras above the ground in world units, its relative error, and in how many stretches.

    The world must be z up. Raises `UserError` when no ground is seen.
    """
    points = np.zeros((0, 3)) if reconstruction.points is None else reconstruction.points.positions
    centers = reconstruction.centers
    if len(points) < _MIN_POINTS:
        raise UserError(_no_ground(f"there are only {len(points)} sparse points"))
    rough = float(np.median(centers[:, 2]) - ground_height(points, centers))
    if rough <= 0:
        raise UserError(_no_ground("no points lie below the cameras"))
    n_stretches = int(np.clip(len(centers) // _MIN_CAMERAS, 1, _MAX_STRETCHES))
    found = [_stretch_height(points, stretch, rough) for stretch in np.array_split(centers, n_stretches)]
    heights = np.array([height for height in found if height is not None])
    if len(heights) == 0:
        raise UserError(_no_ground("the few points below them lie on no plane"))
    height = float(np.median(heights))
    scatter = 1.4826 * float(np.median(np.abs(heights - height))) / height if len(heights) > 2 else 0.05
    error = 1.2533 * scatter / np.sqrt(len(heights))  # of a median
    return height, float(np.hypot(error, _LEAST_ERROR)), len(heights)


def _stretch_height(points: Array, centers: Array, rough: float) -> float | None:
    """Median distance of a stretch of cameras [n, 3] from the plane of the ground below; None where none is seen."""
    across = np.full(len(points), np.inf)
    for center in centers:
        across = np.minimum(across, np.linalg.norm(points[:, :2] - center[:2], axis=1))
    near = points[(across < _REACH * rough) & (points[:, 2] < centers[:, 2].min())]
    if len(near) < _MIN_POINTS:
        return None
    level = ground_height(near, centers)
    ground = near[np.abs(near[:, 2] - level) < _SLOPE * rough]
    normal, anchor = np.array([0.0, 0.0, 1.0]), np.array([*centers[:, :2].mean(0), level])
    for thickness in (_SLOPE, 0.5 * _SLOPE, *[_THICKNESS] * 4):
        inliers = ground[np.abs((ground - anchor) @ normal) < thickness * rough]
        if len(inliers) < _MIN_POINTS:
            return None
        anchor = np.median(inliers, axis=0) if thickness > _THICKNESS else inliers.mean(0)
        normal = np.linalg.svd(inliers - anchor, full_matrices=False)[2][2]
        normal = normal * (1.0 if normal[2] >= 0 else -1.0)
        if normal[2] < np.cos(np.radians(MAX_TILT_DEG)):
            return None
    height = float(np.median((centers - anchor) @ normal))
    return height if height > 0 else None


def _no_ground(why: str) -> str:
    return (
        f"scale.camera_height_m: no ground is seen below the cameras ({why}). Film with the ground in view, or give "
        "another measure (scale.known_distance_m, scale.marker_m)."
    )
