"""KITTI odometry: poses.txt (row i: 3x4 `world_from_camera` of frame i, OpenCV axes), calib.txt, pictures or a video in order.

`calib.txt` holds one 3x4 projection per row, `P0:` to `P3:` or without names: `K [I | t]` of the four rectified cameras, with
the centre of the top-left pixel at (0, 0). Poses are those of camera 0; those of `image_2/` are moved to camera 2. In
the layout of the benchmark, `sequences/00` has its poses in `poses/00.txt`. See docs/conventions.md.
"""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import camera_for_image, one_camera, relative_to, rigid_matrix, unique_names
from recon.formats.images import list_images
from recon.formats.intrinsics import Intrinsics, read_intrinsics, shared_camera
from recon.formats.named_files import inside
from recon.formats.text_tables import Row, read_rows, write_rows
from recon.formats.video_stream import VIDEO_SUFFIXES
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_FOLDERS = ("image_0", "image_2", "image_1", "image_3", "images", "")  # camera 0 first: the poses are its own
_Projections = dict[int, tuple[str, Array]]  # camera number -> label for errors, 3x4


def read(
    path: Path, *, pictures: Path, intrinsics: Intrinsics | None, times_s: Sequence[float] | None
) -> Reconstruction:
    """Read poses.txt at `path` (or in that folder) for the pictures in the folder `pictures`, in name order.

    intrinsics: instead of calib.txt; numbers or a file. times_s: of the frames; None reads times.txt where there is one.
    Raises `UserError` where poses and pictures differ in number, and naming file and line of anything damaged.
    """
    file = _poses_file(path)
    rows = read_rows(file)
    found = list_images(pictures)
    if len(found) != len(rows):
        raise UserError(
            f"{file}: {len(rows)} poses, but {len(found)} frames in {pictures}. Row i belongs to frame i: cut one or the "
            "other until the numbers agree."
        )
    folder = _home(path)
    number = int(match[1]) if (match := re.fullmatch(r"image_([0-3])", pictures.name)) else 0
    numbers, camera_0_from_camera = _calibration(folder, number, intrinsics)
    gathered = Gathering(file)
    opened = [gathered.opens(picture, picture.name) for picture in found]
    camera = shared_camera(numbers, [picture for picture, opens in zip(found, opened, strict=True) if opens], str(file))
    known_times = _times(folder, len(rows)) if times_s is None else times_s
    names = unique_names([picture.name for picture in found])
    views = []
    for name, picture, opens, row, t in zip(names, found, opened, rows, known_times, strict=True):
        pose = gathered.pose(picture.name, partial(_pose, row)) if opens else None
        if pose is not None:
            fitting, reading = camera_for_image(camera, picture, row.label)
            views.append(View(name, picture, fitting, pose @ camera_0_from_camera, time_s=t, reading=reading))
    gathered.tell(len(views))
    return Reconstruction(tuple(views))


def find_pictures(path: Path, images: str | None) -> Path:
    """The folder of pictures, or the video, of the data set at `path`; `images` names it, relative to the data set."""
    folder = _home(path)
    if images is not None:
        place = inside(folder / "poses.txt", images)
        if is_folder(place) or (is_file(place) and place.suffix.lower() in VIDEO_SUFFIXES):
            return place
        raise UserError(f"dataset.images={images}: no such folder or video in {folder}.")
    for place in (folder / name for name in _FOLDERS):
        if is_folder(place) and list_images(place):
            return place
    videos = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and is_file(p))
    if len(videos) == 1:
        return videos[0]
    raise UserError(
        f"{folder}: expected pictures in image_0/, image_2/ or beside the poses, or one video; found {len(videos)} videos. "
        "Name it: dataset.images=..."
    )


