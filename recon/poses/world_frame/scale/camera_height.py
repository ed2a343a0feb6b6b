"""Scale from how high the camera was carried above the ground: a car's mount, a tripod, a chest.

The ground slopes and bends, but the camera follows it. So heights are counted from the camera that is nearest on the map;
then the ground of the whole path lies at one depth below, where the points set in from below.
"""

import numpy as np

from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array
from recon.poses.world_frame.scale.measurement import Measurement
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.poses.world_frame.up.align import clear_ground, ground_height
from recon.workspace.errors import UserError

_REACH = 4.0  # heights: how far beside the path the ground is looked at; farther it may slope away
_MIN_POINTS = 40  # in reach
_STRETCHES = 12  # of the path, whose ground is compared for the error
_MIN_GROUND_POINTS = 6  # in a stretch
_THICKNESS = (0.08, 0.05, 0.03)  # of the height: what lies within is the ground, round by round
_TILT_PRIOR = 0.03  # tangent: a road's camber, and what up is off by
_LONE_ERROR = 0.05  # with ground in one place
_LEAST_ERROR = 0.03  # measured: 0.4 % in a shop, 4.6 % from the nominal height of a car's mount


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
    height, relative_error = camera_height(reconstruction)
    known = settings.camera_height_m
    return Measurement(
        "camera_height",
        known / height,
        float(np.hypot(relative_error, settings.camera_height_error_m / known)),
        f"camera height above the ground, {known:g} m given",
    )


def camera_height(reconstruction: Reconstruction) -> tuple[float, float]:
    """Height of the cameras above the ground in world units, and its relative error; the world must be z up.

    Raises `UserError` when no ground is clear.
    """
    points = np.zeros((0, 3)) if reconstruction.points is None else reconstruction.points.positions
    centers = reconstruction.centers
    if len(points) < _MIN_POINTS:
        raise UserError(_no_ground(f"there are only {len(points)} sparse points"))
    height = float(np.median(centers[:, 2]) - ground_height(points, centers))
    nearest = _nearest_on_the_map(points, centers)
    from_camera = points - centers[nearest]
    away = np.linalg.norm(from_camera[:, :2], axis=1)
    for _ in range(4):  # the reach needs the height, the height the reach
        near = away < _REACH * height if height > 0 else np.zeros(len(points), bool)
        if np.count_nonzero(near) < _MIN_POINTS:
            raise UserError(_no_ground("hardly any points lie near them"))
        ground = clear_ground(from_camera[near], np.zeros((1, 3)))
        if ground is None:
            raise UserError(_no_ground("the points near them begin at no clear height"))
        height = -ground
    return _refined(from_camera[near], nearest[near] / len(centers), height)


def _refined(from_camera: Array, places: Array, height: float) -> tuple[float, float]:
    """(height, relative error) from points [n, 3] as seen from the nearest cameras, at `places` [n] of the path, 0..1.

    The ground may fall to one side, and up be off by a degree: its tilt across is fitted too, drawn to zero where points
    on one side only would leave it open.
    """
    depths, across = from_camera[:, 2], from_camera[:, :2]
    tilt, is_ground = np.zeros(2), np.zeros(len(depths), bool)
    for share in _THICKNESS:
        is_ground = np.abs(depths + height - across @ tilt) < share * height
        flat = np.c_[-np.ones(np.count_nonzero(is_ground)), across[is_ground]]
        noise = (share * height) ** 2 / _TILT_PRIOR**2
        solved = np.linalg.solve(flat.T @ flat + np.diag([0, noise, noise]), flat.T @ depths[is_ground])
        height, tilt = float(solved[0]), solved[1:]
    heights = across[is_ground] @ tilt - depths[is_ground]
    stretch = np.minimum((places[is_ground] * _STRETCHES).astype(int), _STRETCHES - 1)
    medians = [
        float(np.median(heights[stretch == k]))
        for k in range(_STRETCHES)
        if np.count_nonzero(stretch == k) >= _MIN_GROUND_POINTS
    ]
    if len(medians) < 2:
        return height, _LONE_ERROR
    return height, float(np.hypot(_LEAST_ERROR, np.std(medians, ddof=1) / height / np.sqrt(len(medians))))


def _nearest_on_the_map(points: Array, centers: Array) -> np.ndarray:
    """Index [n] of the camera with the least horizontal distance."""
    nearest, least = np.zeros(len(points), int), np.full(len(points), np.inf)
    for index, center in enumerate(centers):
        away = np.linalg.norm(points[:, :2] - center[:2], axis=1)
        nearest[away < least] = index
        least = np.minimum(least, away)
    return nearest


def _no_ground(why: str) -> str:
    return (
        f"scale.camera_height_m: no ground is seen below the cameras ({why}). Film with the ground in view, or give "
        "another measure (scale.known_distance_m, scale.marker_m)."
    )
