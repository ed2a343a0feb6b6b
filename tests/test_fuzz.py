"""Damaged files against every reader of foreign bytes: each gives a result or one line that names what is wrong.

Seeded, so that a failure can be made again; bytes are flipped, cut, repeated and swapped for nasty values.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from recon.formats import blender, colmap, csv_poses, kitti, llff, polycam, record3d, seven_scenes, transforms_json, tum
from recon.formats.exif_gps import read_gps
from recon.formats.image_files import read_header, what_is_wrong
from recon.formats.images import read_image
from recon.formats.masks import read_mask
from recon.formats.mesh_obj import read_obj
from recon.formats.mesh_ply import read_ply
from recon.formats.points_ply import read_points
from recon.workspace.errors import UserError
from recon.workspace.reading import read_json_value
from tests.formats.captures import PINHOLE, capture, pose

ROUNDS = 14  # mutations of each file
WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e400",
    b"9" * 400,
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b"../../etc/passwd",
    b"\0",
    b"1e-320",
)
NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    float("nan"),
    float("inf"),
    10**400,
    "",
    "x" * 5000,
    "../x",
    [],
    {},
    [None] * 4,
]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to three changes of a file's bytes."""
    for _ in range(rng.randint(1, 3)):
        at, size = rng.randrange(len(data) + 1), rng.randint(1, 40)
        what = rng.randrange(5)
        if what == 0:
            data = data[:at]
        elif what == 1:
            data = data[:at] + bytes(rng.randrange(256) for _ in range(size)) + data[at + size :]
        elif what == 2:
            data = data[:at] + rng.choice(WORDS) + data[at + rng.randint(0, 8) :]
        elif what == 3:
            data = data[:at] + data[at : at + size] * 3 + data[at:]
        elif data:
            place = min(at, len(data) - 1)
            data = data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
    return data


