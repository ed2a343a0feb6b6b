"""A plain CSV of poses: a header, then one picture per row. The format for poses that some other program knows.

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
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from recon.formats.csv_table import CENTER, LAST_ROW, QUATERNION, ROTATION, Row, read_table
from recon.formats.gathering import Gathering
from recon.formats.given_poses import camera_for_image, in_order, posed_size_hw, relative_to, rigid_matrix, unique_names
from recon.formats.intrinsics import Intrinsics, camera_of, read_intrinsics
from recon.geometry.cameras import Camera
from recon.geometry.lenses import COEFFICIENTS, LENSES
from recon.geometry.reconstruction import Reconstruction, Split, View
from recon.geometry.transforms import Array, rigid, rotation_from_wxyz, wxyz_from_rotation
from recon.workspace import replace_file
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_NAMES = ("poses.csv", "cameras.csv", "images.csv")
_INTRINSICS = ("calibration.txt", "camera.txt", "intrinsics.txt")


def read(path: Path, *, intrinsics: Intrinsics | None) -> Reconstruction:
    """Read the table `path`, or poses.csv in the folder `path`; views in order of name.

    intrinsics: where the table has no column fx: numbers or a file, in OpenCV's convention; None looks for
    calibration.txt. Raises `UserError` naming file, line and column for anything that does not hold.
    """
    file = _file(path)
    rows = read_table(file)
    shared = read_intrinsics(intrinsics, file.parent, names=_INTRINSICS)
    gathered = Gathering(file)
    found = []
    for row in rows:
        image = gathered.picture(_named(row))
        posed = None if image is None else gathered.pose(row.cells["image"], partial(_pose, row))
        mask = gathered.mask(row.cells["mask"], row.cells["image"]) if posed is not None and "mask" in row else None
        if image is not None and posed is not None and (mask is not None or "mask" not in row):
            found.append((row, image, posed, mask))
    gathered.tell(len(found))
    names = unique_names([row.cells["image"] for row, *_ in found])
    views = []
    for name, (row, image, posed, mask) in zip(names, found, strict=True):
        camera, reading = camera_for_image(_camera(row, image, shared), image, row.label)
        time_s = row.number("time") if "time" in row else None
        split: Any = row.choice("split", get_args(Split))
        views.append(View(name, image, camera, posed, time_s=time_s, mask=mask, split=split, reading=reading))
    return Reconstruction(in_order(views, is_split=any(view.split for view in views)))


def write(file: Path, reconstruction: Reconstruction) -> None:
    """Write `file`, for pictures below its folder; `read(file)` gives the views back."""
    columns = ["image", *CENTER[0], *QUATERNION, "model", "fx", "fy", "cx", "cy"]
    columns += [*COEFFICIENTS, "time", "split", "mask"]
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    for view in reconstruction.views:
        camera, pose = view.camera, view.world_from_camera
        cells: dict[str, object] = {"image": relative_to(view.image, file.parent), "model": camera.model}
        cells |= zip(CENTER[0], map(float, pose[:3, 3]), strict=True)
        cells |= zip(QUATERNION, map(float, wxyz_from_rotation(pose[:3, :3])), strict=True)
        cells |= {"fx": camera.fx, "fy": camera.fy, "cx": camera.cx, "cy": camera.cy}
        cells |= zip(LENSES[camera.model].coefficients, camera.distortion, strict=True)
        cells |= {"time": view.time_s, "split": view.split, "mask": view.mask and relative_to(view.mask, file.parent)}
        table.writerow(cells)
    with replace_file(file) as temporary:
        temporary.write_text(text.getvalue())


# ---- parts of a view -----------------------------------------------------------------------------------------------


def _file(path: Path) -> Path:
    if is_file(path):
        return path
    tables = [path / name for name in _NAMES if is_file(path / name)] or sorted(path.glob("*.csv"))
    if not tables:
        raise UserError(f"{path}: no .csv there. Point dataset.path=... at the table of poses.")
    return tables[0]


def _named(row: Row) -> str:
    if "image" not in row:
        raise UserError(f"{row.label}, column image: the cell is empty. Fill it or delete the line.")
    return row.cells["image"]


def _pose(row: Row) -> Array:
    row.check_posed((*CENTER[0], *CENTER[1], *QUATERNION, *ROTATION))
    center = row.numbers(CENTER[0] if CENTER[0][0] in row else CENTER[1])
    if QUATERNION[0] not in row:
        pose = rigid(row.numbers(ROTATION).reshape(3, 3), center)
        if any(name in row for name in LAST_ROW):
            pose[3] = row.numbers(LAST_ROW)
        return rigid_matrix(pose, row.label)
    wxyz = row.numbers(QUATERNION)
    length = float(np.linalg.norm(wxyz))
    if abs(length - 1) > 0.01:
        raise UserError(f"{row.label}, columns qw to qz: the quaternion has length {length:.3g}, expected 1.")
    return rigid(rotation_from_wxyz(wxyz), center)


def _camera(row: Row, image: Path, shared: tuple[float, ...] | None) -> Camera:
    """The row's own camera, else the shared one."""
    center = (row.number("cx"), row.number("cy")) if "cx" in row and "cy" in row else None
    h, w = posed_size_hw(image, center)
    if "fx" not in row:
        if shared is None:
            raise UserError(
                f"{row.label}, column fx: no focal length; give the column, or dataset.intrinsics=[fx,fy,cx,cy]."
            )
        return camera_of(shared, (h, w), row.label)
    model = row.choice("model", tuple(LENSES)) or _model_by_coefficients(row)
    fx = row.number("fx")
    fy, cx, cy = (
        row.number(name) if name in row else value for name, value in (("fy", fx), ("cx", w / 2), ("cy", h / 2))
    )
    distortion = tuple(row.number(name) if name in row else 0.0 for name in LENSES[model].coefficients)
    try:
        return Camera(model, (h, w), fx, fy, cx, cy, distortion)
    except ValueError as error:
        raise UserError(f"{row.label}: {error}. Correct the intrinsics.") from error


def _model_by_coefficients(row: Row) -> str:
    """OPENCV where k1, k2, p1 or p2 is given, else PINHOLE; `UserError` for others, which several kinds of lens have."""
    given = {name for name in COEFFICIENTS if name in row and row.number(name) != 0}
    others = given - {*LENSES["OPENCV"].coefficients}
    if others:
        raise UserError(
            f"{row.label}: {min(others)} without a model. Add the column model: OPENCV_FISHEYE for a fisheye, FULL_OPENCV for k3."
        )
    return "OPENCV" if given else "PINHOLE"
