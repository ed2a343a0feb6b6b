"""A plain CSV of poses: a header, then a picture a row. The format for poses that some other program knows.

    image                       path of the picture, relative to the file
    x y z                       camera centre in the world      (or r03 r13 r23)
    qw qx qy qz                 world_from_camera, unit         (or r00 r01 r02 r10 ... r22, row by row)
    fx fy cx cy                 pixels; fy = fx and the picture's centre where left out
    k1 k2 p1 p2, k1 k2 k3 k4    distortion, OpenCV's order; k3 k4 are the fisheye's
    model                       PINHOLE, OPENCV or OPENCV_FISHEYE; where left out, by the coefficients there are
    time, split, mask           seconds; train or test; path of the mask

Camera axes are OpenCV's, pixels have their first centre at (0.5, 0.5): our own conventions, nothing is converted. Columns
may come in any order, unknown ones are an error. See docs/conventions.md.
"""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import camera_for_image, posed_size_hw, relative_to, rigid_matrix, unique_names
from recon.formats.images import natural_key
from recon.formats.intrinsics import Intrinsics, camera_of, read_intrinsics
from recon.formats.named_files import find_picture, inside
from recon.formats.text_tables import finite
from recon.geometry.cameras import MODELS, Camera
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.geometry.transforms import Array, rigid, rotation_from_wxyz, wxyz_from_rotation
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, read_text

_CENTER = (("x", "y", "z"), ("r03", "r13", "r23"))
_QUATERNION = ("qw", "qx", "qy", "qz")
_ROTATION = tuple(f"r{i}{j}" for i in range(3) for j in range(3))
_LAST_ROW = ("r30", "r31", "r32", "r33")
_KNOWN = {
    *("image", "model", "fx", "fy", "cx", "cy", "time", "split", "mask"),
    *(*_CENTER[0], *_CENTER[1], *_QUATERNION, *_ROTATION, *_LAST_ROW),
    *(name for model in MODELS.values() for name in model.coefficients),
}
_LOST = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
_ZERO = re.compile(r"[+-]?0*\.?0*(e[+-]?[0-9]+)?", re.IGNORECASE)
_NAMES = ("poses.csv", "cameras.csv", "images.csv")
_INTRINSICS = ("calibration.txt", "camera.txt", "intrinsics.txt")


class _Row:
    """One row by column name; empty cells count as absent. Errors name file, line and column."""

    def __init__(self, file: Path, line: int, cells: Mapping[str, str]) -> None:
        self.file, self.label, self.header = file, f"{file}, line {line}", tuple(cells)
        self.cells = {name: cell.strip() for name, cell in cells.items() if cell.strip()}

    def __contains__(self, name: str) -> bool:
        return name in self.cells

    def number(self, name: str) -> float:
        if name not in self.cells:
            raise UserError(f"{self.label}, column {name}: the cell is empty. Fill it or delete the line.")
        return finite(self.cells[name], f"{self.label}, column {name}")

    def numbers(self, names: tuple[str, ...]) -> Array:
        return np.array([self.number(name) for name in names])

    def check_posed(self, names: tuple[str, ...]) -> None:
        """Raise `LostPoseError` where a cell of a pose is NaN or infinite, or its turn is all zeros."""
        for name in names:
            if _LOST.fullmatch(self.cells.get(name, "")):
                raise LostPoseError(f"{self.label}, column {name}: the pose holds {self.cells[name]}. Delete the line.")
        turn = [self.cells.get(name, "1") for name in (*_QUATERNION, *_ROTATION) if name in self.header]
        if all(_ZERO.fullmatch(cell) for cell in turn):
            raise LostPoseError(f"{self.label}: the pose is all zeros. Correct it or delete the line.")

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        cell = self.cells.get(name)
        if cell is not None and cell not in allowed:
            raise UserError(f"{self.label}, column {name}: expected {' or '.join(allowed)}, found {cell!r}.")
        return cell