def with_nasty_value(value: Any, rng: random.Random) -> Any:
    """JSON with one of its values replaced."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(sorted(value))
        return {**value, key: with_nasty_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], with_nasty_value(value[at], rng), *value[at + 1 :]]
    return rng.choice(NASTY)


def holds(read: Callable[[], Any], what: str) -> None:
    """A result, or one line for a person."""
    try:
        read()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 3000, what
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error


def _colmap(folder: Path) -> None:
    colmap.write(folder / "sparse/0", _posed(folder), images=folder / "images")


def _colmap_text(folder: Path) -> None:
    _posed(folder)
    (folder / "cameras.txt").write_text("1 PINHOLE 36 24 40 41 17.7 12.3\n")
    lines = (f"{i + 1} 1 0 0 0 {i} 0 0 1 {i:03d}.png\n1.5 2.5 -1\n" for i in range(5))
    (folder / "images.txt").write_text("".join(lines))


def _posed(folder: Path) -> Any:
    return capture([folder / f"images/{i:03d}.png" for i in range(5)], [f"{i:03d}" for i in range(5)])


def _kitti(folder: Path) -> None:
    posed = capture([folder / f"image_0/{i:03d}.png" for i in range(5)], [f"{i:03d}" for i in range(5)])
    kitti.write(folder, posed)


def _seven(folder: Path) -> None:
    seven_scenes.write(folder, capture([folder / f"seq-01/frame-{i:06d}.color.png" for i in range(4)], list("abcd")))


def _llff(folder: Path) -> None:
    _posed(folder)
    rows = []
    for camera in map(pose, range(5)):
        matrix = np.column_stack([camera[:3, [1, 0]], -camera[:3, 2], camera[:3, 3], [24, 36, 40]])
        rows.append([*matrix.ravel(), 1.0, 9.0])
    np.save(folder / "poses_bounds.npy", np.array(rows))


def _blender(folder: Path) -> None:
    _posed(folder)
    frames = [{"file_path": f"images/{i:03d}", "transform_matrix": pose(i).tolist()} for i in range(5)]
    (folder / "transforms_train.json").write_text(json.dumps({"camera_angle_x": 0.8, "frames": frames}))


def _polycam(folder: Path) -> None:
    for i in range(4):
        capture([folder / f"keyframes/images/{i}.png"], [str(i)])
        numbers = {f"t_{r}{c}": float(pose(i)[r, c]) for r in range(3) for c in range(4)}
        value = {"fx": 40.0, "fy": 41.0, "cx": 17.7, "cy": 12.3, "width": 36, "height": 24, **numbers}
        (folder / "keyframes/cameras").mkdir(exist_ok=True)
        (folder / f"keyframes/cameras/{i}.json").write_text(json.dumps(value))


def _record3d(folder: Path) -> None:
    capture([folder / f"rgb/{i}.png" for i in range(4)], list("abcd"))
    value = {
        "w": 36,
        "h": 24,
        "K": [40, 0, 0, 0, 41, 0, 17, 12, 1],
        "fps": 30,
        "poses": [[0, 0, 0, 1, i, 0, 0] for i in range(4)],
    }
    (folder / "metadata.json").write_text(json.dumps(value))


SETS: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "colmap": (_colmap, lambda p: colmap.read(p, images=None)),
    "colmap text": (_colmap_text, lambda p: colmap.read(p, images=None)),
    "transforms": (lambda p: transforms_json.write(p / "transforms.json", _posed(p)), lambda p: transforms_json.read(p)),
    "blender": (_blender, lambda p: blender.read(p)),
    "csv": (lambda p: csv_poses.write(p / "poses.csv", _posed(p)), lambda p: csv_poses.read(p, intrinsics=None)),
    "tum": (lambda p: tum.write(p, _posed(p)), lambda p: tum.read(p, images=None, intrinsics=None, time_tolerance_s=0.02)),
    "kitti": (_kitti, lambda p: kitti.read(p, pictures=p / "image_0", intrinsics=None, times_s=None)),
    "seven scenes": (_seven, lambda p: seven_scenes.read(p, intrinsics=None)),
    "llff": (_llff, lambda p: llff.read(p, images=None)),
    "polycam": (_polycam, lambda p: polycam.read(p)),
    "record3d": (_record3d, lambda p: record3d.read(p)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SETS)
def test_data_sets(tmp_path: Path, name: str) -> None:
    make, read = SETS[name]
    make(tmp_path)
    read(tmp_path)  # whole, it is read
    rng = random.Random(name)
    for file in sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix != ".png"):
        data = file.read_bytes()
        for i in range(ROUNDS):
            file.write_bytes(damaged(data, rng))
            holds(lambda: read(tmp_path), f"{name}: {file.name}, change {i}")
            if file.suffix == ".json":
                file.write_text(json.dumps(with_nasty_value(json.loads(data), rng)))
                holds(lambda: read(tmp_path), f"{name}: {file.name}, value {i}")
        file.write_bytes(data)


def _picture(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    exif.get_ifd(0x8769)[0xA405] = 26
    pixels = np.random.default_rng(0).integers(0, 256, (*PINHOLE.size_hw, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, exif=exif)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    path, rng = tmp_path / f"p{suffix}", random.Random(suffix)
    _picture(path)
    data = path.read_bytes()
    for i in range(4 * ROUNDS):
        path.write_bytes(damaged(data, rng))
        for read in (read_header, read_image, read_mask, read_gps, what_is_wrong):
            holds(lambda read=read: read(path), f"{suffix}, change {i}, {read.__name__}")


_XYZ = b"property float x\nproperty float y\nproperty float z\n"
_POINTS = b"ply\nformat ascii 1.0\nelement vertex 2\n" + _XYZ + b"end_header\n1 2 3\n4 5 6\n"
_HEAD = b"ply\nformat binary_little_endian 1.0\nelement vertex 3\n" + _XYZ
_HEAD += b"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
_TRIANGLE = _HEAD + np.zeros(9, "<f4").tobytes() + b"\3" + np.arange(3, dtype="<i4").tobytes()
_OBJ = b"mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\nf 1/1 2/2 3/3\n"
MESHES: dict[str, tuple[bytes, Callable[[Path], Any]]] = {
    "mesh.obj": (_OBJ, read_obj),
    "points.ply": (_POINTS, read_points),
    "mesh.ply": (_TRIANGLE, read_ply),
}


@pytest.mark.parametrize("name", MESHES)
def test_meshes_and_points(tmp_path: Path, name: str) -> None:
    data, read = MESHES[name]
    (tmp_path / "m.mtl").write_text("newmtl a\nmap_Kd\nmap_Kd \n")
    rng = random.Random(name)
    for i in range(6 * ROUNDS):
        (tmp_path / name).write_bytes(damaged(data, rng))
        holds(lambda: read(tmp_path / name), f"{name}, change {i}")
    twice = data.replace(b"property float y", b"property float x")
    (tmp_path / name).write_bytes(twice)
    holds(lambda: read(tmp_path / name), f"{name}, a property twice")


def test_json_of_any_kind(tmp_path: Path) -> None:
    rng = random.Random(5)
    for _ in range(20 * ROUNDS):
        (tmp_path / "x.json").write_bytes(damaged(b'{"a": [1, 2.5, {"b": null}], "c": "d"}', rng))
        try:
            read_json_value(tmp_path / "x.json")
        except (ValueError, UserError) as error:
            assert "\n" not in str(error)
