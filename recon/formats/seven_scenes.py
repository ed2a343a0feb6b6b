"""7-Scenes: `seq-XX/frame-NNNNNN.color.png` with `.pose.txt` beside it: 4x4 `world_from_camera`, OpenCV axes, metres.

The set comes without calibration: focal length 585 and the centre of 640x480 are the values it is published with.
`TrainSplit.txt` and `TestSplit.txt` name sequences (`sequence1`). See docs/conventions.md.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np

from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import camera_for_image, one_camera, relative_to, rigid_matrix
from recon.formats.image_files import IMAGE_SUFFIXES
from recon.formats.images import natural_key
from recon.formats.intrinsics import Intrinsics, read_intrinsics, shared_camera, write_intrinsics
from recon.formats.text_tables import read_rows, write_rows
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.geometry.transforms import Array
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_PUBLISHED = Camera("PINHOLE", (480, 640), 585.0, 585.0, 320.0, 240.0)
_SPLITS: dict[str, Split] = {"TrainSplit.txt": "train", "TestSplit.txt": "test"}
_INTRINSICS = ("calibration.txt", "camera.txt", "camera-intrinsics.txt", "intrinsics.txt")


def read(path: Path, *, intrinsics: Intrinsics | None) -> Reconstruction:
    """Read every sequence in the folder `path`, or the one sequence that it is; splits where the set has them.

    intrinsics: numbers or a file; None takes a calibration file in `path`, else the published values. Pictures without
    a pose are skipped with one warning. Raises `UserError` naming the file of a pose that is not rigid.
    """
    folder = path if is_folder(path) else path.parent
    pictures = _pictures(folder)
    posed = [picture for picture in pictures if is_file(_pose_file(picture))]
    if not posed:
        raise UserError(
            f"{folder}: no frame-*.color.png with a .pose.txt beside it, there or in seq-*/. Point dataset.path=... at the "
            "folder of a scene, with its archives unpacked."
        )
    if len(posed) < len(pictures):
        warn(f"{folder}: {len(pictures) - len(posed)} of {len(pictures)} pictures have no .pose.txt and are skipped.")
    splits = _splits(folder)
    numbers = read_intrinsics(intrinsics, folder, names=_INTRINSICS)
    gathered = Gathering(folder)
    posed = [picture for picture in posed if gathered.opens(picture, picture.name)]
    camera = None if numbers is None or not posed else shared_camera(numbers, posed, str(folder))
    views = []
    for picture in posed:
        pose = gathered.pose(picture.name, partial(_pose, _pose_file(picture)))
        if pose is None:
            continue
        sequence = picture.parent.relative_to(folder).as_posix()
        name = "_".join((*picture.relative_to(folder).parts[:-1], picture.name.split(".")[0]))
        fitting, reading = camera_for_image(_PUBLISHED if camera is None else camera, picture, str(folder))
        split = splits.get(sequence, "train") if splits else None
        views.append(View(name, picture, fitting, pose, split=split, reading=reading))
    gathered.tell(len(views))
    return Reconstruction(tuple(views))


def write(folder: Path, reconstruction: Reconstruction) -> None:
    """Write the poses beside the pictures (`seq-*/NAME.color.png` in `folder`), the splits and calibration.txt."""
    write_intrinsics(folder / _INTRINSICS[0], one_camera(reconstruction, folder))
    sequences: dict[str, Split | None] = {}
    for view in reconstruction.views:
        sequence = Path(relative_to(view.image, folder)).parent.as_posix()
        if sequences.setdefault(sequence, view.split) != view.split:
            raise UserError(f"{folder}: {sequence} has views of both splits; this format splits whole sequences.")
        write_rows(_pose_file(view.image), view.world_from_camera.tolist())
    for file, split in _SPLITS.items():
        named = [[f"sequence{_number(name)}"] for name, its in sequences.items() if its == split]
        if named:
            write_rows(folder / file, named)


def _pictures(folder: Path) -> list[Path]:
    """The colour pictures of all sequences, in order."""
    found = [p for places in ("*.color.*", "seq-*/*.color.*") for p in folder.glob(places)]
    return sorted((p for p in found if p.suffix.lower() in IMAGE_SUFFIXES), key=lambda p: natural_key(str(p)))


def _pose_file(picture: Path) -> Path:
    return picture.with_name(f"{picture.name.split('.')[0]}.pose.txt")


def _pose(file: Path) -> Array:
    rows = read_rows(file)
    if len(rows) != 4:
        raise UserError(f"{file}: expected 4 rows of 4 numbers, found {len(rows)} rows. Delete it to skip the picture.")
    if any(row.is_lost for row in rows):
        raise LostPoseError(f"{file}: the pose holds NaN or infinity. Delete it to skip the picture.")
    return rigid_matrix(np.array([row.numbers(count=4) for row in rows]), str(file))


def _splits(folder: Path) -> dict[str, Split]:
    """Split of each sequence folder, where the set says so: `sequence3` is seq-03."""
    return {
        f"seq-{_number(row.words[0]):02d}": split
        for file, split in _SPLITS.items()
        if is_file(folder / file)
        for row in read_rows(folder / file)
    }


def _number(sequence: str) -> int:
    match = re.fullmatch(r"(?:sequence|seq-?)0*([0-9]{1,9})", sequence)
    if match is None:
        raise UserError(f"sequence {sequence[:60]!r}: expected a name like sequence1 or seq-01.")
    return int(match[1])
