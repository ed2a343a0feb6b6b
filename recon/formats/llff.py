"""LLFF captures: `poses_bounds.npy` and pictures in `images_8/`, `images_4/`, ... or `images/`.

Row i belongs to the i-th picture in name order and holds a 3x5 matrix and two depths. The columns of the matrix are
the camera's down, right and backward axes and its centre in the world, then height, width and focal length (pixels)
of the full-size picture. No distortion; the principal point is the centre. See docs/conventions.md.
"""

from functools import partial
from pathlib import Path

import numpy as np

from recon.formats.gathering import Gathering, check_not_lost
from recon.formats.given_poses import camera_for_image, rigid_matrix, unique_names
from recon.formats.image_files import read_header
from recon.formats.images import list_images
from recon.formats.named_files import inside
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_IMAGE_FOLDERS = ("images_8", "images_4", "images_2", "images")  # the published numbers are for images_8


def read(path: Path, *, images: str | None) -> Reconstruction:
    """Read the capture in the folder `path` (or its poses_bounds.npy); None finds the folder of pictures.

    Raises `UserError` when the table or a pose is not valid, or pictures and rows differ in number.
    """
    file, table = _load(path)
    folder = _image_folder(file, images)
    pictures = list_images(folder)
    if len(pictures) != len(table):
        raise UserError(
            f"{file}: {len(table)} poses, but {len(pictures)} pictures in {folder.name}/. Row i belongs to the i-th "
            "picture in name order: put back or remove pictures until the numbers agree."
        )
    names = unique_names([picture.name for picture in pictures])
    gathered, views = Gathering(file), []
    for name, picture, row in zip(names, pictures, table, strict=True):
        pose = gathered.pose(picture.name, partial(_pose, f"{file}: pose of {picture.name}", row))
        if pose is not None and gathered.opens(picture, picture.name):
            views.append(_view(file, name, picture, row, pose))
    gathered.tell(len(views))
    return Reconstruction(tuple(views))


def _load(path: Path) -> tuple[Path, Array]:
    """The path of the table and the table [n, 17]."""
    file = path / "poses_bounds.npy" if is_folder(path) else path
    if not is_file(file):
        raise UserError(f"{file} does not exist. Point dataset.path=... at the folder that holds poses_bounds.npy.")
    try:
        table = np.load(file, allow_pickle=False, mmap_mode="r")  # mapped: a lying header allocates nothing
        if table.ndim != 2 or table.shape[1] != 17 or len(table) == 0 or table.dtype.kind not in "fiu":
            raise ValueError(f"found {table.dtype} {list(table.shape)}")
        table = np.array(table, dtype=np.float64)
    except Exception as error:  # numpy's reader of headers raises what it likes: SyntaxError, TokenError, KeyError, ...
        found = " ".join(str(error).split())[:200]
        raise UserError(f"{file}: expected a table of numbers [n, 17] ({found}). Export the poses again.") from error
    return file, table


def _pose(label: str, row: Array) -> Array:
    check_not_lost(row, label)
    down, right, backward, center, _ = row[:15].reshape(3, 5).T
    return rigid_matrix(np.stack([right, down, -backward, center], axis=1), label)


def _view(file: Path, name: str, picture: Path, row: Array, pose: Array) -> View:
    h, w, focal = (float(number) for number in row[:15].reshape(3, 5)[:, 4])
    label = f"{file}: pose of {picture.name}"
    header = read_header(picture)
    is_turned = header.stored_hw != header.size_hw and (header.size_hw[0] > header.size_hw[1]) == (h > w)
    size_hw = header.size_hw if is_turned else header.stored_hw
    # The table is for the full-size picture, whose side is a multiple of ours only up to rounding.
    shrink = size_hw[1] / w if w > 0 else 0.0
    if min(h, w, focal) <= 0 or abs(h * shrink - size_hw[0]) > max(2.0, 0.01 * size_hw[0]):
        raise UserError(
            f"{label}: the table is for pictures of {w:g}x{h:g} (focal {focal:g}), {picture.name} is "
            f"{size_hw[1]}x{size_hw[0]}. Give the pictures the poses were made for, or scaled copies."
        )
    h_shown, w_shown = size_hw
    try:
        camera = Camera("PINHOLE", size_hw, focal * shrink, focal * h_shown / h, cx=w_shown / 2, cy=h_shown / 2)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Make the poses again.") from error
    camera, reading = camera_for_image(camera, picture, label)
    return View(name, picture, camera, pose, reading=reading)


def _image_folder(file: Path, images: str | None) -> Path:
    names = (images,) if images is not None else _IMAGE_FOLDERS
    for folder in (inside(file, name) for name in names):
        if is_folder(folder):
            return folder
    raise UserError(
        f"{file}: no picture folder beside it; expected {', '.join(names)}. Name it with dataset.images=..."
    )
