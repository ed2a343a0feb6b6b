"""Camera paths for novel views: `interpolate`, `orbit`, `spiral` (files: `recon.render.path_file`).

A path is a list of (camera, world_from_camera). The made-up paths keep to where the capture has seen: `interpolate`
lies inside the convex hull of the capture's cameras, `orbit` swings only over the directions filmed, `spiral` keeps
within the spread of the cameras.
"""

import math

import numpy as np

from recon.geometry import (
    Camera,
    Reconstruction,
    look_at,
    rigid,
    rotation_from_wxyz,
    wxyz_from_rotation,
)
from recon.geometry.lines import across_lines, nearest_to_lines
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError

Path3D = list[tuple[Camera, Array]]

FULL_CIRCLE_GAP = math.radians(100)  # an orbit goes all round when no wider gap between filmed directions remains


def path_camera(reconstruction: Reconstruction, max_size: int) -> Camera:
    """The first view's camera without distortion, its longer side at most `max_size`, both sides even (video wants it)."""
    return fitted(reconstruction.views[0].camera.pinhole(), max_size)


def fitted(camera: Camera, max_size: int) -> Camera:
    """The camera for a picture whose longer side is at most `max_size`, never enlarged, both sides even."""
    h, w = camera.size_hw
    factor = min(1.0, max_size / max(h, w))
    return camera.resized((max(2, round(h * factor / 2) * 2), max(2, round(w * factor / 2) * 2)))


def interpolate(reconstruction: Reconstruction, camera: Camera, n: int, *, smoothing: float) -> Path3D:
    """n views along the capture's own cameras, in the order of capture, hand shake smoothed, at constant speed.

    The polyline of camera centres and the great arcs between their rotations are smoothed by a Gaussian of `smoothing`
    cameras (sigma), then resampled evenly in arc length; where the camera turns more than three times as fast as on
    average it slows down.
    """
    views = sorted(reconstruction.views, key=lambda view: view.name)
    centers = np.stack([view.world_from_camera[:3, 3] for view in views])
    wxyz = np.stack([wxyz_from_rotation(view.world_from_camera[:3, :3]) for view in views])
    centers, wxyz = _smoothed(centers, _same_sign(wxyz), smoothing)
    position = _even_positions(centers, wxyz, n)
    return [(camera, rigid(rotation_from_wxyz(_at(wxyz, x)), _at(centers, x))) for x in position]


def orbit(reconstruction: Reconstruction, camera: Camera, n: int) -> Path3D:
    """n views on a circle about the point that the cameras look at, at their median radius and height.

    A capture that went (nearly) all round gives a full turn, else the camera swings to and fro over the filmed arc. A
    capture that looks outward from its middle gives a circle that looks outward.
    """
    frame = _upright_frame(reconstruction)  # world_from_upright rotation: its z is up
    centers, forward = reconstruction.centers @ frame, _forwards(reconstruction) @ frame
    focus, sign = _focus(reconstruction, centers, forward, frame)
    offset = centers - focus
    radius, height = np.median(np.linalg.norm(offset[:, :2], axis=1)), np.median(offset[:, 2])
    path = []
    for azimuth in _swing(np.arctan2(offset[:, 1], offset[:, 0]), n):
        eye = focus + np.array([radius * math.cos(azimuth), radius * math.sin(azimuth), height])
        target = focus if sign > 0 else eye + (eye - focus) * [1, 1, 0] + [0, 0, radius * _median_slope(forward)]
        pose = look_at(eye, target, np.array([0.0, 0, 1]))
        path.append((camera, rigid(frame @ pose[:3, :3], frame @ pose[:3, 3])))
    return path


def spiral(reconstruction: Reconstruction, camera: Camera, n: int, *, turns: int = 2) -> Path3D:
    """n views on a spiral about the mean camera of a forward-facing capture, closed (LLFF, Mildenhall et al. 2019)."""
    forward = _forwards(reconstruction)
    mean_forward = forward.mean(0)
    if np.linalg.norm(mean_forward) < 0.5:
        raise UserError(
            "path=spiral is for captures whose cameras face one way; these look all round. "
            "Use path=orbit or path=interpolate."
        )
    centers = reconstruction.centers
    middle = centers.mean(0)
    up = -np.stack([view.world_from_camera[:3, 1] for view in reconstruction.views]).mean(0)
    mean_pose = look_at(middle, middle + mean_forward, up)
    spread = np.percentile(np.abs((centers - middle) @ mean_pose[:3, :3]), 60, axis=0)  # inside the filmed region
    distance = _median_depth(reconstruction) or 10 * float(np.linalg.norm(spread)) or 1.0
    target = middle + mean_pose[:3, 2] * distance
    path = []
    for angle in np.linspace(0, 2 * math.pi * turns, n, endpoint=False):
        offset = spread * [math.cos(angle), -math.sin(angle), -math.sin(angle / turns)]
        eye = middle + mean_pose[:3, :3] @ offset
        path.append((camera, look_at(eye, target, up)))
    return path


# ---- interpolate ---------------------------------------------------------------------------------------------------

DENSE = 16  # samples between two cameras before smoothing


