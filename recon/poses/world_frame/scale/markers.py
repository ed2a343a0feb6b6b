"""Scale from printed square markers (ArUco, AprilTag) of a known side that lie in the scene.

Each marker is one square in space (centre, turn, side) fitted to its corners in all pictures that show it; the side in
world units against the side in metres is the scale. Boards count marker by marker: the gaps between are not used.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from recon.formats.photos import read_pixels
from recon.geometry.lines import nearest_to_lines
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.poses.world_frame.scale.marker_corners import refine_corners
from recon.poses.world_frame.scale.marker_dictionaries import AUTO, dictionary
from recon.poses.world_frame.scale.measurement import Measurement
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace.console import progress
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_MIN_VIEWS = 3  # two fit a square that is not there
_MIN_ANGLE_DEG = 3.0  # between rays to the marker
_MAX_MISS_PX = 3.0  # rms at which the square no longer fits: a mistaken code, a bent sheet, a marker that was moved
_OUTLIER_PX = 3.0
_MAX_TRIAL_VIEWS = 40  # to find the dictionary
_LEAST_CORNER_ERROR_PX = 0.05  # sub-pixel refinement reaches no better
# White spreads into black in lens and sensor, at all edges alike and so in all markers: no mean takes it away.
_EDGE_BIAS_PX = 0.1
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


def measure_markers(
    reconstruction: Reconstruction, settings: ScaleSettings, *, position_error: float
) -> Measurement | None:
    """Metres of one world unit from all markers of side `marker_m`; None when that is not set.

    position_error: one sigma of a camera centre in world units.
    Raises `UserError` when no marker is seen well enough in three pictures.
    """
    if settings.marker_m is None:
        return None
    name, sightings = find_markers(reconstruction.views, settings.marker_dictionary)
    fitted = [fit_square(marker, seen, position_error=position_error) for marker, seen in sorted(sightings.items())]
    sides = [side for side in fitted if isinstance(side, MarkerSide)]
    refused = [reason for reason in fitted if isinstance(reason, str)]
    if not sides:
        raise UserError(_nothing_found(settings, name, refused))
    side, relative_error = combine(sides)
    bias = 2 * _EDGE_BIAS_PX / float(np.median([s.side_px for s in sides]))
    ids = [str(s.marker) for s in sides]
    listed = ", ".join(ids[:6]) + (f" and {len(ids) - 6} more" if len(ids) > 6 else "")
    return Measurement(
        "markers",
        settings.marker_m / side,
        float(np.linalg.norm([relative_error, bias, settings.marker_error_m / settings.marker_m])),
        f"{'marker' if len(ids) == 1 else 'markers'} {name} {listed}, side {settings.marker_m:g} m given, "
        f"seen in {sum(s.n_views for s in sides)} pictures",
    )


def find_markers(views: Sequence[View], dictionary_name: str) -> tuple[str, dict[int, list[Sighting]]]:
    """The dictionary used and every marker's sightings; `auto` takes the dictionary that finds the most."""
    existing = [view for view in views if is_file(view.image)]
    if dictionary_name == "auto":
        places = np.unique(np.linspace(0, len(existing) - 1, min(len(existing), _MAX_TRIAL_VIEWS)).astype(int))
        counts = _count_by_dictionary([existing[place] for place in places])
        dictionary_name = max(AUTO, key=lambda name: counts[name])
    detector = _detector(dictionary_name)
    sightings: dict[int, list[Sighting]] = {}
    with progress("looking for markers", len(existing)) as bar:
        for view in existing:
            for marker, corners in _detect(detector, _gray(view)):
                sightings.setdefault(marker, []).append(Sighting(view, corners))
            bar.advance()
    return dictionary_name, sightings


def fit_square(marker: int, sightings: Sequence[Sighting], *, position_error: float) -> MarkerSide | str:
    """The marker's side, or why it cannot be told."""
    if len(sightings) < _MIN_VIEWS:
        return f"{marker}: seen in {len(sightings)} pictures ({_MIN_VIEWS} are needed)"
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


# ---- detection -----------------------------------------------------------------------------------------------------


def _detector(name: str) -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(dictionary(name), cv2.aruco.DetectorParameters())


def _gray(view: View) -> np.ndarray:
    """uint8 [h, w]."""
    return cv2.cvtColor(np.ascontiguousarray(read_pixels(view)[..., :3]), cv2.COLOR_RGB2GRAY)


def _detect(detector: cv2.aruco.ArucoDetector, gray: np.ndarray) -> list[tuple[int, Array]]:
    """(id, corners [4, 2]) in one picture. An id that appears twice is two sheets: neither can be told apart."""
    corners, ids, _ = detector.detectMarkers(gray)
    if ids is None:
        return []
    counts = Counter(int(marker) for marker in ids.ravel())
    n_modules = detector.getDictionary().markerSize + 2
    found = [(int(m), c.reshape(4, 2).astype(np.float64)) for m, c in zip(ids.ravel(), corners, strict=True)]
    # OpenCV counts pixels from the centre of the first.
    return [(m, refine_corners(gray, c, n_modules=n_modules) + 0.5) for m, c in found if counts[m] == 1]


def _count_by_dictionary(views: Sequence[View]) -> Counter[str]:
    """Sightings of markers that at least three pictures show, by dictionary: chance finds one code once."""
    detectors = {name: _detector(name) for name in AUTO}
    by_marker: Counter[tuple[str, int]] = Counter()
    with progress("which markers", len(views)) as bar:
        for view in views:
            gray = _gray(view)
            for name, detector in detectors.items():
                by_marker.update((name, marker) for marker, _ in _detect(detector, gray))
            bar.advance()
    counts: Counter[str] = Counter()
    for (name, _), count in by_marker.items():
        counts[name] += count if count >= _MIN_VIEWS else 0
    return counts


def _nothing_found(settings: ScaleSettings, name: str, refused: Sequence[object]) -> str:
    tried = f"any of {', '.join(AUTO)}" if settings.marker_dictionary == "auto" else name
    why = f" Seen, but of no use: {'; '.join(str(reason) for reason in refused[:4])}." if refused else ""
    return (
        f"scale.marker_m={settings.marker_m:g}: no marker of {tried} is seen well in {_MIN_VIEWS} pictures.{why} Lay the "
        "printed sheet flat in view, film it from several sides at 30 pixels per side or more, set "
        "scale.marker_dictionary, or set scale.marker_m=null."
    )


# ---- geometry ------------------------------------------------------------------------------------------------------


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
