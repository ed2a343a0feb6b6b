"""A square marker in space: its centre, turn and side fitted to its corners in all pictures that show it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from recon.geometry.lines import nearest_to_lines
from recon.geometry.reconstruction import View
from recon.geometry.transforms import Array

MIN_VIEWS = 3  # two fit a square that is not there
_MIN_ANGLE_DEG = 3.0  # between rays to the marker
_MAX_MISS_PX = 3.0  # rms at which the square no longer fits: a mistaken code, a bent sheet, a marker that was moved
_OUTLIER_PX = 3.0
_LEAST_CORNER_ERROR_PX = 0.05  # sub-pixel refinement reaches no better
# Clockwise from the top left as seen, as OpenCV orders corners; sides of 1. [4, 3]
_SQUARE = np.array([[-0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, -0.5, 0], [-0.5, -0.5, 0]])


@dataclass(frozen=True)
class Sighting:
    """One marker in one picture."""

    view: View
    corners: Array  # [4, 2] pixels, half-pixel convention


@dataclass(frozen=True)
class MarkerSide:
    """The side of one marker in world units."""

    marker: int
    side: float
    error: float  # one sigma
    n_views: int
    side_px: float  # median in the pictures


def fit_square(marker: int, sightings: Sequence[Sighting], *, position_error: float) -> MarkerSide | str:
    """The marker's side, or why it cannot be told."""
    from scipy.optimize import least_squares  # slow to load, and few captures have a marker

    if len(sightings) < MIN_VIEWS:
        return f"{marker}: seen in {len(sightings)} pictures ({MIN_VIEWS} are needed)"
    rays = np.stack([_camera_rays(sighting) for sighting in sightings])  # [n, 4, 3]
    poses = np.stack([sighting.view.world_from_camera for sighting in sightings])
    world = np.einsum("nij,nkj->nki", poses[:, :3, :3], rays)
    angles = np.degrees(np.arccos(np.clip(world[:, 0] @ world[:, 0].T, -1, 1)))
    if angles.max() < _MIN_ANGLE_DEG:
        return f"{marker}: seen from one direction only ({angles.max():.1f} degrees apart)"
    corners = nearest_to_lines(poses[:, :3, 3], world.swapaxes(0, 1))
    start = _square_through(corners)
    seen = rays[..., :2] / rays[..., 2:]
    focal = np.array([sighting.view.camera.fx for sighting in sightings])

    def residuals(parameters: Array) -> Array:
        square = _placed(parameters)
        in_camera = np.einsum("nji,nkj->nki", poses[:, :3, :3], square[None] - poses[:, None, :3, 3])
        depth = np.where(in_camera[..., 2:] > 0, in_camera[..., 2:], 1e-9)
        return ((in_camera[..., :2] / depth - seen) * focal[:, None, None]).ravel()

    solved = least_squares(residuals, start, loss="soft_l1", f_scale=0.5, x_scale=_steps(start))
    off = np.sqrt((residuals(solved.x).reshape(len(sightings), -1) ** 2).mean(1))
    kept = off <= _OUTLIER_PX
    if not kept.all():
        kept_ones = [sighting for sighting, keep in zip(sightings, kept, strict=True) if keep]
        if len(kept_ones) <= len(sightings) / 2:
            return f"{marker}: its corners fit no square (off by {np.median(off):.0f} px)"
        return fit_square(marker, kept_ones, position_error=position_error)
    rms = float(np.sqrt((off**2).mean()))
    if rms > _MAX_MISS_PX:
        return f"{marker}: its corners fit no square (off by {rms:.1f} px)"
    side = float(np.exp(solved.x[6]))
    error = side * _relative_error(solved, rms, poses, position_error)
    edges_px = [np.linalg.norm(np.roll(s.corners, -1, axis=0) - s.corners, axis=1).mean() for s in sightings]
    return MarkerSide(marker, side, error, len(sightings), float(np.median(edges_px)))


def combine(sides: Sequence[MarkerSide]) -> tuple[float, float]:
    """Weighted mean of the sides and its relative error, widened where they scatter more than their errors (Birge)."""
    values = np.array([side.side for side in sides])
    errors = np.array([side.error for side in sides])
    if len(values) >= 3:  # a marker that was printed at another size, or moved, would pull the mean
        middle = np.median(values)
        spread = 1.4826 * np.median(np.abs(values - middle))
        kept = np.abs(values - middle) <= 4 * np.hypot(errors, spread)
        values, errors = values[kept], errors[kept]
    weights = 1 / errors**2
    mean = float((weights * values).sum() / weights.sum())
    error = float(1 / np.sqrt(weights.sum()))
    if len(values) > 1:
        scatter = float((weights * (values - mean) ** 2).sum() / (len(values) - 1))
        error *= max(1.0, float(np.sqrt(scatter)))
    return mean, error / mean


def _camera_rays(sighting: Sighting) -> Array:
    """Unit directions [4, 3] in the camera frame."""
    return sighting.view.camera.unproject(torch.from_numpy(sighting.corners)).numpy()


def _square_through(corners: Array) -> Array:
    """Parameters (centre, rotation vector, log side) [7] of the square nearest to four corners [4, 3]."""
    center = corners.mean(0)
    right = corners[1] + corners[2] - corners[0] - corners[3]
    up = corners[0] + corners[1] - corners[2] - corners[3]
    x = right / np.linalg.norm(right)
    up = up - (up @ x) * x
    y = up / np.linalg.norm(up)
    side = np.mean(np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1))
    turn = Rotation.from_matrix(np.stack([x, y, np.cross(x, y)], axis=1)).as_rotvec()
    return np.array([*center, *turn, np.log(side)])


def _placed(parameters: Array) -> Array:
    """Corners [4, 3] of the square."""
    turn = Rotation.from_rotvec(parameters[3:6]).as_matrix()
    return parameters[:3] + np.exp(parameters[6]) * _SQUARE @ turn.T


def _steps(parameters: Array) -> Array:
    """Sizes of the parameters for the solver: the centre moves by sides."""
    return np.array([*[np.exp(parameters[6])] * 3, *[0.1] * 3, 0.1])


def _relative_error(solved: object, rms: float, poses: Array, position_error: float) -> float:
    """One sigma of the side: corners as they scatter, and the cameras' positions against the base they span."""
    jacobian = solved.jac  # type: ignore[attr-defined]
    sigma = max(rms * np.sqrt(jacobian.shape[0] / max(jacobian.shape[0] - 7, 1)), _LEAST_CORNER_ERROR_PX)
    corners = sigma * float(np.sqrt(np.linalg.inv(jacobian.T @ jacobian)[6, 6]))
    centers = poses[:, :3, 3]
    base = float(np.sqrt(((centers - centers.mean(0)) ** 2).sum()))
    return float(np.hypot(corners, position_error / max(base, 1e-12)))