def read(path: Path, *, intrinsics: Intrinsics | None) -> Reconstruction:
    """Read the table `path`, or poses.csv in the folder `path`; views in order of name.

    intrinsics: where the table has no column fx: numbers or a file, in OpenCV's convention; None looks for
    calibration.txt. Raises `UserError` naming file, line and column for anything that does not hold.
    """
    file = _file(path)
    rows = _rows(file)
    shared = read_intrinsics(intrinsics, file.parent, names=_INTRINSICS)
    gathered = Gathering(file)
    found = []
    for row in rows:
        image = gathered.picture(_named(row))
        posed = None if image is None else gathered.pose(row.cells["image"], partial(_pose, row))
        if image is not None and posed is not None:
            found.append((row, image, posed))
    gathered.tell(len(found))
    names = unique_names([row.cells["image"] for row, _, _ in found])
    views = []
    for name, (row, image, posed) in zip(names, found, strict=True):
        camera, reading = camera_for_image(_camera(row, image, shared), image, row.label)
        views.append(
            View(
                name=name,
                image=image,
                camera=camera,
                world_from_camera=posed,
                time_s=row.number("time") if "time" in row else None,
                mask=_mask(row),
                split=row.choice("split", get_args(Split)),  # type: ignore[arg-type]
                reading=reading,
            )
        )
    if any(view.split for view in views):  # the file decides: what it leaves open is for training
        views = [replace(view, split=view.split or "train") for view in views]
    return Reconstruction(tuple(sorted(views, key=lambda view: natural_key(view.name))))


