"""TUM RGB-D trajectories: `timestamp tx ty tz qx qy qz qw` a line, `world_from_camera` with OpenCV axes, quaternion xyzw.

Pictures belong to poses by time: `rgb.txt` lists `timestamp path`, or the file names are the time stamps (seconds, or
nanoseconds as EuRoC has them). Poses between two entries are interpolated. See docs/conventions.md.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from recon.formats.clocks import common_clock
from recon.formats.gathering import Gathering
from recon.formats.given_poses import camera_for_image, one_camera, relative_to, unique_names
from recon.formats.images import list_images
from recon.formats.intrinsics import Intrinsics, read_intrinsics, shared_camera, write_intrinsics
from recon.formats.named_files import inside
from recon.formats.text_tables import Row, finite, read_rows, write_rows
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array, rigid, wxyz_from_rotation
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

_TRAJECTORIES = ("groundtruth.txt", "trajectory.txt", "CameraTrajectory.txt", "KeyFrameTrajectory.txt", "poses.txt")
_LISTS = ("rgb.txt",)
_FOLDERS = ("rgb", "images", "frames", "")
_INTRINSICS = ("calibration.txt", "camera.txt", "intrinsics.txt")
_Timed = tuple[float, Path]  # time stamp, picture


def read(
    path: Path, *, images: str | None, intrinsics: Intrinsics | None, time_tolerance_s: float | None
) -> Reconstruction:
    """Read the trajectory `path`, or the one in the folder `path`; views in order of time, in the file's own frame.

    images: the picture folder, or the list of pictures, relative to the trajectory; None finds it.
    intrinsics: numbers or a file; None finds calibration.txt, camera.txt or intrinsics.txt.
    time_tolerance_s: a picture without a pose this near in time is skipped, with one warning for all.
    Raises `UserError` naming file, line and column for anything that is not what it should be.
    """
    if (
        isinstance(time_tolerance_s, bool)
        or not isinstance(time_tolerance_s, (int, float))
        or not 0 <= time_tolerance_s < 1e9
    ):
        raise UserError(f"dataset.time_tolerance_s={time_tolerance_s}: expected seconds, 0 or more, e.g. 0.02.")
    file = Path(os.path.abspath(_trajectory(path)))
    numbers = read_intrinsics(intrinsics, file.parent, names=_INTRINSICS)
    if numbers is None:
        raise UserError(
            f"{file}: no intrinsics beside it ({', '.join(_INTRINSICS)}). Give them: dataset.intrinsics=[fx,fy,cx,cy]"
        )
    found = _posed(file, _pictures(file, images), time_tolerance_s)
    camera = shared_camera(numbers, [picture for _, picture, _ in found], str(file))
    names = unique_names([picture.relative_to(file.parent).as_posix() for _, picture, _ in found])
    views = zip(names, found, strict=True)
    result = []
    for name, (t, picture, pose) in views:
        fitting, reading = camera_for_image(camera, picture, str(file))
        result.append(View(name, picture, fitting, pose, time_s=t, reading=reading))
    return Reconstruction(tuple(result))


def write(folder: Path, reconstruction: Reconstruction) -> None:
    """Write groundtruth.txt, rgb.txt and calibration.txt; `read(folder)` gives the views back.

    Raises `UserError` where views have no time, several cameras or a fisheye, or pictures outside `folder`.
    """
    write_intrinsics(folder / _INTRINSICS[0], one_camera(reconstruction, folder))
    poses, pictures = [], []
    for view in reconstruction.views:
        if view.time_s is None:
            raise UserError(f"{folder}: a TUM trajectory needs the time of every view; {view.name} has none.")
        w, *xyz = wxyz_from_rotation(view.world_from_camera[:3, :3])
        poses.append((view.time_s, *view.world_from_camera[:3, 3], *xyz, w))
        pictures.append((view.time_s, relative_to(view.image, folder)))
    write_rows(folder / _TRAJECTORIES[0], sorted(poses), comment="timestamp tx ty tz qx qy qz qw")
    write_rows(folder / _LISTS[0], sorted(pictures), comment="timestamp filename")


# ---- poses ---------------------------------------------------------------------------------------------------------


def _trajectory(path: Path) -> Path:
    if is_file(path):
        return path
    found = next((path / name for name in _TRAJECTORIES if is_file(path / name)), None)
    if found is None:
        raise UserError(
            f"{path}: no trajectory there; expected {', '.join(_TRAJECTORIES)}. Name it in dataset.path=..."
        )
    return found


def _posed(file: Path, pictures: Sequence[_Timed], tolerance_s: float) -> list[tuple[float, Path, Array]]:
    """The pictures that have a pose near enough in time, with it; the others, and lost poses, are skipped with one warning."""
    stamps, positions, rotations, lost = _read_trajectory(file)
    of_poses, of_pictures = common_clock(stamps, np.array([t for t, _ in pictures]), file)
    times, pictures = stamps * of_poses, [(t * of_pictures, picture) for t, picture in pictures]
    posed = [(t, picture, _pose_at(t, times, positions, rotations, tolerance_s)) for t, picture in pictures]
    found = [(t, picture, pose) for t, picture, pose in posed if pose is not None]
    if not found:
        raise UserError(
            f"{file}: no picture is within {tolerance_s:g} s of a pose; poses are from {times[0]:.3f} to {times[-1]:.3f} s, "
            f"pictures from {pictures[0][0]:.3f} to {pictures[-1][0]:.3f} s. Bring them to one clock, or raise "
            "dataset.time_tolerance_s."
        )
    told = [lost] if lost else []
    if without := [picture.name for _, picture, pose in posed if pose is None]:
        named = ", ".join(without[:3]) + ", ..." * (len(without) > 3)
        told.append(
            f"{len(without)} of {len(posed)} pictures have no pose within {tolerance_s:g} s and are skipped ({named})"
        )
    if told:
        warn(f"{file}: {'; '.join(told)}.")
    return found


def _read_trajectory(file: Path) -> tuple[Array, Array, "Rotation", str]:
    """Time stamps [n], increasing, with positions [n, 3] and rotations [n], and in words how many were lost, if any.

    Of equal times the first counts.
    """
    from scipy.spatial.transform import Rotation

    all_rows = read_rows(file)
    rows = [row for row in all_rows if not row.is_lost and not _is_zero(row)]
    n_lost = len(all_rows) - len(rows)
    lost = f"{n_lost} of {len(all_rows)} poses were lost (NaN, infinity or zeros)" if n_lost else ""
    if not rows:
        raise UserError(f"{file}: every pose was lost (NaN, infinity or zeros). Export the poses again.")
    table = np.array([row.numbers(count=8) for row in rows])
    lengths = np.linalg.norm(table[:, 4:], axis=1)
    if (np.abs(lengths - 1) > 0.1).any():
        bad = int(np.argmax(np.abs(lengths - 1)))
        raise UserError(
            f"{rows[bad].label}: the quaternion qx qy qz qw has length {lengths[bad]:.3g}, expected 1. Export the poses again."
        )
    table = table[np.unique(table[:, 0], return_index=True)[1]]
    return table[:, 0], table[:, 1:4], Rotation.from_quat(table[:, 4:]), lost


def _is_zero(row: Row) -> bool:
    return len(row.words) == 8 and not any(row.numbers(4))


def _pose_at(t: float, times: Array, positions: Array, rotations: "Rotation", tolerance_s: float) -> Array | None:
    """`world_from_camera` [4, 4] at `t`: between its neighbours where both are near enough in time, else the near one."""
    from scipy.spatial.transform import Slerp

    after = int(np.searchsorted(times, t))
    near = [i for i in (after - 1, after) if 0 <= i < len(times) and abs(times[i] - t) <= tolerance_s]
    if not near:
        return None
    if len(near) == 1:
        return rigid(rotations[near[0]].as_matrix(), positions[near[0]])
    share = (t - times[near[0]]) / (times[near[1]] - times[near[0]])
    rotation = Slerp([0.0, 1.0], rotations[near])(share).as_matrix()
    return rigid(rotation, (1 - share) * positions[near[0]] + share * positions[near[1]])


# ---- pictures ------------------------------------------------------------------------------------------------------


def _pictures(file: Path, images: str | None) -> list[_Timed]:
    """The pictures in order of time."""
    for name in (images,) if images is not None else (*_LISTS, *_FOLDERS):
        place = inside(file, name)
        found = _listed(place) if is_file(place) else _named_by_time(place) if is_folder(place) else []
        if found:
            return sorted(found)
    raise UserError(
        f"{file}: no pictures with time stamps beside it; expected {_LISTS[0]} (timestamp path), or a folder of pictures "
        "that are named by their time. Name it: dataset.images=..."
    )


def _listed(file: Path) -> list[_Timed]:
    """The pictures of a list `timestamp path`; those that do not exist are skipped with one warning."""
    entries, gathered = [], Gathering(file)
    for row in read_rows(file):
        if len(row.words) != 2:
            raise UserError(f"{row.label}: expected a time stamp and a path, found {len(row.words)} words.")
        picture = gathered.picture(row.words[1])
        if picture is not None:
            entries.append((finite(row.words[0], f"{row.label}, column 1"), picture))
    gathered.tell(len(entries))
    return entries


def _named_by_time(folder: Path) -> list[_Timed]:
    """The pictures of a folder whose names are times, in seconds or nanoseconds."""
    named = [p for p in list_images(folder) if re.fullmatch(r"[0-9]{1,30}(\.[0-9]+)?", p.stem)]
    gathered = Gathering(folder)
    found = [(float(p.stem), p) for p in named if gathered.opens(p, p.name)]
    gathered.tell(len(found))
    return found
