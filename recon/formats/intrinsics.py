"""Intrinsics that stand apart from the poses: a small text file, or the setting `dataset.intrinsics`.

Both are `fx fy cx cy [k1 k2 p1 p2 [k3]]` in OpenCV's convention, where the centre of the top-left pixel is (0, 0): half a
pixel is added to cx and cy here. A file may hold the matrix K instead. See docs/conventions.md.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recon.formats.given_poses import posed_size_hw
from recon.formats.text_tables import read_rows, write_rows
from recon.geometry.cameras import Camera
from recon.geometry.transforms import Array
from recon.workspace.console import warn
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file
from recon.workspace.settings import LARGE

Intrinsics = str | Sequence[float]  # as a person gives them: a file, relative to the data set, or the numbers
_COUNTS = (4, 8, 9)
_MAX_RMS = 0.001  # of the longer side, 0.64 px of 640: beyond this a lens with k3 is too far from one without


def read_intrinsics(given: Intrinsics | None, folder: Path, *, names: Sequence[str]) -> tuple[float, ...] | None:
    """The given numbers, or those of the given file; None looks for a file of `names` in `folder`, and may find none.

    4, 8 or 9 numbers in OpenCV's convention. Raises `UserError` for another count or anything that is not a number.
    """
    if given is None:
        file = next((folder / name for name in names if is_file(folder / name)), None)
        return None if file is None else _of_file(file)
    if isinstance(given, str):
        return _of_file(folder / given)
    check_intrinsics(given)
    return tuple(float(number) for number in given)


def check_intrinsics(given: object) -> None:
    """`UserError` unless `given` is None, the name of a file, or 4, 8 or 9 numbers."""
    if given is None or (isinstance(given, str) and given):
        return
    is_numbers = isinstance(given, Sequence) and all(
        isinstance(number, (int, float)) and not isinstance(number, bool) and abs(number) <= LARGE for number in given
    )
    if not is_numbers:
        raise UserError(f"dataset.intrinsics={given}: expected a file, or numbers like [fx,fy,cx,cy].")
    _counted(given, "dataset.intrinsics")  # type: ignore[arg-type]


def camera_of(numbers: Sequence[float], size_hw: tuple[int, int], label: str) -> Camera:
    """The camera of `fx fy cx cy [k1 k2 p1 p2 [k3]]` in OpenCV's convention, for pictures of `size_hw`."""
    fx, fy, cx, cy = numbers[:4]
    model, distortion = ("OPENCV", tuple(numbers[4:8])) if any(numbers[4:]) else ("PINHOLE", ())
    try:
        camera = Camera(model, size_hw, fx, fy, cx + 0.5, cy + 0.5, distortion)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Correct the intrinsics.") from error
    k3 = numbers[8] if len(numbers) > 8 else 0.0
    return without_k3(camera, k3, label) if k3 else camera


def shared_camera(numbers: Sequence[float], pictures: Sequence[Path], label: str) -> Camera:
    """`camera_of` for pictures of one size; `UserError` where their sizes differ."""
    if not pictures:
        raise UserError(f"{label}: none of its pictures opens. Copy them again.")
    center = (numbers[2], numbers[3])
    sizes = sorted({posed_size_hw(picture, center) for picture in pictures})
    if len(sizes) != 1:
        found = " and ".join(f"{w}x{h}" for h, w in sizes[:3])
        raise UserError(f"{label}: one camera, but pictures of {found}. Keep the pictures that the intrinsics are for.")
    return camera_of(numbers, sizes[0], label)


def write_intrinsics(file: Path, camera: Camera) -> None:
    """Write `fx fy cx cy [k1 k2 p1 p2]`, OpenCV's convention; `read_intrinsics` and `camera_of` give the camera back."""
    if camera.model == "OPENCV_FISHEYE":
        raise UserError(f"{file}: this format holds no fisheye lens. Write transforms.json or a COLMAP model instead.")
    numbers = (camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5, *camera.distortion)
    write_rows(file, [numbers], comment="fx fy cx cy k1 k2 p1 p2; the centre of the top-left pixel is (0, 0)")