def write(folder: Path, reconstruction: Reconstruction) -> None:
    """Write poses.txt and calib.txt for pictures in `folder/image_0`, in name order, and times.txt where views have times.

    Raises `UserError` for several cameras, a distorted one, or pictures that are not exactly those of image_0/.
    """
    views = sorted(reconstruction.views, key=lambda view: view.image.name)
    pictures = folder / _FOLDERS[0]
    camera = one_camera(reconstruction, folder)
    if camera.model != "PINHOLE":
        raise UserError(
            f"{folder}: KITTI's pictures have no distortion, this camera is {camera.model}. Undistort first."
        )
    names = [relative_to(view.image, pictures) for view in views]
    if sorted(names) != sorted(picture.name for picture in list_images(pictures)):
        raise UserError(f"{pictures}: its pictures are not those of the {len(views)} views: poses go by order alone.")
    write_rows(folder / "poses.txt", [view.world_from_camera[:3].ravel().tolist() for view in views])
    projection = [camera.fx, 0, camera.cx - 0.5, 0, 0, camera.fy, camera.cy - 0.5, 0, 0, 0, 1, 0]
    write_rows(folder / "calib.txt", [["P0:", *map(float, projection)]])
    if all(view.time_s is not None for view in views):
        write_rows(folder / "times.txt", [[view.time_s or 0.0] for view in views])


# ---- parts ---------------------------------------------------------------------------------------------------------


def _home(path: Path) -> Path:
    """The folder of the data set."""
    return path if is_folder(path) else path.parent


def _poses_file(path: Path) -> Path:
    if is_file(path):
        return path
    candidates = (path / "poses.txt", path.parent.parent / "poses" / f"{path.name}.txt", path / f"{path.name}.txt")
    found = next((file for file in candidates if is_file(file)), None)
    if found is None:
        raise UserError(f"{path}: no poses.txt there. Name the file of poses in dataset.path=...")
    return found


def _pose(row: Row) -> Array:
    if row.is_lost:
        raise LostPoseError(f"{row.label}: the pose holds NaN or infinity.")
    return rigid_matrix(np.array(row.numbers(count=12)).reshape(3, 4), row.label)


def _times(folder: Path, count: int) -> Sequence[float | None]:
    """Seconds of each frame in times.txt; None where there is no such file."""
    file = folder / "times.txt"
    if not is_file(file):
        return [None] * count
    rows = read_rows(file)
    if len(rows) != count:
        raise UserError(f"{file}: {len(rows)} times, but {count} poses. Row i of both belongs to frame i.")
    return [row.numbers(count=1)[0] for row in rows]


def _calibration(folder: Path, number: int, intrinsics: Intrinsics | None) -> tuple[tuple[float, ...], Array]:
    """`fx fy cx cy` of a camera in OpenCV's convention, and `camera_0_from_camera` [4, 4]."""
    if intrinsics is not None:
        numbers = read_intrinsics(intrinsics, folder, names=())
        assert numbers is not None  # they were given
        return numbers, np.eye(4)
    file = folder / "calib.txt"
    projections = _projections(file)
    if number not in projections:
        raise UserError(f"{file}: no row P{number} for image_{number}/. Give dataset.intrinsics=[fx,fy,cx,cy] instead.")
    label, projection = projections[number]
    k = projection[:, :3]
    if k[0, 0] <= 0 or k[1, 1] <= 0 or np.abs([k[0, 1], k[1, 0], *(k[2] - [0, 0, 1])]).max() > 1e-6:
        raise UserError(f"{label}: expected a projection K [I | t] of a rectified camera. Check the file.")
    camera_0_from_camera = np.eye(4)
    camera_0_from_camera[:3, 3] = -np.linalg.solve(k, projection[:, 3])
    return (k[0, 0], k[1, 1], k[0, 2], k[1, 2]), camera_0_from_camera


def _projections(file: Path) -> _Projections:
    """The projections of calib.txt by the number of their camera; rows without a name count from 0."""
    found: _Projections = {}
    for i, row in enumerate(read_rows(file)):
        name = re.fullmatch(r"P(?:_rect_0)?([0-3]):", row.words[0])
        if name is None and row.words[0].endswith(":"):
            continue  # Tr: and others: to the laser scanner
        numbers = row.numbers(first=0 if name is None else 1, count=12)
        found[i if name is None else int(name[1])] = row.label, np.array(numbers).reshape(3, 4)
    return found
