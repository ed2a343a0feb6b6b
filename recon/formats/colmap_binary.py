"""COLMAP models in binary files, read and written. Sizes are checked against the bytes there are."""

import struct
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from recon.formats.colmap_parts import MODELS, NAMES, Posed, camera_of, damaged, finite_points, pose_of
from recon.geometry.cameras import Camera
from recon.geometry.lenses import LENSES
from recon.geometry.points import Points
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import invert_rigid, wxyz_from_rotation
from recon.workspace import replace_file
from recon.workspace.reading import read_bytes

_MAX_BYTES = 1 << 34


class _Bytes:
    """A cursor over a file that raises `UserError` instead of reading past its end."""

    def __init__(self, file: Path) -> None:
        self.file, self.data, self.at = file, read_bytes(file, at_most=_MAX_BYTES), 0

    def take(self, layout: str) -> tuple:
        self._check(struct.calcsize(layout))
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def skip(self, size: int) -> None:
        self._check(size)
        self.at += size

    def text(self) -> str:
        end = self.data.find(b"\0", self.at)
        if end < 0:
            raise damaged(self.file, "it ends inside a name")
        text = self.data[self.at : end].decode("utf-8", "surrogateescape")
        self.at = end + 1
        return text

    def records(self) -> Iterator[int]:
        """Counts from 0 to the announced number; a lie ends in an error at the end of the file."""
        yield from range(self.take("<Q")[0])

    def _check(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise damaged(self.file, "the file ends early")


def read_cameras(file: Path) -> dict[int, Camera]:
    """The cameras of cameras.bin, by their ids."""
    data, cameras = _Bytes(file), {}
    for _ in data.records():
        camera_id, model_id, width, height = data.take("<IiQQ")
        name = NAMES.get(model_id, f"number {model_id}")
        model = MODELS.get(name)
        n = model.n_focal + 2 + model.coefficients if model else 0
        cameras[camera_id] = camera_of(file, name, width, height, data.take(f"<{n}d"))
    return cameras


def read_images(file: Path) -> list[Posed]:
    """The posed images of images.bin."""
    data = _Bytes(file)
    posed: list[Posed] = []
    for _ in data.records():
        numbers = data.take("<I7dI")
        name = data.text()
        data.skip(24 * data.take("<Q")[0])  # observations: x, y, point id
        posed.append((name, numbers[8], partial(pose_of, file, name, numbers[1:5], numbers[5:8])))
    return posed


def read_points(file: Path) -> Points:
    """The points of points3D.bin, without tracks."""
    data = _Bytes(file)
    positions, colors = [], []
    for _ in data.records():
        _, x, y, z, r, g, b, _, n_track = data.take("<Q3d3BdQ")
        data.skip(8 * n_track)
        positions.append((x, y, z))
        colors.append((r, g, b))
    return finite_points(positions, colors)


def write(folder: Path, reconstruction: Reconstruction, *, images: Path) -> None:
    """Write a binary model (cameras, poses, points without tracks); image names are relative to `images`."""
    cameras = list(dict.fromkeys(view.camera for view in reconstruction.views))
    write_file(
        folder / "cameras.bin",
        [struct.pack("<Q", len(cameras)), *map(_camera_record, cameras, range(1, 1 + len(cameras)))],
    )
    records = [struct.pack("<Q", len(reconstruction.views))]
    for i, view in enumerate(reconstruction.views, start=1):
        camera_from_world = invert_rigid(view.world_from_camera)
        numbers = [*wxyz_from_rotation(camera_from_world[:3, :3]), *camera_from_world[:3, 3]]
        name = view.image.resolve().relative_to(images.resolve()).as_posix().encode("utf-8", "surrogateescape")
        camera_id = cameras.index(view.camera) + 1
        records.append(struct.pack("<I7dI", i, *numbers, camera_id) + name + b"\0" + struct.pack("<Q", 0))
    write_file(folder / "images.bin", records)
    points = reconstruction.points
    n = 0 if points is None else len(points.positions)
    records = [struct.pack("<Q", n)]
    if points is not None:
        for i, (position, color) in enumerate(zip(points.positions, points.colors, strict=True), start=1):
            records.append(struct.pack("<Q3d3BdQ", i, *position, *color, 0.0, 0))
    write_file(folder / "points3D.bin", records)


def write_file(path: Path, records: Sequence[bytes]) -> None:
    """Write the joined records, atomically."""
    with replace_file(path) as temporary:
        temporary.write_bytes(b"".join(records))


def _camera_record(camera: Camera, camera_id: int) -> bytes:
    h, w = camera.size_hw
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    return struct.pack(f"<IiQQ{len(numbers)}d", camera_id, LENSES[camera.model].colmap_id, w, h, *numbers)
