"""Which way is up and where the ground is: from the frame of SfM to a world with +z up and the ground at z = 0.

Five witnesses, each with an error; the surest decides, the others are reported:

cameras              people hold cameras upright, so the horizontal axes of the pictures are level: up is the direction
                     most perpendicular to all camera x axes, pictures turned as they were held (`recon.poses.world_frame.up.held`)
dominant plane       a large plane of points within 15 degrees of that is taken to be level (floor, road, tables, ceiling)
vanishing directions straight edges of the pictures that meet in one direction near it are vertical
                     (`recon.poses.world_frame.up.vanishing`)
level surfaces       floors, tops and shelves at several heights that share one normal (`recon.poses.world_frame.up.level`)
GPS                  photos with heights, taken over an area wide against GPS noise (drones); `recon.poses.world_frame.up.gps_up`

See docs/conventions.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.geometry.geodesy import GpsFix
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array, Similarity, rotation_between
from recon.poses.world_frame.up.gps_up import gps_up
from recon.poses.world_frame.up.held import Turns, as_held
from recon.poses.world_frame.up.level import find_level
from recon.poses.world_frame.up.vanishing import find_vertical
from recon.workspace.console import warn

MAX_TILT_DEG = 15.0  # hand-held rolls differ by less, walls and ramps by more
_MIN_PLANE_SHARE = 0.1  # of the points: smaller planes are furniture by chance
# Of the points within three thicknesses, the share within one: 1/3 for a cloud that fills space, near 1 for a plane.
# Shelves and laid tables come to 0.5, and their "plane" is off by degrees.
_MIN_SHARPNESS = 0.65
_THICKNESS = 0.012  # of the scene's radius: noise of sparse points at room scale
_TRIALS = 1500
_CLEAR_STEP = 5.0  # standard deviations
_HOLDING_ERROR_DEG = 1.5  # people roll a camera to one side and do not notice
_SHAKES_TOGETHER = 5.0  # so many neighbouring frames share one wobble of the hand
_PLANE_ERROR_DEG = 1.2  # streets have gradients of two parts in a hundred
_MAX_REACH_DEG = 40.0
_LEVEL_REACH_DEG = 3.0, 5.0  # least and most round the surest of the others in which level surfaces are looked for
_HANDED = 0.3  # share of the cameras' -y axes along up below which they may as well be upside down


@dataclass(frozen=True)
class Up:
    """The up direction in the input frame, and where it comes from."""

    direction: Array  # [3] unit
    source: str  # "cameras", "dominant plane", "vanishing directions", "level surfaces" or "GPS"
    error_deg: float  # one sigma
    estimates: Mapping[str, Mapping[str, Any]]  # by source: error_deg, and the angle to `direction` from_chosen_deg


def up_from_cameras(world_from_camera: Array) -> Array:
    """Up [3], unit, of camera poses [n, 4, 4]: perpendicular to their x axes, on the side of their mean -y axis.

    Pitch does not bias it, unlike the mean of the -y axes, which alone decides along directions that the x axes leave
    open (all cameras looking the same way). Rolled cameras are weighted down (Cauchy, 3 rounds).
    """
    x_axes, mean_up = world_from_camera[:, :3, 0], -world_from_camera[:, :3, 1].mean(0)
    mean_up = mean_up / max(float(np.linalg.norm(mean_up)), 1e-12)
    weights = np.ones(len(x_axes))
    up = mean_up
    for _ in range(3):
        scatter = (x_axes * weights[:, None]).T @ x_axes / weights.sum()
        # The last estimate, at first the mean of -y, enters as a weak prior: 0.005 lets it decide only where the x axes
        # spread by under 4 degrees.
        vectors = np.linalg.eigh(scatter + 0.005 * (np.eye(3) - np.outer(up, up)))[1]
        up = vectors[:, 0] * (1.0 if vectors[:, 0] @ mean_up >= 0 else -1.0)
        weights = 1.0 / (1.0 + ((x_axes @ up) / 0.1) ** 2)  # 0.1: a roll of 6 degrees counts half
    return up


def find_up(
    reconstruction: Reconstruction,
    *,
    seed: int,
    gps: Mapping[str, GpsFix] | None = None,
    turns: Mapping[str, Turns] | None = None,
) -> Up:
    """Up by the surest of the cameras, the dominant level plane, the vertical edges of the pictures, level surfaces, and GPS.

    gps: fixes by name of view, where the photos carry them. turns: how views whose pictures are not read upright, or carry an
    EXIF orientation, are turned. Warns where two witnesses differ by more than three sigma, or pictures are not upright.
    """
    poses, doubt = as_held(reconstruction, turns or {})
    if doubt is not None:
        warn(f"up axis: {doubt}")
    found: dict[str, tuple[Array, float]] = {}
    camera_up = up_from_cameras(poses)
    found["cameras"] = (camera_up, cameras_error_deg(poses, camera_up))
    from_gps = gps_up(reconstruction.views, gps or {}, seed=seed)
    if from_gps is not None:
        found["GPS"] = from_gps
    notes: dict[str, dict[str, Any]] = {}
    _, prior, prior_error_deg = _surest(found)
    # Cameras that all look one way, and down, are off by their pitch: edges are looked for farther away then.
    reach_deg = float(np.clip(2 * prior_error_deg, MAX_TILT_DEG, _MAX_REACH_DEG))
    vertical = find_vertical(reconstruction.views, prior, max_tilt_deg=reach_deg, seed=seed)
    if vertical is not None:
        found["vanishing directions"] = (vertical.direction, vertical.error_deg)
        notes["vanishing directions"] = {"segments": vertical.n_segments, "sharpness": vertical.sharpness}
    if reconstruction.points is not None and len(reconstruction.points.positions) >= 100:
        points = _near(reconstruction.points.positions)
        normal, share = _level_plane(points, _surest(found)[1], np.random.default_rng(seed))
        if share >= _MIN_PLANE_SHARE:
            found["dominant plane"] = (normal, _PLANE_ERROR_DEG)
            notes["dominant plane"] = {"share_of_points": share}
        _, prior, prior_error_deg = _surest(found)
        reach_deg = float(np.clip(2 * prior_error_deg, *_LEVEL_REACH_DEG))
        level = find_level(points, prior, radius=_radius(points), reach_deg=reach_deg, seed=seed)
        if level is not None:
            found["level surfaces"] = (level.direction, level.error_deg)
            notes["level surfaces"] = {"heights": level.n_heights, "share_of_points": level.share}
    source, direction, error_deg = _surest(found)
    estimates: dict[str, dict[str, Any]] = {}
    for name, (other, other_error_deg) in found.items():
        away = _angle_deg(other, direction)
        estimates[name] = {"error_deg": other_error_deg, "from_chosen_deg": away, **notes.get(name, {})}
        if away > 3 * np.hypot(error_deg, other_error_deg):
            warn(f"up axis: the {source} and the {name} differ by {away:.1f} degrees; the {source} decide")
    return Up(direction, source, error_deg, estimates)


def cameras_error_deg(world_from_camera: Array, up: Array) -> float:
    """One sigma of `up_from_cameras` for poses [n, 4, 4].

    Across the x axes up is as sure as people's hands; about their mean it follows from how the roll changes with the
    heading, so cameras that all look one way leave it open, and cameras that look straight down leave its sign open.
    """
    if float(up @ -world_from_camera[:, :3, 1].mean(0)) < _HANDED:
        return 90.0
    x_axes = world_from_camera[:, :3, 0]
    rolls_deg = np.degrees(np.arcsin(np.clip(x_axes @ up, -1, 1)))
    roll_deg = max(1.4826 * float(np.median(np.abs(rolls_deg - np.median(rolls_deg)))), 0.5)
    spread = float(np.linalg.eigvalsh(x_axes.T @ x_axes / len(x_axes))[1])
    independent = max(len(x_axes) / _SHAKES_TOGETHER, 1.0)
    return min(float(np.hypot(_HOLDING_ERROR_DEG, roll_deg / np.sqrt(independent * max(spread, 1e-9)))), 30.0)


def _surest(found: Mapping[str, tuple[Array, float]]) -> tuple[str, Array, float]:
    name = min(found, key=lambda key: found[key][1])
    return name, *found[name]


def _angle_deg(a: Array, b: Array) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def world_from_capture(reconstruction: Reconstruction, up: Up) -> Similarity:
    """Rotate `up` to +z, put the ground at z = 0 and the content's centre at x = y = 0. No scaling."""
    rotation = rotation_between(up.direction, np.array([0.0, 0.0, 1.0]))
    centers = reconstruction.centers @ rotation.T
    if reconstruction.points is None or len(reconstruction.points.positions) < 100:
        offset = np.array([*np.median(centers[:, :2], axis=0), centers[:, 2].min()])
    else:
        points = _near(reconstruction.points.positions) @ rotation.T
        offset = np.array([*np.median(points[:, :2], axis=0), ground_height(points, centers)])
    return Similarity(1.0, rotation, -offset)


