"""What every reader of given poses checks: paths stay inside, poses are rigid, pictures fit their cameras."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from recon.formats.gathering import check_not_lost
from recon.formats.image_files import IMAGE_SUFFIXES, read_header
from recon.formats.images import natural_key
from recon.geometry.cameras import Camera
from recon.geometry.reconstruction import Reading, Reconstruction, View
from recon.geometry.transforms import Array
from recon.workspace.errors import UserError


def relative_to(image: Path, folder: Path) -> str:
    """The path of a picture as a file in `folder` names it; `UserError` where it lies elsewhere."""
    image, folder = image.resolve(), folder.resolve()
    if not image.is_relative_to(folder):
        raise UserError(f"{image} is not below {folder}: this format names pictures relative to its own folder.")
    return image.relative_to(folder).as_posix()


def rigid_matrix(matrix: Array, label: str) -> Array:
    """A given pose [3 or 4, 4] as an exactly rigid [4, 4]; `UserError` when it is not one but for rounding."""
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
    if matrix.shape != (4, 4):
        raise UserError(f"{label}: expected a 4x4 pose, found shape {matrix.shape}. Correct or delete it.")
    check_not_lost(matrix[:3, :3], label)
    check_not_lost(matrix, label)
    if np.abs(matrix[:, 3] - [0, 0, 0, 1]).max() < 1e-6 < np.abs(matrix[3] - [0, 0, 0, 1]).max():
        raise UserError(
            f"{label}: the pose has its translation in the last row: it is written by columns. Transpose every matrix."
        )
    rotation = matrix[:3, :3]
    _check_unscaled(matrix, label)
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


def _check_unscaled(matrix: Array, label: str) -> None:
    """`UserError` for a pose [4, 4] that is rigid but for one factor: of the whole matrix, or of the axes."""
    row, w = matrix[3, :3], float(matrix[3, 3])
    if not row.any() and abs(w - 1) > 1e-6:
        raise UserError(
            f"{label}: the pose is not rigid: its last row is 0 0 0 {w:g}, expected 0 0 0 1. If all of the matrix is "
            f"multiplied by {w:g}, divide it by {w:g}; else write 1."
        )
    with np.errstate(all="ignore"):  # numbers that no square holds
        scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
        off = np.abs(matrix[:3, :3].T @ matrix[:3, :3] / max(scale, 1e-9) ** 2 - np.eye(3)).max()
    if scale > 0 and off < 1e-2 < abs(scale**2 - 1):
        raise UserError(
            f"{label}: the pose is not rigid: its axes are {scale:.4g} long, expected 1. Divide the first three "
            f"columns by {scale:.4g}, or export poses of unscaled cameras."
        )


def camera_for_image(camera: Camera, image: Path, label: str) -> tuple[Camera, Reading]:
    """`camera` for the picture as it is, scaled where the picture is a resampled copy, and how its pixels are read for it.

    Programs that find poses read the stored pixels and know nothing of EXIF orientation, so a picture is read that way, unless
    only the turned one has the camera's shape. Raises `UserError` where neither has.
    """
    header = read_header(image)
    for size_hw, orientation in ((header.stored_hw, 1), (header.size_hw, header.orientation)):
        if has_shape(camera.size_hw, size_hw):
            reading = Reading(None if orientation == header.orientation else orientation)
            return (camera if size_hw == camera.size_hw else camera.resized(size_hw)), reading
    (h, w), (camera_h, camera_w) = header.size_hw, camera.size_hw
    turned = " (it is turned by a quarter: turn it back)" if (w, h) == camera.size_hw else ""
    raise UserError(
        f"{label}: the picture {image.name} is {w}x{h}, its camera is for {camera_w}x{camera_h}{turned}. "
        "Give the pictures the intrinsics were made for, or a scaled copy of them."
    )


def posed_size_hw(image: Path, center_xy: tuple[float, float] | None = None) -> tuple[int, int]:
    """The size that a camera without one is for: that of the stored pixels, unless its centre lies nearer to the turned one's."""
    header = read_header(image)
    if center_xy is None or header.stored_hw == header.size_hw:
        return header.stored_hw

    def off(size_hw: tuple[int, int]) -> float:
        return abs(center_xy[0] / size_hw[1] - 0.5) + abs(center_xy[1] / size_hw[0] - 0.5)

    return min((header.stored_hw, header.size_hw), key=off)


def has_shape(size_hw: tuple[int, int], other_hw: tuple[int, int]) -> bool:
    """Whether one size is the other resampled, which rounds each side by up to a pixel."""
    (h, w), (other_h, other_w) = size_hw, other_hw
    return abs(other_h / h - other_w / w) <= 1.0 / min(h, w) + 1.0 / max(h, w)


def one_camera(reconstruction: Reconstruction, target: Path) -> Camera:
    """The camera of all views, for formats that have room for one; `UserError` where there are more."""
    cameras = {view.camera for view in reconstruction.views}
    if len(cameras) != 1:
        raise UserError(f"{target}: this format holds one camera, not {len(cameras)}. Write transforms.json instead.")
    return cameras.pop()


def in_order(views: Iterable[View], *, is_split: bool = False) -> tuple[View, ...]:
    """The views by name. Where the data set is split for training and test, what it leaves open is for training."""
    ordered = sorted(views, key=lambda view: natural_key(view.name))
    if is_split:
        ordered = [replace(view, split=view.split or "train") for view in ordered]
    return tuple(ordered)


def _is_utf8(path: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def unique_names(paths: list[str]) -> list[str]:
    """Names for views, without '/' so that they can name files: the stem, or the whole path where stems repeat.

    What is not UTF-8 in a path becomes '_': no other program could open what is named so.
    """
    paths = [
        path.encode("utf-8", "replace").decode().replace("?", "_") if not _is_utf8(path) else path for path in paths
    ]
    pure = [Path(path) for path in paths]
    pure = [path.with_suffix("") if path.suffix.lower() in IMAGE_SUFFIXES else path for path in pure]
    whole = ["_".join(path.parts) for path in pure]
    candidates = ([path.name for path in pure], whole, [f"{name}_{i:05d}" for i, name in enumerate(whole)])
    return next(names for names in candidates if len(set(names)) == len(names))
