"""Frames taken by several cameras at once, which stay where they are against each other: views cut from panoramas.

COLMAP poses such a rig as one: each moment ("rig frame") has one pose, and the cameras' places in the rig are given.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pycolmap

from recon.formats.frame_set import FrameSet
from recon.geometry.transforms import Array, invert_rigid
from recon.poses.sfm.retrieval import global_descriptors, similar_pairs

# Views of neighbouring moments are matched where their axes are this close in the rig: what leaves one view appears in
# the next one around. Beyond the nearest moments the same view suffices, as each is one chain of the same rig.
_AROUND_DEG = 75.0
_AROUND_UP_TO = 2  # moments


def write_rig(database: Path, frames: FrameSet) -> None:
    """Tell the database which images are one moment of the rig; it has one camera per sensor (`FrameSet.camera_groups`)."""
    assert frames.rig is not None
    first, *others = frames.rig
    with pycolmap.Database.open(database) as opened:
        images = {image.name: image for image in opened.read_all_images()}
        cameras = {frame.sensor: images[frame.image].camera_id for frame in frames.frames}
        opened.clear_frames()
        opened.clear_rigs()
        rig = pycolmap.Rig()
        rig.add_ref_sensor(_sensor(cameras[first]))
        for name in others:
            sensor_from_first = invert_rigid(frames.rig[name]) @ frames.rig[first]
            rig.add_sensor(_sensor(cameras[name]), pycolmap.Rigid3d(sensor_from_first[:3]))
        rig.rig_id = opened.write_rig(rig)
        for members in frames.moments():
            moment = pycolmap.Frame()
            moment.rig_id = rig.rig_id
            for i in members:
                image = images[frames.frames[i].image]
                moment.add_data_id(pycolmap.data_t(_sensor(image.camera_id), image.image_id))
            opened.write_frame(moment)


def _sensor(camera_id: int) -> pycolmap.sensor_t:
    return pycolmap.sensor_t(pycolmap.SensorType.CAMERA, camera_id)


def rig_pairs(
    database: Path,
    frames: FrameSet,
    *,
    kind: str,
    overlap: int,
    neighbours: int,
    seed: int,
) -> list[tuple[int, int]]:
    """Pairs of views to match, as places in the order of capture of `frames`, whose features the `database` holds.

    kind: "sequential" takes each moment with the `overlap` next ones, and the `neighbours` most similar views further
    away; "exhaustive" all moments with each other; "retrieval" only the similar views. seed: of the search for similar views.
    """
    moments = frames.moments()
    n = len(moments)
    pairs: set[tuple[int, int]] = set()
    if kind != "retrieval":
        reach = n if kind == "exhaustive" else overlap
        for a, b in combinations(range(n), 2):
            if b - a <= reach:
                is_near = kind == "exhaustive" or b - a <= _AROUND_UP_TO
                pairs |= _views_to_match(frames, moments[a], moments[b], within_deg=_AROUND_DEG if is_near else 1.0)
    if kind != "exhaustive":
        moment_of = {i: moment for moment, members in enumerate(moments) for i in members}
        gap = overlap + 1 if kind == "sequential" else 1
        min_gap = (gap - 1) * max(map(len, moments)) + 1  # in views: leaves no view of a moment far enough out
        descriptors = global_descriptors(database, frames.images, seed=seed)
        pairs |= {
            (i, j)
            for i, j in similar_pairs(descriptors, neighbours=neighbours, min_gap=min_gap)
            if abs(moment_of[i] - moment_of[j]) >= gap
        }
    return sorted(pairs)


def _views_to_match(
    frames: FrameSet, first: Sequence[int], second: Sequence[int], *, within_deg: float
) -> set[tuple[int, int]]:
    assert frames.rig is not None
    axes = {i: _axis(frames.rig[frames.frames[i].sensor]) for i in (*first, *second)}
    least = np.cos(np.radians(within_deg))
    return {(min(i, j), max(i, j)) for i in first for j in second if axes[i] @ axes[j] >= least}


def _axis(rig_from_camera: Array) -> Array:
    return rig_from_camera[:3, 2]