def write(file: Path, reconstruction: Reconstruction) -> None:
    """Write `file`, for pictures below its folder; `read(file)` gives the views back."""
    columns = ["image", *_CENTER[0], *_QUATERNION, "model", "fx", "fy", "cx", "cy"]
    columns += ["k1", "k2", "p1", "p2", "k3", "k4", "time", "split", "mask"]
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for view in reconstruction.views:
        camera, pose = view.camera, view.world_from_camera
        cells: dict[str, object] = {"image": relative_to(view.image, file.parent), "model": camera.model}
        cells |= zip(_CENTER[0], map(float, pose[:3, 3]), strict=True)
        cells |= zip(_QUATERNION, map(float, wxyz_from_rotation(pose[:3, :3])), strict=True)
        cells |= {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
        cells |= zip(MODELS[camera.model].coefficients, camera.distortion, strict=True)
        cells |= {"time": view.time_s, "split": view.split, "mask": view.mask and relative_to(view.mask, file.parent)}
        table.writerow(cells)
    with replace_file(file) as temporary:
        temporary.write_text(text.getvalue())


# ---- the table -----------------------------------------------------------------------------------------------------


def _file(path: Path) -> Path:
    if is_file(path):
        return path
    tables = [path / name for name in _NAMES if is_file(path / name)] or sorted(path.glob("*.csv"))
    if not tables:
        raise UserError(f"{path}: no .csv there. Point dataset.path=... at the table of poses.")
    return tables[0]


def _rows(file: Path) -> list[_Row]:
    """The rows of the table, its header checked."""
    lines = read_text(file).splitlines()
    try:
        delimiter = _delimiter(lines[0] if lines else "")
        table = csv.reader(lines, strict=True, delimiter=delimiter)
        header = [name.strip().lower() for name in next(table, [])]
        _check_header(file, header)
        rows = []
        for cells in table:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{file}, line {table.line_num}: {len(cells)} cells, the header has {len(header)}. Correct the line."
                )
            cells = cells if delimiter == "," else [_with_point(cell) for cell in cells]
            rows.append(_Row(file, table.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise UserError(f"{file}, line {table.line_num}: not a CSV ({error}). Export it again.") from error
    if not rows:
        raise UserError(f"{file}: holds no rows below its header. Export it again.")
    return rows


def _delimiter(header: str) -> str:
    """What parts the columns: a comma, or the semicolon or tab that spreadsheets write in other countries."""
    return max(",;\t", key=header.count)


def _with_point(cell: str) -> str:
    """A number with a decimal comma, as the same spreadsheets write it, with a point; anything else as it is."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def _check_header(file: Path, header: list[str]) -> None:
    """Every column known and named once, and the pose given in exactly one way."""
    unknown = [name for name in header if name not in _KNOWN]
    if unknown or len(set(header)) < len(header):
        what = f"unknown column {unknown[0]!r}" if unknown else "a column that comes twice"
        raise UserError(f"{file}, line 1: {what}; expected image,x,y,z,qw,qx,qy,qz and more as in docs/conventions.md.")
    centers = sum(set(names) <= set(header) for names in _CENTER)
    rotations = sum(set(names) <= set(header) for names in (_QUATERNION, _ROTATION))
    if "image" not in header or centers != 1 or rotations != 1:
        raise UserError(
            f"{file}, line 1: expected the columns image; x,y,z or r03,r13,r23; qw,qx,qy,qz or r00 to r22; found "
            f"{','.join(header)}."
        )


# ---- parts of a view -----------------------------------------------------------------------------------------------


def _named(row: _Row) -> str:
    if "image" not in row:
        raise UserError(f"{row.label}, column image: the cell is empty. Fill it or delete the line.")
    return row.cells["image"]


def _mask(row: _Row) -> Path | None:
    if "mask" not in row:
        return None
    mask = find_picture(inside(row.file, row.cells["mask"]))
    if mask is None:
        raise UserError(
            f"{row.label}, column mask: {row.cells['mask']} does not exist. Put it there or clear the cell."
        )
    return mask


def _pose(row: _Row) -> Array:
    row.check_posed((*_CENTER[0], *_CENTER[1], *_QUATERNION, *_ROTATION))
    center = row.numbers(_CENTER[0] if _CENTER[0][0] in row else _CENTER[1])
    if _QUATERNION[0] not in row:
        pose = rigid(row.numbers(_ROTATION).reshape(3, 3), center)
        if any(name in row for name in _LAST_ROW):
            pose[3] = row.numbers(_LAST_ROW)
        return rigid_matrix(pose, row.label)
    wxyz = row.numbers(_QUATERNION)
    length = float(np.linalg.norm(wxyz))
    if abs(length - 1) > 0.01:
        raise UserError(f"{row.label}, columns qw to qz: the quaternion has length {length:.3g}, expected 1.")
    return rigid(rotation_from_wxyz(wxyz), center)


def _camera(row: _Row, image: Path, shared: tuple[float, ...] | None) -> Camera:
    """The row's own camera, else the shared one."""
    center = (row.number("cx"), row.number("cy")) if "cx" in row and "cy" in row else None
    h, w = posed_size_hw(image, center)
    if "fx" not in row:
        if shared is None:
            raise UserError(
                f"{row.label}, column fx: no focal length; give the column, or dataset.intrinsics=[fx,fy,cx,cy]."
            )
        return camera_of(shared, (h, w), row.label)
    model = row.choice("model", tuple(MODELS)) or _model_by_coefficients(row)
    fx = row.number("fx")
    fy, cx, cy = (
        row.number(name) if name in row else value for name, value in (("fy", fx), ("cx", w / 2), ("cy", h / 2))
    )
    distortion = tuple(row.number(name) if name in row else 0.0 for name in MODELS[model].coefficients)
    try:
        return Camera(model, (h, w), fx, fy, cx, cy, distortion)
    except ValueError as error:
        raise UserError(f"{row.label}: {error}. Correct the intrinsics.") from error


def _model_by_coefficients(row: _Row) -> str:
    """OPENCV where coefficients are given, but k3 alone says nothing of the kind of lens."""
    if any(name in row and row.number(name) != 0 for name in ("k3", "k4")):
        raise UserError(f"{row.label}: k3 or k4 without a model. Add the column model: OPENCV_FISHEYE for a fisheye.")
    return "OPENCV" if any(name in row and row.number(name) != 0 for name in ("k1", "k2", "p1", "p2")) else "PINHOLE"