def without_k3(camera: Camera, k3: float, label: str) -> Camera:
    """The OPENCV camera nearest, over the picture, to `camera` with a third radial coefficient `k3`.

    Warns of the error that is left. Raises `UserError` where it is too large (root mean square).
    """
    from scipy.optimize import least_squares  # slow to load, and for few lenses

    given = np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])
    plane = _plane_in_picture(camera, k3)
    pixels = _project(given, plane, k3)
    scale = np.array([100.0, 100.0, 100.0, 100.0, 0.1, 0.1, 0.01, 0.01])
    fitted = least_squares(lambda numbers: (_project(numbers, plane) - pixels).ravel(), given, x_scale=scale)
    error = np.linalg.norm(fitted.fun.reshape(-1, 2), axis=1)
    rms, worst = float(np.sqrt((error**2).mean())), float(error.max())
    if rms > _MAX_RMS * max(camera.size_hw):
        raise UserError(
            f"{label}: the lens has a third radial coefficient (k3={k3:g}) that k1 k2 p1 p2 do not stand for: {rms:.1f} px "
            "are left (root mean square). Undistort the pictures, or calibrate with k1 k2 p1 p2 only."
        )
    if worst > 0.1:
        warn(f"{label}: k3={k3:g} is folded into k1 k2 p1 p2; {rms:.2f} px are left, {worst:.1f} px in the corners.")
    fx, fy, cx, cy, *distortion = (float(number) for number in fitted.x)
    return Camera("OPENCV", camera.size_hw, fx, fy, cx, cy, tuple(distortion))


def _of_file(file: Path) -> tuple[float, ...]:
    rows = [row.numbers() for row in read_rows(file)]
    if len(rows) >= 3 and all(len(row) == 3 for row in rows[:3]) and rows[2] == (0.0, 0.0, 1.0):  # the matrix K
        (fx, _, cx), (_, fy, cy) = rows[:2]
        return fx, fy, cx, cy
    return _counted(rows[0], str(file))


def _counted(numbers: Sequence[float], label: str) -> tuple[float, ...]:
    if len(numbers) not in _COUNTS:
        raise UserError(f"{label}: expected fx fy cx cy [k1 k2 p1 p2 [k3]], 4, 8 or 9 numbers, found {len(numbers)}.")
    return tuple(numbers)


def _plane_in_picture(camera: Camera, k3: float) -> Array:
    """Undistorted points [n, 2] of the image plane that fall into the picture, where the lens is one to one."""
    h, w = camera.size_hw
    grid = np.linspace(-1.4, 1.4, 41)  # barrel distortion pulls points from outside into the picture
    x, y = np.meshgrid(grid * w / 2 / camera.fx, grid * h / 2 / camera.fy)
    plane = np.stack([x, y], -1).reshape(-1, 2)
    k1, k2 = camera.distortion[:2]
    r2 = np.linspace(0, float(np.hypot(x, y).max()), 500) ** 2
    folds = 1 + r2 * (3 * k1 + r2 * (5 * k2 + r2 * 7 * k3)) <= 0
    plane = plane[(plane**2).sum(-1) < (r2[np.argmax(folds)] if folds.any() else np.inf)]
    numbers = np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])
    pixels = _project(numbers, plane, k3)
    return plane[((pixels >= 0) & (pixels <= [w, h])).all(-1)]


def _project(numbers: Array, plane: Array, k3: float = 0.0) -> Array:
    """Pixels [n, 2] of image-plane points [n, 2]; OpenCV's formula with numbers fx fy cx cy k1 k2 p1 p2."""
    fx, fy, cx, cy, k1, k2, p1, p2 = numbers
    x, y = plane.T
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)
    distorted_y = y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)
    return np.stack([fx * distorted_x + cx, fy * distorted_y + cy], -1)
