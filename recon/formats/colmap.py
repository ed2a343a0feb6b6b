"""COLMAP sparse models, text and binary: cameras, poses and points.

COLMAP stores `camera_from_world` as a quaternion (wxyz) and a translation, OpenCV axes, half-pixel convention. The
parser is our own because COLMAP's ends the process on a damaged file; here counts are checked against the bytes
there are. Rigs and feature tracks are not read: poses are stored per image.

colmap_binary, colmap_text: the two kinds of files; colmap_parts: what they share.
"""

from pathlib import Path

from recon.formats import colmap_binary, colmap_text
from recon.formats.colmap_binary import write
from recon.formats.colmap_parts import Posed
from recon.formats.gathering import Gathering
from recon.formats.given_poses import camera_for_image, unique_names
from recon.formats.images import natural_key
from recon.formats.named_files import find_file, find_picture
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction, View
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file, is_folder

_MODEL_FOLDERS = ("", "sparse", "colmap/sparse", "colmap")  # and in each 0, 1, ...
_IMAGE_FOLDERS = ("images", "../images", "../../images", "../../../images", "../../frames", "")
_KINDS = (".bin", ".txt")  # of models, the first of which is read where both lie there
_LOOKED_FOR = 100  # pictures of a model that are looked for in a folder that may be theirs


def read(path: Path, *, images: Path | None) -> Reconstruction:
    """Read the model in `path` or in its usual sub-folders (`sparse/0`, ...), in the model's own frame and unit.

    `images` is the picture folder; None looks for `images/` from the model upwards to `path`. Pictures that do not
    exist are skipped with one warning. Raises `UserError` naming the file for anything damaged.
    """
    folder, suffix = find_model(path)
    _say_others(folder)
    reader = {".bin": colmap_binary, ".txt": colmap_text}[suffix]
    cameras = reader.read_cameras(folder / f"cameras{suffix}")
    posed = reader.read_images(folder / f"images{suffix}")
    if not posed:
        raise UserError(f"{folder / f'images{suffix}'}: poses no picture. Export the model again.")
    points_file = folder / f"points3D{suffix}"
    points = reader.read_points(points_file) if is_file(points_file) else None
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
    return next((suffix for suffix in _KINDS if _has(folder, suffix)), None)


def _has(folder: Path, suffix: str) -> bool:
    """Whether a model of this kind lies in a folder."""
    return all(is_file(folder / f"{name}{suffix}") for name in ("cameras", "images"))


def _n_pictures(folder: Path, suffix: str) -> int:
    """How many pictures a model poses, by its own word."""
    file = folder / f"images{suffix}"
    if suffix == ".bin":
        with file.open("rb") as opened:
            return int.from_bytes(opened.read(8), "little")
    return sum(1 for _ in colmap_text.pose_lines(file, colmap_text.lines_of(file)))


def _say_others(chosen: Path) -> None:
    """Name the partial models beside the one that is read, and a text beside a binary one: edits of it would do nothing."""
    if all(_has(chosen, kind) for kind in _KINDS):
        say(
            f"{chosen}: holds the model in binary and in text; the binary one is read, as by COLMAP. To read the text, move the "
            ".bin files away"
        )
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


def _views(file: Path, folder: Path, cameras: dict[int, Camera], posed: list[Posed]) -> tuple[View, ...]:
    gathered = Gathering(folder / "x", shown=folder)
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


__all__ = ["find_model", "read", "write"]