def ground_height(points: Array, centers: Array) -> float:
    """Height of the ground among `points` [n, 3], z up: where they clearly set in, else what 2 % of them lie below."""
    ground = clear_ground(points, centers)
    return float(np.quantile(points[:, 2], 0.02)) if ground is None else ground


def clear_ground(points: Array, centers: Array) -> float | None:
    """Height at which `points` [n, 3] (z up) set in, from below; None where no height is clear.

    Floors are often bare and hold few points, and stray ones lie below them; so the ground is the clearest step up in
    the number of points among the heights under the cameras with at most 12 % of the points below.
    """
    z = np.sort(points[:, 2])
    window = 2 * _THICKNESS * _radius(points)
    rank = np.arange(len(z))
    above = np.searchsorted(z, z + window, side="right") - rank
    below = rank - np.searchsorted(z, z - window)
    step = (above - below) / np.sqrt(above + below + 1.0)  # in standard deviations of a count
    step[(rank > 0.12 * len(z)) | (z > np.median(centers[:, 2]))] = -np.inf
    best = int(np.argmax(step))
    if step[best] < _CLEAR_STEP:
        return None
    return float(np.median(z[best : best + above[best]]))


def _level_plane(points: Array, up: Array, rng: np.random.Generator) -> tuple[Array, float]:
    """Normal and share of points of the largest near-level plane (RANSAC, then least squares); share 0 if it is none."""
    thickness = _THICKNESS * _radius(points)
    sample = points[rng.choice(len(points), min(len(points), 3000), replace=False)]
    a, b, c = (sample[rng.integers(len(sample), size=_TRIALS * 8)] for _ in range(3))
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    normals = normals / np.maximum(lengths, 1e-12)[:, None]
    normals *= np.where(normals @ up >= 0, 1.0, -1.0)[:, None]
    level = (normals @ up > np.cos(np.radians(MAX_TILT_DEG))) & (lengths > 1e-12)
    normals, anchors = normals[level][:_TRIALS], a[level][:_TRIALS]
    if len(normals) == 0:
        return up, 0.0
    heights = normals @ sample.T - (normals * anchors).sum(1, keepdims=True)
    best = int(np.argmax((np.abs(heights) < thickness).sum(1)))
    normal, anchor = normals[best], anchors[best]
    for _ in range(5):
        height = np.abs((points - anchor) @ normal)
        inliers = points[height < thickness]
        if len(inliers) < 10:
            return up, 0.0
        anchor = inliers.mean(0)
        normal = np.linalg.svd(inliers - anchor, full_matrices=False)[2][2]
        normal = normal * (1.0 if normal @ up >= 0 else -1.0)
    is_sharp = len(inliers) >= _MIN_SHARPNESS * np.count_nonzero(height < 3 * thickness)
    if not is_sharp or normal @ up < np.cos(np.radians(MAX_TILT_DEG)):
        return up, 0.0
    return normal, len(inliers) / len(points)


def _near(points: Array) -> Array:
    """Points without the far outliers that SfM triangulates from tiny angles."""
    distance = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    return points[distance <= 5 * np.median(distance)]


def _radius(points: Array) -> float:
    """Median distance of the points from their median."""
    return float(np.median(np.linalg.norm(points - np.median(points, axis=0), axis=1)))