def _smoothed(centers: Array, wxyz: Array, sigma: float) -> tuple[Array, Array]:
    """Dense, smoothed centres and unit quaternions along the capture."""
    from scipy.ndimage import gaussian_filter1d

    if len(centers) == 1:
        return centers, wxyz
    dense = np.linspace(0, len(centers) - 1, (len(centers) - 1) * DENSE + 1)
    # Chords instead of great arcs: between neighbours the difference is below what the Gaussian then moves.
    both = np.stack([_at(np.concatenate([centers, wxyz], 1), x) for x in dense])
    if sigma > 0:
        both = gaussian_filter1d(both, sigma * DENSE, axis=0, mode="nearest")
    norm = np.linalg.norm(both[:, 3:], axis=1, keepdims=True)
    return both[:, :3], both[:, 3:] / np.maximum(norm, 1e-9)


def _even_positions(centers: Array, wxyz: Array, n: int) -> Array:
    """n fractional indices into a dense path, evenly apart in arc length, or in angle where it turns quickly."""
    if len(centers) == 1:
        return np.zeros(n)
    lengths = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    angles = 2 * np.arccos(np.clip(np.abs((wxyz[1:] * wxyz[:-1]).sum(1)), 0, 1))
    cost = np.maximum(lengths / max(lengths.sum(), 1e-12), angles / max(3 * angles.sum(), 1e-12))
    time = np.concatenate([[0], np.cumsum(cost + 1e-9)])
    return np.interp(np.linspace(0, time[-1], n), time, np.arange(len(time)))


def _at(values: Array, x: float) -> Array:
    """Linear interpolation of values [n, c] at fractional index x."""
    i = min(int(x), max(len(values) - 2, 0))
    j = min(i + 1, len(values) - 1)
    return values[i] + (x - i) * (values[j] - values[i])


def _same_sign(wxyz: Array) -> Array:
    """The same rotations, each quaternion in the half space of the one before (q and -q are one rotation)."""
    flips = np.where((wxyz[1:] * wxyz[:-1]).sum(1) < 0, -1.0, 1.0)
    return wxyz * np.concatenate([[1.0], np.cumprod(flips)])[:, None]


# ---- orbit ---------------------------------------------------------------------------------------------------------


def _focus(reconstruction: Reconstruction, centers: Array, forward: Array, frame: Array) -> tuple[Array, int]:
    """The point the optical axes meet, and whether cameras look at it (+1) or away from it (-1). Upright frame."""
    across = across_lines(forward)
    if np.linalg.eigvalsh(across.mean(0))[0] < 0.01:  # axes parallel within about 6 degrees: depth comes from points
        distance = _median_depth(reconstruction)
        if distance is None:
            raise UserError("path=orbit: the cameras look one way and there are no points. Use path=spiral.")
        return centers.mean(0) + forward.mean(0) * distance, 1
    weights = np.ones(len(centers))
    for _ in range(20):  # iteratively reweighted: the point with the least sum of distances to the axes
        focus = nearest_to_lines(centers, forward, weights=weights)
        distances = np.linalg.norm((across @ (focus - centers)[:, :, None])[..., 0], axis=1)
        weights = 1 / np.maximum(distances, 1e-3 * max(float(np.median(distances)), 1e-9))
        weights /= weights.sum()
    in_front = ((focus - centers) * forward).sum(1) > 0
    if 0.3 < in_front.mean() < 0.7:
        raise UserError(
            f"path=orbit needs cameras that look at one place (or outward from one); here {in_front.mean():.0%} look at "
            "the best common point. Use path=interpolate, which follows the capture."
        )
    return focus, 1 if in_front.mean() >= 0.7 else -1


def _swing(azimuths: Array, n: int) -> Array:
    """n directions: a full turn, or to and fro over the arc that is left when the widest unfilmed gap is cut out."""
    ordered = np.sort(azimuths)
    gaps = np.diff(np.concatenate([ordered, [ordered[0] + 2 * math.pi]]))
    widest = int(np.argmax(gaps))
    if gaps[widest] < FULL_CIRCLE_GAP:
        return ordered[0] + np.linspace(0, 2 * math.pi, n, endpoint=False)
    start = ordered[(widest + 1) % len(ordered)]
    arc = 2 * math.pi - gaps[widest]
    return start + arc * (0.5 - 0.5 * np.cos(np.linspace(0, 2 * math.pi, n, endpoint=False)))


def _upright_frame(reconstruction: Reconstruction) -> Array:
    """Rotation [3, 3] whose z is up: the world's own once aligned, else the cameras' mean up."""
    if reconstruction.is_up_aligned:
        return np.eye(3)
    up = -np.stack([view.world_from_camera[:3, 1] for view in reconstruction.views]).mean(0)
    if np.linalg.norm(up) < 1e-6:
        return np.eye(3)
    return look_at(np.zeros(3), up, np.array([0.0, 1, 0]))[:3, :3]


def _forwards(reconstruction: Reconstruction) -> Array:
    """Optical axes [n, 3], unit."""
    return np.stack([view.world_from_camera[:3, 2] for view in reconstruction.views])


def _median_slope(forward: Array) -> float:
    return float(np.median(forward[:, 2] / np.maximum(np.linalg.norm(forward[:, :2], axis=1), 1e-6)))


def _median_depth(reconstruction: Reconstruction) -> float | None:
    """Median depth of the sparse points along the mean optical axis, from the mean camera; None without points."""
    if reconstruction.points is None or len(reconstruction.points.positions) == 0:
        return None
    forward = _forwards(reconstruction).mean(0)
    forward = forward / max(float(np.linalg.norm(forward)), 1e-9)
    depth = (reconstruction.points.positions - reconstruction.centers.mean(0)) @ forward
    return float(np.median(depth[depth > 0])) if (depth > 0).any() else None
