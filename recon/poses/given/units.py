"""Is the unit of given poses what it is said to be? Depth that came with the pictures tells; else what a camera can do.

Exports mix millimetres and metres, and a world a thousand times too large looks the same in every picture.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from recon.formats.depth_at_points import ENOUGH, MOST_SPREAD, depth_at_points, middle_and_spread
from recon.geometry import Points, Reconstruction, View
from recon.geometry.transforms import Array
from recon.poses.given.points import GivenPoints
from recon.workspace.console import warn

_FACTORS = (1e-3, 1e-2, 1e2, 1e3)  # millimetres for metres, centimetres for metres, and the reverse
_NEAR = 0.15  # relative: a ratio this near to a factor is one; sensors are off by a few percent
_VIEWS = 20  # depth images that are looked at
_FAST_M_S = 60.0  # a racing car
_APART_M = {"kitti": 100.0}  # between neighbouring pictures in the median: a car that kept few frames
_APART_ELSE_M, _REACH_LEAST_M = 10.0, 0.005  # phones and hand-held cameras; all of a capture on a fingernail
_METRIC = ("kitti", "polycam", "record3d", "seven_scenes", "tum")  # formats that are in metres by definition


class _Size(NamedTuple):
    """How large a capture is, in its own units."""

    reach: float  # largest distance of a camera from their median
    step: float  # between neighbours, median
    speed: float | None  # units per second, median; None without times


def settled_unit(found: GivenPoints | None, given: Reconstruction, format: str, unit_m: float | None) -> float | None:
    """`unit_m`, metres in a unit, or the one that the depth beside the pictures proves it to be; warns where it is odd.

    found: points triangulated with the poses of `given`, where there are any.
    """
    if unit_m is None:
        return None
    measured = None if found is None else _metres_in_a_unit(found.reconstruction)
    if measured is not None:
        factor = next((f for f in _FACTORS if abs(measured / (unit_m * f) - 1) < _NEAR), None)
        if factor is None:
            return unit_m
        warn(
            f"dataset.unit_m={unit_m:g}: the depth beside the pictures says that a unit of the poses is {measured:.3g} m; "
            f"{unit_m * factor:g} is used. Set dataset.unit_m={unit_m * factor:g} to say so, or train.sensor_depth=false and "
            "scale.source where the depth is what is wrong."
        )
        return unit_m * factor
    if format in _METRIC:
        odd = _what_is_odd(_size(given.views), unit_m, _APART_M.get(format, _APART_ELSE_M))
        if odd is not None:
            warn(
                f"dataset.unit_m={unit_m:g}: {odd}. Are the poses in millimetres? Then set dataset.unit_m={1e-3 * unit_m:g}."
            )
    return unit_m


def points_in_units_of_poses(found: GivenPoints) -> GivenPoints:
    """The same, the data set's own points brought to the unit of its poses where ours show that theirs is another; said."""
    own, model = found.reconstruction.points, found.model
    if own is None or model.num_points3D() < ENOUGH or len(own.positions) < ENOUGH:
        return found
    ours = np.stack([model.point3D(point_id).xyz for point_id in sorted(model.point3D_ids())])
    ratio = _extent(ours) / _extent(own.positions)
    away = {factor: abs(np.log(ratio / factor)) for factor in (1.0, *_FACTORS)}
    best = min(away, key=lambda factor: away[factor])
    if best == 1.0 or away[best] > np.log(2) or away[1.0] < np.log(10):
        return found
    warn(
        f"the points of the data set are in another unit than its poses: multiplied by {best:g} they lie where the pictures have "
        "them, and are read so."
    )
    points = Points(best * own.positions, own.colors)
    return replace(found, reconstruction=replace(found.reconstruction, points=points))


def _extent(positions: Array) -> float:
    return max(float(np.median(np.linalg.norm(positions - np.median(positions, axis=0), axis=1))), 1e-12)


def _metres_in_a_unit(reconstruction: Reconstruction) -> float | None:
    """By depth images against the points that their pictures saw; None where there are none, or the two do not belong together.

    Which image is wrong is not said here: the scale and training say it.
    """
    ratios = depth_at_points(reconstruction, at_most=_VIEWS).all
    if len(ratios) < ENOUGH:
        return None
    middle, spread = middle_and_spread(ratios)
    return middle if spread < MOST_SPREAD else None


def _size(views: Sequence[View]) -> _Size:
    ordered = sorted(views, key=lambda view: (view.time_s is None, view.time_s, view.name))
    centers = np.stack([view.world_from_camera[:3, 3] for view in ordered])
    steps = np.linalg.norm(np.diff(centers, axis=0), axis=1)
    times = np.array([np.nan if view.time_s is None else view.time_s for view in ordered])
    spans = np.diff(times)
    timed = spans > 1e-6
    reach = float(np.linalg.norm(centers - np.median(centers, axis=0), axis=1).max())
    speed = float(np.median(steps[timed] / spans[timed])) if timed.any() else None
    return _Size(reach, float(np.median(steps)) if len(steps) else 0.0, speed)


def _what_is_odd(size: _Size, unit_m: float, apart_m: float) -> str | None:
    """What no camera of such formats does, in words."""
    if size.speed is not None and size.speed * unit_m > _FAST_M_S:
        return f"the camera would have moved at {size.speed * unit_m:.0f} m/s in the median"
    if size.step * unit_m > apart_m:
        return f"neighbouring pictures would be {size.step * unit_m:.0f} m apart in the median"
    if 0 < size.reach * unit_m < _REACH_LEAST_M:
        return f"all cameras would stand within {1000 * size.reach * unit_m:.2g} mm"
    return None
