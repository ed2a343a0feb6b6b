"""A mapped model made accurate: wrong frames out, short tracks out, then adjusted as a whole against outliers.

Mapping believes points that only two frames saw. Where texture repeats, half of those are false matches that happen to fit, and
they bend the whole model: on a walk through a bookshop the camera error was 34 mm with them and 4 mm without (docs/performance.md).
"""

from pathlib import Path

import pycolmap

from recon.formats.frame_set import FrameSet
from recon.poses.sfm.colmap_model import Model
from recon.poses.sfm.lens import adjust, refine_lens
from recon.poses.sfm.quality import agreement, parts

_LONG = 3  # frames of a point that is believed
_ENOUGH_POINTS = 50  # a frame with fewer believed points keeps its others too
_MAX_ERROR_PX, _MIN_ANGLE_DEG = 4.0, 1.5  # COLMAP's own limits for points
_WRONG_BELOW = 0.35  # agreement of a frame whose pose is wrong; right ones have 0.7 and more
_MIN_POINTS = 15  # a pose with fewer is a guess


def polish(model: Model, database: Path, frames: FrameSet, *, camera_model: str) -> tuple[Model, str]:
    """The adjusted model (`model` itself is changed on the way) and the name of its lens."""
    drop_wrong_frames(model, database)
    keep_long_tracks(model)
    adjust(model, is_lens_exact=frames.is_lens_exact, is_focal_fixed=frames.is_focal_known)
    pycolmap.ObservationManager(model).filter_all_points3D(_MAX_ERROR_PX, _MIN_ANGLE_DEG)
    drop_wrong_frames(model, database)
    keep_largest_part(model)
    return refine_lens(
        model, camera_model=camera_model, is_exact=frames.is_lens_exact, is_focal_fixed=frames.is_focal_known
    )


def drop_wrong_frames(model: Model, database: Path) -> int:
    """Take frames out whose matches contradict their pose, or that hardly see a point; how many were taken out."""
    points: dict[int, int] = dict.fromkeys(model.reg_frame_ids(), 0)
    for image in (model.image(image_id) for image_id in model.reg_image_ids()):
        points[image.frame_id] += image.num_points3D
    wrong = [
        frame_id
        for frame_id, (agree, all_) in agreement(model, database).items()
        if points[frame_id] < _MIN_POINTS or agree < _WRONG_BELOW * all_
    ]
    for frame_id in wrong:
        model.deregister_frame(frame_id)
    return len(wrong)


def keep_largest_part(model: Model) -> None:
    """Take frames out that too few shared points tie to the others: where they stand is a guess."""
    for frame_id, part in zip(list(model.reg_frame_ids()), parts(model).tolist(), strict=True):
        if part > 0:
            model.deregister_frame(frame_id)


def keep_long_tracks(model: Model) -> None:
    """Drop points that fewer than `_LONG` frames saw, except those of frames that have hardly any others."""
    frame_of = {i: model.image(i).frame_id for i in model.reg_image_ids()}
    seen_by = {
        key: {frame_of[e.image_id] for e in point.track.elements if e.image_id in frame_of}
        for key, point in model.points3D.items()
    }
    counts = dict.fromkeys(model.reg_frame_ids(), 0)
    for frames in seen_by.values():
        if len(frames) >= _LONG:
            for frame_id in frames:
                counts[frame_id] += 1
    poor = {frame_id for frame_id, count in counts.items() if count < _ENOUGH_POINTS}
    for key, frames in seen_by.items():
        if len(frames) < _LONG and not frames & poor:
            model.delete_point3D(key)
