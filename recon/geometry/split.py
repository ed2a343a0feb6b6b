"""Which views are held out of training: by them the field is judged, so what they show must not be trained on in a copy either."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from recon.geometry.reconstruction import View

_FEWEST_TO_HOLD_OUT_THREE = 10
# Copies of a picture, cropped, resized or saved again, get the same pose but for what matching leaves: a thousandth of the reach of
# the cameras and, of a crop, some degrees. Neighbours in a film are a hundredth apart, views cut from one panorama 60 degrees.
_SAME_PLACE, _SAME_DIRECTION_DEG = 1e-3, 5.0
_ACROSS = np.array([0.48, 0.6, 0.64])  # unit; along no axis that captures follow


def held_out(views: Sequence["View"]) -> list[bool]:
    """Which views are held out of training: the data set's own test split, else every eighth in name order, camera by camera.

    Camera by camera, because photos of two phones that take turns would all be judged by one of them. Of 10 to 16 views three,
    the first, the last and one between: two would say little. Views from one place in one direction count as one, and are all
    held out or none: they show the same, be it as copies.
    """
    if any(view.split is not None for view in views):
        return [view.split == "test" for view in views]
    in_order = sorted(views, key=lambda view: view.name)
    first = firsts_from_there(in_order)
    counted = [view for i, view in enumerate(in_order) if first[i] == i]
    turn = {camera: i for i, camera in enumerate(dict.fromkeys(view.camera for view in counted))}
    rank = {view.name: i for i, view in enumerate(sorted(counted, key=lambda view: turn[view.camera]))}
    step = 8 if len(counted) > 2 * 8 or len(counted) < _FEWEST_TO_HOLD_OUT_THREE else (len(counted) - 1) // 2
    stands_for = {view.name: in_order[place].name for view, place in zip(in_order, first, strict=True)}
    return [rank[stands_for[view.name]] % step == 0 for view in views]


def firsts_from_there(views: Sequence["View"]) -> NDArray[np.int64]:
    """For each view the first one that was taken from its place in its direction: itself where there is none before it. [n]"""
    first = np.arange(len(views))
    if len(views) < 2:
        return first
    poses = np.stack([view.world_from_camera for view in views])
    centers, forward = poses[:, :3, 3] - np.median(poses[:, :3, 3], axis=0), poses[:, :3, 2]
    limit = _SAME_PLACE * float(np.median(np.linalg.norm(centers, axis=1)))
    if limit == 0:  # half of all stand on one spot
        return first
    along = centers @ _ACROSS
    order = np.argsort(along, kind="stable")
    begin = np.searchsorted(along[order], along - limit, side="left")
    end = np.searchsorted(along[order], along + limit, side="right")
    for i in np.flatnonzero(end - begin > 1):
        near = order[begin[i] : end[i]]
        near = near[(near < i) & (first[near] == near)]
        same = np.linalg.norm(centers[near] - centers[i], axis=1) <= limit
        same &= forward[near] @ forward[i] >= np.cos(np.radians(_SAME_DIRECTION_DEG))
        if same.any():
            first[i] = near[same].min()
    return first
