"""Intrinsics that stand apart from the poses: a small text file, or the setting `dataset.intrinsics`.

Both are `fx fy cx cy [k1 k2 p1 p2 [k3]]` in OpenCV's convention, where the centre of the top-left pixel is (0, 0): half a
pixel is added to cx and cy here. A file may hold the matrix K instead. See docs/conventions.md.
"""

from collections.abc import Sequence
from pathlib import Path

from recon.formats.given_poses import posed_size_hw
from recon.formats.text_tables import read_rows, write_rows
from recon.geometry.cameras import Camera
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file
from recon.workspace.settings import LARGE

Intrinsics = str | Sequence[float]  # as a person gives them: a file, relative to the data set, or the numbers
_COUNTS = (4, 8, 9)


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
    model, distortion = with_k3(numbers[4:8], numbers[8] if len(numbers) > 8 else 0.0)
    try:
        return Camera(model, size_hw, fx, fy, cx + 0.5, cy + 0.5, distortion)
    except ValueError as error:
        raise UserError(f"{label}: {error}. Correct the intrinsics.") from error


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
    """Write `fx fy cx cy [k1 k2 p1 p2 [k3]]`, OpenCV's convention; `read_intrinsics` and `camera_of` give the camera back."""
    is_brown = camera.model in ("PINHOLE", "OPENCV") or (
        camera.model == "FULL_OPENCV" and not any(camera.distortion[5:])
    )
    if not is_brown:
        raise UserError(
            f"{file}: this format holds no {camera.model} lens. Write transforms.json or a COLMAP model instead."
        )
    numbers = (camera.fx, camera.fy, camera.cx - 0.5, camera.cy - 0.5, *camera.distortion[:5])
    write_rows(file, [numbers], comment="fx fy cx cy k1 k2 p1 p2 k3; the centre of the top-left pixel is (0, 0)")


def with_k3(coefficients: Sequence[float], k3: float) -> tuple[str, tuple[float, ...]]:
    """Lens model and coefficients of `k1 k2 p1 p2` and a third radial one: the poorest model that has what is not zero."""
    if k3:
        return "FULL_OPENCV", (*coefficients, k3, 0.0, 0.0, 0.0)
    return ("OPENCV", tuple(coefficients)) if any(coefficients) else ("PINHOLE", ())


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
