"""The plain table of poses: round trip of every lens, matrices and quaternions, defaults, and errors by line and column."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.formats import csv_poses
from recon.geometry import Camera, Reconstruction, wxyz_from_rotation
from recon.geometry.lenses import LENSES
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import FISHEYE, OPENCV, PINHOLE, assert_same_views, capture, picture, pose


@pytest.mark.parametrize("camera", [PINHOLE, OPENCV, FISHEYE], ids=lambda camera: camera.model)
@pytest.mark.parametrize("splits", [None, ("train", "test", "train")], ids=["no split", "split"])
def test_round_trip(tmp_path: Path, camera: Camera, splits: tuple | None) -> None:
    names = [f"{i:03d}" for i in range(3)]
    written = capture([tmp_path / f"images/{name}.png" for name in names], names, camera, splits)
    csv_poses.write(tmp_path / "poses.csv", written)
    read = csv_poses.read(tmp_path, intrinsics=None)
    assert_same_views(read, written)


def test_masks_and_odd_names_come_back(tmp_path: Path) -> None:
    written = capture([tmp_path / "a, b/one.png", tmp_path / 'a, b/"two".png'], ["one", '"two"'])
    masked = [replace(view, mask=picture(tmp_path / f"masks/{i}.png")) for i, view in enumerate(written.views)]
    csv_poses.write(tmp_path / "poses.csv", replace(written, views=tuple(masked)))
    read = csv_poses.read(tmp_path, intrinsics=None)
    assert {view.name: view.mask for view in read.views} == {view.name: view.mask for view in masked}


def table(folder: Path, header: str, rows: list[str]) -> Path:
    for name in ("a.png", "b.png"):
        picture(folder / name)
    (folder / "poses.csv").write_text("\n".join([header, *rows, ""]), encoding="utf-8-sig")  # as spreadsheets save it
    return folder


def test_columns_in_any_order_and_defaults(tmp_path: Path) -> None:
    w, x, y, z = wxyz_from_rotation(pose(2)[:3, :3])
    table(
        tmp_path, "qz,qy,qx,qw, X ,y,z,image,fx", [f"{z},{y},{x},{w},1,2,3,a,40", "", f"{z},{y},{x},{w},4,5,6,b.png,50"]
    )
    a, b = csv_poses.read(tmp_path, intrinsics=None).views
    np.testing.assert_allclose(a.world_from_camera[:3, :3], pose(2)[:3, :3], atol=1e-12)
    np.testing.assert_allclose(b.world_from_camera[:3, 3], [4, 5, 6])
    assert a.camera == Camera("PINHOLE", (24, 36), 40.0, 40.0, 18.0, 12.0) and b.camera.fy == 50
    assert (a.time_s, a.split, a.mask) == (None, None, None)


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    """As spreadsheets write tables where the comma is the decimal mark."""
    row = "a.png;1,5;-2,25;3;1;0;0;0;40,5e0"
    view = csv_poses.read(table(tmp_path, "Image;X;Y;Z;qw;qx;qy;qz;fx", [row]), intrinsics=None).views[0]
    np.testing.assert_allclose(view.world_from_camera[:3, 3], [1.5, -2.25, 3])
    assert view.camera.fx == 40.5


@pytest.mark.parametrize("last_row", [True, False])
def test_a_matrix_may_stand_for_the_quaternion(tmp_path: Path, last_row: bool) -> None:
    rows = 4 if last_row else 3
    header = ",".join(["image", *(f"r{i}{j}" for i in range(rows) for j in range(4))])
    table(tmp_path, header, [",".join(["a.png", *map(repr, pose(3)[:rows].ravel().tolist())])])
    (view,) = csv_poses.read(tmp_path, intrinsics=[40, 41, 17, 11, 0.1, 0.02, 0.001, -0.002]).views
    np.testing.assert_allclose(view.world_from_camera, pose(3), atol=1e-12)
    assert view.camera.distortion == (0.1, 0.02, 0.001, -0.002) and view.camera.cx == 17.5


HEADER = "image,x,y,z,qw,qx,qy,qz,fx"
GOOD = "a.png,1,2,3,1,0,0,0,40"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        (HEADER, "b.png,1,2,three,1,0,0,0,40", "line 3, column z: expected a finite number, found 'three'"),
        (HEADER, "b.png,1,2,nan,1,0,0,0,40", "line 3, column z"),
        (HEADER, "b.png,1,2,,1,0,0,0,40", "line 3, column z: the cell is empty"),
        (HEADER, ",1,2,3,1,0,0,0,40", "line 3, column image: the cell is empty"),
        (HEADER, "b.png,1,2,3,1,0,0,0", "line 3: 8 cells, the header has 9"),
        (HEADER, "../c.png,1,2,3,1,0,0,0,40", "leads out"),
        (HEADER, "b.png,1,2,3,2,0,0,0,40", "columns qw to qz: the quaternion has length 2"),
        (HEADER, "b.png,1,2,3,1,0,0,0,-40", "line 3: camera intrinsics"),
        (HEADER, "b.png,1,2,3,1,0,0,0,", "line 3, column fx: no focal length"),
        (HEADER, '"b.png,1,2,3,1,0,0,0,40', "line 3: not a CSV"),
        (HEADER.replace("qz", "qv"), GOOD, "line 1: unknown column 'qv'"),
        (HEADER.replace("qz", "qx"), GOOD, "line 1: a column that comes twice"),
        (HEADER.replace("qz,fx", "fx,fy"), GOOD, "line 1: expected the columns"),
        (HEADER.replace("image", "mask"), GOOD, "line 1: expected the columns"),
    ],
)
def test_errors_name_line_and_column(tmp_path: Path, header: str, row: str, message: str) -> None:
    table(tmp_path, header, [GOOD, row])
    with pytest.raises(UserError, match=rf"poses\.csv.*{message}"):
        csv_poses.read(tmp_path, intrinsics=None)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("model", "EUCM", "column model: expected PINHOLE or OPENCV"),
        ("split", "val", "column split: expected train or test, found 'val'"),
        ("k3", "0.1", "k3 without a model"),
        ("time", "noon", "column time"),
    ],
)
def test_errors_in_columns_that_may_be_left_out(tmp_path: Path, column: str, cell: str, message: str) -> None:
    table(tmp_path, f"{HEADER},{column}", [f"{GOOD},{cell}"])
    with pytest.raises(UserError, match=f"line 2.*{message}"):
        csv_poses.read(tmp_path, intrinsics=None)


def test_a_row_whose_mask_is_missing_is_left_out(tmp_path: Path) -> None:
    table(tmp_path, f"{HEADER},mask", [f"{GOOD},", f"{GOOD.replace('a.png', 'b.png')},none.png"])
    take_warnings()
    views = csv_poses.read(tmp_path, intrinsics=None).views
    assert [view.name for view in views] == [
        "a"
    ] and "1 of 2 pictures name a mask that is not there" in take_warnings()[0]


def test_every_lens_comes_back(tmp_path: Path) -> None:
    table(tmp_path, HEADER, [GOOD])
    (view,) = csv_poses.read(tmp_path, intrinsics=None).views
    for model, lens in LENSES.items():
        camera = replace(
            view.camera, model=model, distortion=tuple(0.01 * (i + 1) for i in range(len(lens.coefficients)))
        )
        csv_poses.write(tmp_path / "again.csv", Reconstruction((replace(view, camera=camera),), None))
        assert csv_poses.read(tmp_path / "again.csv", intrinsics=None).views[0].camera == camera


def test_a_matrix_that_is_no_pose(tmp_path: Path) -> None:
    header = ",".join(["image", *(f"r{i}{j}" for i in range(3) for j in range(4))])
    table(tmp_path, header, ["a.png,1,0,0,5,0,1,0,6,0,0,-1,7"])
    with pytest.raises(UserError, match=r"line 2: the pose is not rigid.*mirrored"):
        csv_poses.read(tmp_path, intrinsics=[40, 41, 17, 11])


def test_no_table_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no \.csv"):
        csv_poses.read(tmp_path, intrinsics=None)
    table(tmp_path, HEADER, [])
    with pytest.raises(UserError, match="no rows"):
        csv_poses.read(tmp_path, intrinsics=None)


def test_a_matrix_written_by_columns_is_told_so(tmp_path: Path) -> None:
    header = "image,fx," + ",".join(f"r{i}{j}" for i in range(4) for j in range(4))
    cells = ",".join(str(float(value)) for value in pose(2).T.ravel())
    with pytest.raises(
        UserError, match=r"line 2: the pose has its translation in the last row.*Transpose every matrix"
    ):
        csv_poses.read(table(tmp_path, header, [f"a.png,40,{cells}"]), intrinsics=None)
