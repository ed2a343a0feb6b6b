"""Scale from one measured distance: between two frames, two points of the world, or two points picked in pictures."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array
from recon.poses.world_frame.scale.measurement import Measurement
from recon.poses.world_frame.scale.picks import find_picked, place_of
from recon.poses.world_frame.scale.settings import ScaleSettings
from recon.workspace.errors import UserError


@dataclass(frozen=True)
class _End:
    """One end of the distance."""

    position: Array  # [3] world
    covariance: Array  # [3, 3]


def measure_known_distance(
    reconstruction: Reconstruction, settings: ScaleSettings, *, position_error: float
) -> Measurement | None:
    """Metres of one world unit from `known_distance_m`; None when it is not set.

    position_error: one sigma of a camera centre in world units; it counts for each end.
    Raises `UserError` for a frame without a pose, a bad pick, or coinciding ends.
    """
    if settings.known_distance_m is None:
        return None
    (a, b), label = _ends(reconstruction, settings, position_error)
    across = b.position - a.position
    distance = float(np.linalg.norm(across))
    if distance <= 1e-9 * max(1.0, float(np.abs([a.position, b.position]).max())):
        raise UserError(f"the distance between {label} is zero, so it gives no scale. Name two different places.")
    direction = across / distance
    variance = float(direction @ (a.covariance + b.covariance) @ direction)
    known = settings.known_distance_m
    relative_error = math.hypot(settings.known_distance_error_m / known, math.sqrt(variance) / distance)
    return Measurement("distance", known / distance, relative_error, f"distance between {label}, {known:g} m given")


def _ends(
    reconstruction: Reconstruction, settings: ScaleSettings, position_error: float
) -> tuple[tuple[_End, _End], str]:
    own = position_error**2 * np.eye(3)
    if settings.pixels is not None:
        a, b = (
            _End(picked.position, picked.covariance + own)
            for picked in find_picked(reconstruction, settings.pixels, pixel_error_px=settings.pixel_error_px)
        )
        return (a, b), "two points picked in the pictures"
    if settings.points is not None:
        positions, label = np.array(settings.points, dtype=np.float64), "two picked points"
    else:
        positions, label = _frame_ends(reconstruction, settings.between)
    return (_End(positions[0], own), _End(positions[1], own)), label


def _frame_ends(reconstruction: Reconstruction, between: Sequence[Any] | None) -> tuple[Array, str]:
    between = (0, -1) if between is None else between
    places = [place_of(reconstruction, frame, setting="scale.between") for frame in between]
    names = [reconstruction.views[place].name for place in places]
    return reconstruction.centers[places], f"frames {names[0]} and {names[1]}"
