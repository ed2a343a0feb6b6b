"""Metres: the scale of the world from something measured, always with its source and error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recon.errors import UserError
from recon.geometry.reconstruction import Reconstruction, Scale
from recon.geometry.transforms import Array, Similarity


def apply_known_distance(
    reconstruction: Reconstruction,
    *,
    known_distance_m: float | None,
    known_distance_error_m: float,
    between: Sequence[Any] | None,
    points: Sequence[Sequence[float]] | None,
    position_error: float = 0.0,
) -> Reconstruction:
    """The reconstruction in metres when a distance is known, else unchanged.

    known_distance_m: measured distance; `known_distance_error_m` is its error (one sigma).
    between: the two frames it lies between, as names or places (-1 is the last); None: the first and the last.
    points: two positions [3] of the unscaled world instead of frames.
    position_error: one sigma of each end in world units.
    Raises `UserError` for a frame that has no pose, a distance that is not positive, or coinciding ends.
    """
    if known_distance_m is None:
        if between is not None or points is not None:
            raise UserError(
                "scale.between / scale.points say where, but not how far: set scale.known_distance_m=... (metres) too."
            )
        return reconstruction
    known = _positive(known_distance_m, "scale.known_distance_m")
    error_m = float(known_distance_error_m)
    if not math.isfinite(error_m) or error_m < 0:
        raise UserError(f"scale.known_distance_error_m must be 0 or more metres, found {known_distance_error_m!r}.")
    ends, label = _point_ends(points) if points is not None else _frame_ends(reconstruction, between)
    distance = float(np.linalg.norm(ends[1] - ends[0]))
    if distance <= 1e-9 * max(1.0, float(np.abs(ends).max())):
        raise UserError(f"the distance between {label} is zero, so it gives no scale. Name two different places.")
    relative_error = math.hypot(error_m / known, math.sqrt(2) * position_error / distance)
    metric = reconstruction.transformed(Similarity(known / distance, np.eye(3), np.zeros(3)))
    return replace(metric, scale=Scale(1.0, f"distance between {label}, {known:g} m given", relative_error))


def _positive(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise UserError(f"{name} must be a positive number of metres, found {value!r}.")
    return float(value)


def _point_ends(points: Sequence[Sequence[float]]) -> tuple[Array, str]:
    try:
        ends = np.array(points, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.zeros(0)
    if ends.shape != (2, 3) or not np.isfinite(ends).all():
        raise UserError(f"scale.points must be two positions like [[0,0,0],[1,0,0]], found {points!r}.")
    return ends, "two picked points"


def _frame_ends(reconstruction: Reconstruction, between: Sequence[Any] | None) -> tuple[Array, str]:
    between = (0, -1) if between is None else between
    if isinstance(between, str) or len(between) != 2:
        raise UserError(f"scale.between must name two frames like [00000,00042], found {between!r}.")
    places = [_place(reconstruction, frame) for frame in between]
    names = [reconstruction.views[place].name for place in places]
    return reconstruction.centers[places], f"frames {names[0]} and {names[1]}"


def _place(reconstruction: Reconstruction, frame: Any) -> int:
    """The place of a view given its name, or a number counted in order of capture."""
    names = [view.name for view in reconstruction.views]
    if str(frame) in names:
        return names.index(str(frame))
    if isinstance(frame, int) and not isinstance(frame, bool) and -len(names) <= frame < len(names):
        return frame % len(names)
    raise UserError(
        f"scale.between: no posed frame {frame!r}; expected a name from {names[0]} to {names[-1]} or a number below "
        f"{len(names)}."
    )


def scale_settings(scale: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the `scale` group that `apply_known_distance` takes; `UserError` names unknown ones."""
    keys = ("known_distance_m", "known_distance_error_m", "between", "points")
    unknown = sorted(set(scale) - set(keys))
    if unknown:
        raise UserError(f"scale.{unknown[0]}: no such setting; expected one of {', '.join(keys)}.")
    return {key: scale[key] for key in keys}
