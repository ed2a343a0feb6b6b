"""COLMAP sparse models, text and binary: cameras, poses and points.

COLMAP stores `camera_from_world` as a quaternion (wxyz) and a translation, OpenCV axes, half-pixel convention. The
parser is our own because COLMAP's ends the process on a damaged file; here counts are checked against the bytes
there are. Rigs and feature tracks are not read: poses are stored per image.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from recon.console import warn
from recon.errors import UserError
from recon.formats.gathering import Gathering, LostPoseError
from recon.formats.given_poses import camera_for_image, unique_names
from recon.formats.images import natural_key
from recon.formats.named_files import find_file, find_picture
from recon.geometry.cameras import MODELS, Camera
from recon.geometry.reconstruction import Points, Reconstruction, View
from recon.geometry.transforms import Array, invert_rigid, rigid, rotation_from_wxyz, wxyz_from_rotation
from recon.workspace import replace_file
from recon.workspace.reading import is_file, is_folder, read_bytes, read_text


@dataclass(frozen=True)
class _Model:
    """A COLMAP camera model: its number in binary files, how many focal lengths, and its coefficients in our model."""

    id: int
    n_focal: int
    ours: str
    coefficients: int  # how many of our model's leading coefficients it has


def _own(name: str) -> _Model:
    model = MODELS[name]
    return _Model(model.colmap_id, 2, name, len(model.coefficients))


_MODELS = {
    "SIMPLE_PINHOLE": _Model(0, 1, "PINHOLE", 0),
    "PINHOLE": _own("PINHOLE"),
    "SIMPLE_RADIAL": _Model(2, 1, "OPENCV", 1),
    "RADIAL": _Model(3, 1, "OPENCV", 2),
    "OPENCV": _own("OPENCV"),
    "OPENCV_FISHEYE": _own("OPENCV_FISHEYE"),
    "SIMPLE_RADIAL_FISHEYE": _Model(8, 1, "OPENCV_FISHEYE", 1),
    "RADIAL_FISHEYE": _Model(9, 1, "OPENCV_FISHEYE", 2),
}
_NAMES = {model.id: name for name, model in _MODELS.items()}
_MODEL_FOLDERS = ("", "sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "colmap", "0")
_IMAGE_FOLDERS = ("images", "../images", "../../images", "../../../images", "../../frames", "")
_MAX_BYTES = 1 << 34
_LOOKED_FOR = 100  # pictures of a model that are looked for in a folder that may be theirs
_Posed = tuple[str, int, Callable[[], Array]]  # image name, camera id, world_from_camera or why there is none


def read(path: Path, *, images: Path | None) -> Reconstruction:
    """Read the model in `path` or in its usual sub-folders (`sparse/0`, ...), in the model's own frame and unit.

    `images` is the picture folder; None looks for `images/` from the model upwards to `path`. Pictures that do not
    exist are skipped with one warning. Raises `UserError` naming the file for anything damaged.
    """
    folder, suffix = find_model(path)
    _say_others(folder)
    readers = {".bin": (_cameras_bin, _images_bin, _points_bin), ".txt": (_cameras_txt, _images_txt, _points_txt)}
    read_cameras, read_images, read_points = readers[suffix]
    cameras = read_cameras(folder / f"cameras{suffix}")
    posed = read_images(folder / f"images{suffix}")
    if not posed:
        raise UserError(f"{folder / f'images{suffix}'}: poses no picture. Export the model again.")
    points_file = folder / f"points3D{suffix}"
    points = read_points(points_file) if is_file(points_file) else None
    image_folder = images if images is not None else _image_folder(path, folder, [name for name, _, _ in posed])
    views = _views(folder / f"images{suffix}", image_folder, cameras, posed)
    return Reconstruction(views, points if points is not None and len(points.positions) else None)


def find_model(path: Path) -> tuple[Path, str]:
    """The folder of the model at or below `path`, and whether it is ".bin" or ".txt"; of several the one of most pictures."""
    start = path if is_folder(path) else path.parent
    for place in (start / name for name in _MODEL_FOLDERS):
        models = [(folder, suffix) for folder in (place, *_numbered(place)) if (suffix := _suffix(folder)) is not None]
        if models:
            return max(models, key=lambda model: _n_pictures(*model))
    raise UserError(
        f"{path}: no COLMAP model there; expected cameras and images as .bin or .txt, directly or in sparse/0. "
        "Point dataset.path=... at the project folder."
    )


def _numbered(folder: Path) -> list[Path]:
    """The partial models `0`, `1`, ... of a folder."""
    if not is_folder(folder):
        return []
    return sorted((p for p in folder.iterdir() if p.name.isdecimal()), key=lambda p: natural_key(p.name))


def _suffix(folder: Path) -> str | None:
    """The kind of the model that lies in a folder."""
    kinds = (".bin", ".txt")
    return next((s for s in kinds if all(is_file(folder / f"{name}{s}") for name in ("cameras", "images"))), None)


def _n_pictures(folder: Path, suffix: str) -> int:
    """How many pictures a model poses, by its own word."""
    file = folder / f"images{suffix}"
    if suffix == ".bin":
        with file.open("rb") as opened:
            return int.from_bytes(opened.read(8), "little")
    return sum(1 for _ in _pose_lines(file, _lines(file)))


def _say_others(chosen: Path) -> None:
    """Name the partial models beside the one that is read."""
    if not chosen.name.isdecimal():
        return
    others = [(folder, suffix) for folder in _numbered(chosen.parent) if (suffix := _suffix(folder)) is not None]
    left = [f"{folder.name} ({_n_pictures(folder, suffix)} pictures)" for folder, suffix in others if folder != chosen]
    suffix = _suffix(chosen)
    if left and suffix is not None:
        warn(
            f"{chosen.parent}: holds {len(left) + 1} models that are not joined; {chosen.name}, of {_n_pictures(chosen, suffix)} "
            f"pictures, is read, left out: {', '.join(left)}. To read another: dataset.path={chosen.parent}/N"
        )


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
        name = view.image.resolve().relative_to(images.resolve()).as_posix().encode()
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


# ---- assembling ----------------------------------------------------------------------------------------------------


def _views(file: Path, folder: Path, cameras: dict[int, Camera], posed: list[_Posed]) -> tuple[View, ...]:
    gathered = Gathering(folder / "x")
    gathered_poses = Gathering(file)
    found = []
    for image_name, camera_id, make_pose in sorted(posed, key=lambda entry: natural_key(entry[0])):
        image = gathered.picture(image_name)
        pose = None if image is None else gathered_poses.pose(image_name, make_pose)
        if image is not None and pose is not None:
            found.append((image_name, camera_id, image, pose))
    gathered.tell(len(found) + gathered_poses.count(), hint="Name their folder: dataset.images=...")
    gathered_poses.tell(len(found))
    views = []
    names = unique_names([entry[0].replace("\\", "/") for entry in found])
    for name, (image_name, camera_id, image, pose) in zip(names, found, strict=True):
        if camera_id not in cameras:
            raise UserError(f"{file}: {image_name} names camera {camera_id}, which the model lacks. Export it again.")
        camera, reading = camera_for_image(cameras[camera_id], image, f"{file}: {image_name}")
        views.append(View(name, image, camera, pose, mask=_mask(folder, image), reading=reading))
    return tuple(views)


def _mask(images: Path, image: Path) -> Path | None:
    """The mask that COLMAP would use: `masks/` beside the pictures' folder, the picture's name and .png behind it."""
    masks = images.parent / "masks"
    if images.name == "" or not image.is_relative_to(images) or not is_folder(masks):
        return None
    return find_file(masks / f"{image.relative_to(images).as_posix()}.png")


def _image_folder(path: Path, model: Path, names: list[str]) -> Path:
    """The first usual picture folder that holds a picture of the model, not above the folder the user named."""
    top = (path if is_folder(path) else path.parent).resolve()
    candidates = [(model / name).resolve() for name in _IMAGE_FOLDERS]
    # The parent of the named folder is still fair: `sparse/` and `images/` are siblings in COLMAP's own layout.
    allowed = [folder for folder in candidates if folder.is_relative_to(top.parent) and is_folder(folder)]
    for folder in allowed:
        if any(_lies_in(folder, name) for name in names[:_LOOKED_FOR]):
            return folder
    raise UserError(f"{path}: the model's pictures ({names[0]}, ...) are not beside it. Name them: dataset.images=...")


def _lies_in(folder: Path, name: str) -> bool:
    path = Path(name.replace("\\", "/"))
    return ".." not in path.parts and not path.is_absolute() and find_picture(folder / path) is not None


def _camera(file: Path, name: str, width: int, height: int, numbers: Sequence[float]) -> Camera:
    model = _MODELS.get(name)
    if model is None:
        raise UserError(
            f"{file}: camera model {name} is not read; expected one of {', '.join(_MODELS)}. Undistort first."
        )
    if len(numbers) != model.n_focal + 2 + model.coefficients:
        raise _damaged(file, f"{name} with {len(numbers)} parameters")
    focal = numbers[: model.n_focal]
    cx, cy = numbers[model.n_focal : model.n_focal + 2]
    given = numbers[model.n_focal + 2 :]
    coefficients = (*given, *(0.0,) * (len(MODELS[model.ours].coefficients) - len(given)))
    try:
        return Camera(model.ours, (height, width), focal[0], focal[-1], cx, cy, coefficients)
    except ValueError as error:
        raise UserError(f"{file}: {error}. Correct the intrinsics.") from error


def _pose(file: Path, name: str, wxyz: Sequence[float], translation: Sequence[float]) -> Array:
    numbers = np.array([*wxyz, *translation])
    if not np.isfinite(numbers).all() or not numbers[:4].any():
        raise LostPoseError(
            f"{file}: the pose of {name} holds NaN, infinity or a quaternion of zeros. Correct or delete it."
        )
    if not 0.9 < np.linalg.norm(numbers[:4]) < 1.1:
        raise UserError(f"{file}: the pose of {name} has no unit quaternion. Correct or delete it.")
    return invert_rigid(rigid(rotation_from_wxyz(numbers[:4]), numbers[4:]))


def _damaged(file: Path, found: str) -> UserError:
    return UserError(f"{file}: not a valid COLMAP model ({found}). Export it again.")


# ---- binary --------------------------------------------------------------------------------------------------------


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
            raise _damaged(self.file, "it ends inside a name")
        text = self.data[self.at : end].decode("utf-8", "surrogateescape")
        self.at = end + 1
        return text

    def records(self) -> Iterator[int]:
        """Counts from 0 to the announced number; a lie ends in an error at the end of the file."""
        yield from range(self.take("<Q")[0])

    def _check(self, size: int) -> None:
        if self.at + size > len(self.data):
            raise _damaged(self.file, "the file ends early")


def _cameras_bin(file: Path) -> dict[int, Camera]:
    data, cameras = _Bytes(file), {}
    for _ in data.records():
        camera_id, model_id, width, height = data.take("<IiQQ")
        name = _NAMES.get(model_id, f"number {model_id}")
        model = _MODELS.get(name)
        n = model.n_focal + 2 + model.coefficients if model else 0
        cameras[camera_id] = _camera(file, name, width, height, data.take(f"<{n}d"))
    return cameras


def _images_bin(file: Path) -> list[_Posed]:
    data = _Bytes(file)
    posed: list[_Posed] = []
    for _ in data.records():
        numbers = data.take("<I7dI")
        name = data.text()
        data.skip(24 * data.take("<Q")[0])  # observations: x, y, point id
        posed.append((name, numbers[8], partial(_pose, file, name, numbers[1:5], numbers[5:8])))
    return posed


def _points_bin(file: Path) -> Points:
    data = _Bytes(file)
    positions, colors = [], []
    for _ in data.records():
        _, x, y, z, r, g, b, _, n_track = data.take("<Q3d3BdQ")
        data.skip(8 * n_track)
        positions.append((x, y, z))
        colors.append((r, g, b))
    return _finite_points(positions, colors)


def _finite_points(positions: list, colors: list) -> Points:
    xyz = np.array(positions, dtype=np.float64).reshape(-1, 3)
    rgb = np.array(colors, dtype=np.uint8).reshape(-1, 3)
    finite = np.isfinite(xyz).all(-1)
    return Points(xyz[finite], rgb[finite])


def _camera_record(camera: Camera, camera_id: int) -> bytes:
    h, w = camera.size_hw
    numbers = [camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion]
    return struct.pack(f"<IiQQ{len(numbers)}d", camera_id, MODELS[camera.model].colmap_id, w, h, *numbers)


# ---- text ----------------------------------------------------------------------------------------------------------


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in read_text(file).split("\n") if not line.startswith("#")]


def _cameras_txt(file: Path) -> dict[int, Camera]:
    cameras = {}
    for line in filter(None, _lines(file)):
        words = line.split()
        try:
            camera_id, width, height = int(words[0]), int(words[2]), int(words[3])
            numbers = [float(word) for word in words[4:]]
        except (IndexError, ValueError) as error:
            raise _damaged(file, f"line {line[:60]!r}") from error
        cameras[camera_id] = _camera(file, words[1], width, height, numbers)
    return cameras


def _images_txt(file: Path) -> list[_Posed]:
    """A line an image with its pose; the line of its observations is not read, and files made by hand may lack it."""
    posed: list[_Posed] = []
    for words in _pose_lines(file, _lines(file)):
        numbers, name = [float(word) for word in words[1:8]], words[9]
        posed.append((name, int(words[8]), partial(_pose, file, name, numbers[:4], numbers[4:])))
    return posed


def _pose_lines(file: Path, lines: list[str]) -> Iterator[list[str]]:
    """The words of each pose: image id, quaternion, translation, camera id, name (which may hold blanks).

    A line of observations is empty, or triples of numbers, and follows a pose: told apart by what is in it, not by its place.
    """
    may_be_observed = False
    for line in filter(None, lines):
        words = line.split(maxsplit=9)
        is_pose = len(words) == 10 and _is_whole(words[0]) and _is_whole(words[8]) and all(map(_is_number, words[1:8]))
        if may_be_observed and (not is_pose or _is_observations(line)):
            if not _is_number(words[0]):
                raise _damaged(file, f"line {line[:60]!r}")
            may_be_observed = False
            continue
        if not is_pose:
            raise _damaged(file, f"line {line[:60]!r}")
        may_be_observed = True
        yield words


def _is_observations(line: str) -> bool:
    """Whether a line that could be a pose is triples x y id: all numbers, no name."""
    words = line.split()
    return len(words) % 3 == 0 and all(map(_is_number, words[9:])) and not _is_unit(words[1:5])


def _is_unit(words: Sequence[str]) -> bool:
    return abs(sum(float(word) ** 2 for word in words) - 1) < 0.2


def _is_whole(word: str) -> bool:
    return word.lstrip("-").isascii() and word.lstrip("-").isdecimal() and len(word) < 20


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _points_txt(file: Path) -> Points:
    positions, colors = [], []
    for line in filter(None, _lines(file)):
        words = line.split(maxsplit=7)
        try:
            positions.append([float(word) for word in words[1:4]])
            colors.append([min(255, max(0, int(word))) for word in words[4:7]])
        except (IndexError, ValueError) as error:
            raise _damaged(file, f"line {line[:60]!r}") from error
    return _finite_points(positions, colors)
