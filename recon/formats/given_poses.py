"""What every reader of given poses checks: paths stay inside, poses are rigid, pictures fit their cameras."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recon.errors import UserError
from recon.formats.images import IMAGE_SUFFIXES, image_size_hw
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reconstruction
from recon.geometry.transforms import Array


def inside(file: Path, named: str, *, also: Sequence[Path] = ()) -> Path:
    """The path that `file` names, from its folder; it must stay in it (or a symbolic link's own target), or in `also`."""
    path = Path(os.path.abspath(file.parent / named.replace("\\", "/")))
    if not any(path.is_relative_to(os.path.abspath(folder)) for folder in (file.parent, *also)):
        raise UserError(
            f"{file}: the path {named!r} leads out of the capture's folder; expected one relative to it, without "
            "'..'. Move the pictures below the folder and correct the path, or name their folder: dataset.images=..."
        )
    return path


def relative_to(image: Path, folder: Path) -> str:
    """The path of a picture as a file in `folder` names it; `UserError` where it lies elsewhere."""
    image, folder = image.resolve(), folder.resolve()
    if not image.is_relative_to(folder):
        raise UserError(f"{image} is not below {folder}: this format names pictures relative to its own folder.")
    return image.relative_to(folder).as_posix()


def find_picture(path: Path) -> Path | None:
    """`path` itself, or with the first picture suffix that exists; None when there is no such file."""
    suffixes = ("", *IMAGE_SUFFIXES, *(suffix.upper() for suffix in IMAGE_SUFFIXES))
    candidates = (path.with_name(path.name + suffix) for suffix in suffixes if path.name)
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def rigid_matrix(matrix: Array, label: str) -> Array:
    """A given pose [3 or 4, 4] as an exactly rigid [4, 4]; `UserError` when it is not one but for rounding."""
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
    if matrix.shape != (4, 4):
        raise UserError(f"{label}: expected a 4x4 pose, found shape {matrix.shape}. Correct or delete it.")
    if not np.isfinite(matrix).all():
        raise UserError(f"{label}: the pose holds NaN or infinity. Correct it or delete the frame.")
    rotation = matrix[:3, :3]
    # Exports print 4 to 8 digits; 0.01 lets all of them pass and no scaled, sheared or mirrored pose.
    off = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if off > 1e-2 or np.linalg.det(rotation) < 0 or np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
        raise UserError(
            f"{label}: the pose is not rigid (a rotation and a translation); its axes are off by {off:.3g}"
            f"{' and mirrored' if np.linalg.det(rotation) < 0 else ''}. Export unscaled camera poses."
        )
    u, _, vt = np.linalg.svd(rotation)
    matrix = matrix.copy()
    matrix[:3, :3] = u @ vt
    return matrix


def camera_for_image(camera: Camera, image: Path, label: str) -> Camera:
    """`camera` for the picture as it is: scaled where the picture is a resampled copy, an error for another shape."""
    size_hw = image_size_hw(image)
    if size_hw == camera.size_hw:
        return camera
    (h, w), (camera_h, camera_w) = size_hw, camera.size_hw
    # A resampled copy rounds each side by up to a pixel.
    if abs(h / camera_h - w / camera_w) > 1.0 / min(camera_h, camera_w) + 1.0 / max(camera_h, camera_w):
        turned = " (it is turned: undo its EXIF orientation)" if (w, h) == camera.size_hw else ""
        raise UserError(
            f"{label}: the picture {image.name} is {w}x{h}, its camera is for {camera_w}x{camera_h}{turned}. "
            "Give the pictures the intrinsics were made for, or a scaled copy of them."
        )
    return camera.resized(size_hw)


def one_camera(reconstruction: Reconstruction, target: Path) -> Camera:
    """The camera of all views, for formats that have room for one; `UserError` where there are more."""
    cameras = {view.camera for view in reconstruction.views}
    if len(cameras) != 1:
        raise UserError(f"{target}: this format holds one camera, not {len(cameras)}. Write transforms.json instead.")
    return cameras.pop()


def unique_names(paths: list[str]) -> list[str]:
    """Names for views, without '/' so that they can name files: the stem, or the whole path where stems repeat."""
    pure = [Path(path) for path in paths]
    pure = [path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path for path in pure]
    whole = ["_".join(path.parts) for path in pure]
    candidates = ([path.name for path in pure], whole, [f"{name}_{i:05d}" for i, name in enumerate(whole)])
    return next(names for names in candidates if len(set(names)) == len(names))
