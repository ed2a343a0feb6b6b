"""LLFF captures: `poses_bounds.npy` and pictures in `images_8/`, `images_4/`, ... or `images/`.

Row i belongs to the i-th picture in name order and holds a 3x5 matrix and two depths. The columns of the matrix are
the camera's down, right and backward axes and its centre in the world, then height, width and focal length (pixels)
of the full-size picture. No distortion; the principal point is the centre. See docs/conventions.md.
"""

from pathlib import Path

import numpy as np

from recon.errors import UserError
from recon.formats.given_poses import inside, rigid_matrix, unique_names
from recon.formats.images import image_size_hw, list_images
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, View
from recon.geometry.transforms import Array

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
    rows = zip(names, pictures, table, strict=True)
    return Reconstruction(tuple(_view(file, name, picture, row) for name, picture, row in rows))


def read_bounds(path: Path) -> Array:
    """Nearest and farthest depth of the scene in each view [n, 2], world units."""
    return _load(path)[1][:, 15:]


def _load(path: Path) -> tuple[Path, Array]:
    """The path of the table and the table [n, 17], finite."""
    file = path / "poses_bounds.npy" if path.is_dir() else path
    if not file.exists():
        raise UserError(f"{file} does not exist. Point dataset.path=... at the folder that holds poses_bounds.npy.")
    try:
        table = np.load(file, allow_pickle=False, mmap_mode="r")  # mapped: a lying header allocates nothing
        if table.ndim != 2 or table.shape[1] != 17 or len(table) == 0 or table.dtype.kind not in "fiu":
            raise ValueError(f"found {table.dtype} {list(table.shape)}")
        table = np.array(table, dtype=np.float64)
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise UserError(f"{file}: expected a table of numbers [n, 17] ({error}). Export the poses again.") from error
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(1)))
        raise UserError(f"{file}: row {row} holds NaN or infinity. Correct it, or delete it with its picture.")
    return file, table


def _view(file: Path, name: str, picture: Path, row: Array) -> View:
    down, right, backward, center, intrinsics = row[:15].reshape(3, 5).T
    h, w, focal = (float(number) for number in intrinsics)
    label = f"{file}: pose of {picture.name}"
    matrix = rigid_matrix(np.stack([right, down, -backward, center], axis=1), label)
    size_hw = image_size_hw(picture)
    # The table is for the full-size picture, whose side is a multiple of ours only up to rounding.
    shrink = size_hw[1] / w if w > 0 else 0.0
    if min(h, w, focal) <= 0 or abs(h * shrink - size_hw[0]) > max(2.0, 0.01 * size_hw[0]):
        raise UserError(
            f"{label}: the table is for pictures of {w:g}x{h:g} (focal {focal:g}), {picture.name} is "
            f"{size_hw[1]}x{size_hw[0]}. Give the pictures the poses were made for, or scaled copies."
        )
    camera = Camera("PINHOLE", size_hw, focal * shrink, focal * size_hw[0] / h, cx=size_hw[1] / 2, cy=size_hw[0] / 2)
    return View(name, picture, camera, matrix)


def _image_folder(file: Path, images: str | None) -> Path:
    names = (images,) if images is not None else _IMAGE_FOLDERS
    for folder in (inside(file, name) for name in names):
        if folder.is_dir():
            return folder
    raise UserError(
        f"{file}: no picture folder beside it; expected {', '.join(names)}. Name it with dataset.images=..."
    )
