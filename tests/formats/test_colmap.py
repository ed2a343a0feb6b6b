"""COLMAP models: round trip, every camera model against COLMAP itself, text, damaged files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch
from PIL import Image

from recon.formats import colmap
from recon.geometry import Camera, Points, Reconstruction, View, look_at
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError

SIZE_HW = (24, 36)


def capture(folder: Path, n: int = 3) -> Reconstruction:
    views = []
    for i in range(n):
        image = folder / f"images/side/{i:03d}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (36, 24)).save(image)
        camera = Camera("OPENCV", SIZE_HW, 40.0, 41.0, 17.0, 12.5, (0.1, 0.02, 0.001, -0.002))
        if i == 2:
            camera = camera.pinhole()
        pose = look_at(np.array([3.0, 0.5 * i, 1.0]), np.zeros(3), np.array([0.0, 0.0, 1.0]))
        views.append(View(f"{i:03d}", image, camera, pose))
    points = Points(np.random.default_rng(1).normal(size=(7, 3)), np.arange(21, dtype=np.uint8).reshape(7, 3))
    return Reconstruction(tuple(views), points)


def assert_same(a: Reconstruction, b: Reconstruction) -> None:
    assert [(v.name, v.image.resolve(), v.camera) for v in a.views] == [
        (v.name, v.image.resolve(), v.camera) for v in b.views
    ]
    for x, y in zip(a.views, b.views, strict=True):
        np.testing.assert_allclose(x.world_from_camera, y.world_from_camera, atol=1e-12)
    assert a.points is not None and b.points is not None
    order_a, order_b = (np.lexsort(points.positions.T) for points in (a.points, b.points))
    np.testing.assert_allclose(a.points.positions[order_a], b.points.positions[order_b], atol=1e-12)
    np.testing.assert_array_equal(a.points.colors[order_a], b.points.colors[order_b])


OTHER_LENSES = [
    "FULL_OPENCV 36 24 40 41 17 12.5 0.1 0.02 0.001 -0.002 0.03 0.1 -0.01 0.02",
    "FOV 36 24 40 41 17 12.5 0.9",
    "THIN_PRISM_FISHEYE 36 24 40 41 17 12.5 0.1 0.02 0.001 -0.002 0.03 -0.01 0.0007 -0.0006",
    "SIMPLE_FISHEYE 36 24 40 17 12.5",
    "FISHEYE 36 24 40 41 17 12.5",
]


@pytest.mark.parametrize("line", OTHER_LENSES, ids=lambda line: line.split()[0])
@pytest.mark.parametrize("kind", ["text", "binary"])
def test_other_lenses_see_what_colmap_sees(tmp_path: Path, line: str, kind: str) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (36, 24)).save(tmp_path / "images/a.png")
    (tmp_path / "cameras.txt").write_text(f"1 {line}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    (tmp_path / "points3D.txt").write_text("")
    theirs = pycolmap.Reconstruction(tmp_path)
    if kind == "binary":
        theirs.write_binary(tmp_path)
        for name in ("cameras", "images", "points3D"):
            (tmp_path / f"{name}.txt").unlink()
    (view,) = colmap.read(tmp_path, images=None).views
    point = np.array([0.3, -0.2, 1.5])
    seen = view.camera.project(torch.from_numpy(point)).numpy()
    assert seen == pytest.approx(theirs.camera(1).img_from_cam(point), abs=1e-9)
    colmap.write(tmp_path / "again", Reconstruction((view,), None), images=tmp_path / "images")
    assert colmap.read(tmp_path / "again", images=tmp_path / "images").views[0].camera == view.camera


def test_round_trip(tmp_path: Path) -> None:
    written = capture(tmp_path)
    colmap.write(tmp_path / "sparse/0", written, images=tmp_path / "images")
    assert_same(colmap.read(tmp_path, images=None), written)
    assert_same(colmap.read(tmp_path / "sparse/0", images=tmp_path / "images"), written)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_colmap_reads_ours_and_we_read_what_it_writes(tmp_path: Path, kind: str) -> None:
    written = capture(tmp_path)
    colmap.write(tmp_path / "ours", written, images=tmp_path / "images")
    theirs = pycolmap.Reconstruction(tmp_path / "ours")
    assert theirs.num_reg_images() == 3 and theirs.num_points3D() == 7
    center = theirs.find_image_with_name("side/001.png").projection_center()
    np.testing.assert_allclose(center, written.centers[1], atol=1e-12)
    folder = tmp_path / "sparse" / "0"
    folder.mkdir(parents=True)
    (theirs.write_text if kind == "text" else theirs.write_binary)(folder)
    assert_same(colmap.read(tmp_path, images=None), written)


@pytest.mark.parametrize(
    ("model", "params"),
    [
        ("SIMPLE_PINHOLE", [40, 18, 12]),
        ("PINHOLE", [40, 42, 18, 12]),
        ("SIMPLE_RADIAL", [40, 18, 12, 0.1]),
        ("RADIAL", [40, 18, 12, 0.1, 0.02]),
        ("OPENCV", [40, 42, 18, 12, 0.1, 0.02, 0.003, 0.004]),
        ("OPENCV_FISHEYE", [40, 42, 18, 12, 0.1, 0.02, 0.003, 0.004]),
        ("SIMPLE_RADIAL_FISHEYE", [40, 18, 12, 0.1]),
        ("RADIAL_FISHEYE", [40, 18, 12, 0.1, 0.02]),
    ],
)
def test_camera_models_project_as_colmap_does(tmp_path: Path, model: str, params: list[float]) -> None:
    image = tmp_path / "images/a.png"
    image.parent.mkdir()
    Image.new("RGB", (36, 24)).save(image)
    (tmp_path / "cameras.txt").write_text(f"# comment\n1 {model} 36 24 {' '.join(map(str, params))}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    ours = colmap.read(tmp_path, images=None).views[0].camera
    theirs = pycolmap.Camera(model=model, width=36, height=24, params=params)
    points = np.array([[0.2, -0.1, 1.3], [-0.3, 0.25, 0.9], [0.0, 0.0, 2.0]])
    ours_px = ours.project(torch.from_numpy(points)).numpy()
    np.testing.assert_allclose(ours_px, theirs.img_from_cam(points), atol=1e-9)


def test_missing_pictures_are_skipped_with_one_warning(tmp_path: Path) -> None:
    colmap.write(tmp_path / "sparse/0", capture(tmp_path, 4), images=tmp_path / "images")
    (tmp_path / "images/side/001.png").unlink()
    take_warnings()
    assert [view.name for view in colmap.read(tmp_path, images=None).views] == ["000", "002", "003"]
    assert len(take_warnings()) == 1


@pytest.mark.parametrize("name", ["cameras", "images", "points3D"])
@pytest.mark.parametrize("keep", [0.0, 0.4, 0.95])
def test_truncated_binary_files_are_errors(tmp_path: Path, name: str, keep: float) -> None:
    colmap.write(tmp_path, capture(tmp_path), images=tmp_path / "images")
    file = tmp_path / f"{name}.bin"
    file.write_bytes(file.read_bytes()[: int(keep * file.stat().st_size)])
    with pytest.raises(UserError, match=name):
        colmap.read(tmp_path, images=None)


def test_counts_that_lie_allocate_nothing(tmp_path: Path) -> None:
    colmap.write(tmp_path, capture(tmp_path), images=tmp_path / "images")
    for name in ("points3D", "images", "cameras"):
        file = tmp_path / f"{name}.bin"
        file.write_bytes(b"\xff" * 8 + file.read_bytes()[8:])
        with pytest.raises(UserError, match=name):
            colmap.read(tmp_path, images=None)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("cameras.txt", "1 EUCM 36 24 1 2 3 4 5 6\n", "EUCM"),
        ("cameras.txt", "1 PINHOLE 36 24 1 2 3\n", "3 parameters"),
        ("cameras.txt", "1 PINHOLE 36\n", "line"),
        ("cameras.txt", "1 PINHOLE 36 24 nan 40 18 12\n", "finite"),
        ("cameras.txt", "1 PINHOLE 24 36 40 40 18 12\n", "turned"),
        ("images.txt", "1 nan 0 0 0 0 0 0 1 a.png\n\n", "NaN"),
        ("images.txt", "1 0 0 0 0 0 0 0 1 a.png\n\n", "quaternion"),
        ("images.txt", "1 1 0 0 0 0 0 0 7 a.png\n\n", "camera 7"),
        ("images.txt", "1 1 0 0 0 0 0 0 1 a.png\n\n2 1 0 0 0 0 0 0 1 ../../b.png\n\n", "leads out"),
        ("images.txt", "1 1 0 0\n\n", "line"),
        ("points3D.txt", "1 0 0 zero 1 2 3 0.1\n", "line"),
        ("points3D.txt", "1 0 0\n", "line"),
        ("points3D.txt", "1 0 0 0 1 2 3 0.1\n2 0 0 0 1 2\n", "line"),
        ("cameras.txt", "1 PINHOLE 36 24 1e300 40 18 12\n", "focal"),
    ],
)
def test_bad_text_is_named(tmp_path: Path, file: str, text: str, message: str) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (36, 24)).save(tmp_path / "images/a.png")
    good = {"cameras.txt": "1 PINHOLE 36 24 40 40 18 12\n", "images.txt": "1 1 0 0 0 0 0 0 1 a.png\n\n"}
    for name, content in {**good, file: text}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=message):
        colmap.read(tmp_path, images=None)


def test_no_model_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no COLMAP model"):
        colmap.read(tmp_path, images=None)
    written = capture(tmp_path)
    colmap.write(tmp_path / "sparse/0", replace(written, points=None), images=tmp_path / "images")
    assert colmap.read(tmp_path, images=None).points is None
    (tmp_path / "images").rename(tmp_path / "photographs")
    with pytest.raises(UserError, match=r"dataset\.images"):
        colmap.read(tmp_path, images=None)


@pytest.mark.parametrize("place", ["sparse", "colmap/sparse", "colmap", "."])
def test_of_several_models_the_largest_is_read_and_the_others_named(
    tmp_path: Path, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    written = replace(capture(tmp_path, 5), points=None)
    for number, views in enumerate((written.views[:2], written.views[1:], written.views[:1])):
        colmap.write(tmp_path / place / str(number), replace(written, views=views), images=tmp_path / "images")
    assert len(colmap.read(tmp_path, images=tmp_path / "images").views) == 4
    (told,) = take_warnings()
    assert "holds 3 models" in told and "1, of 4 pictures, is read, left out: 0 (2 pictures), 2 (1 pictures)" in told
    assert f"{tmp_path / 'images'}: 1 more pictures lie there without a pose" in capsys.readouterr().out
    assert len(colmap.read(tmp_path / place / "2", images=tmp_path / "images").views) == 1


def test_a_text_beside_a_binary_model_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever edits the text would wonder why nothing changes."""
    colmap.write(tmp_path / "sparse/0", capture(tmp_path), images=tmp_path / "images")
    colmap.read(tmp_path, images=None)
    assert "in text" not in capsys.readouterr().out
    pycolmap.Reconstruction(tmp_path / "sparse/0").write_text(tmp_path / "sparse/0")
    colmap.read(tmp_path, images=None)
    assert "in binary and in text; the binary one is read" in capsys.readouterr().out


def test_a_model_that_poses_nothing(tmp_path: Path) -> None:
    colmap.write(tmp_path, capture(tmp_path), images=tmp_path / "images")
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 36 24 40 41 17.7 12.3\n")
    for name in ("images.bin", "cameras.bin"):
        (tmp_path / name).unlink()
    (tmp_path / "images.txt").write_text("# nothing here\n" * 4)
    with pytest.raises(UserError, match="poses no picture"):
        colmap.read(tmp_path, images=None)
