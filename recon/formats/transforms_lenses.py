"""The lenses of a `transforms.json`: intrinsics at the top of the file or in a frame, by whichever keys there are.

A frame that gives a focal length, by any key, has none from the top. What is meant rather than written (degrees for radians,
intrinsics of a larger picture) is inferred and told once, never silently.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recon.formats.given_poses import camera_for_image, posed_size_hw
from recon.formats.intrinsics import with_k3
from recon.geometry.cameras import Camera
from recon.geometry.lenses import COEFFICIENTS, LENSES
from recon.geometry.reconstruction import Reading
from recon.workspace.console import say, warn
from recon.workspace.errors import UserError

# instant-ngp's lenses that we have no model for, by the key that it knows them by.
_OTHER_LENSES = {"ftheta_p0": "FTHETA", "latlong": "LATLONG", "equirectangular": "EQUIRECTANGULAR"}
# Other names. nerfstudio bends the rays of a PINHOLE too where the file has coefficients.
_MODEL_NAMES = {
    **dict.fromkeys(("PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"), "OPENCV"),
    "FISHEYE": "OPENCV_FISHEYE",
}
FOCAL_KEYS = ("fl_x", "fl_y", "camera_angle_x", "camera_angle_y", "x_fov", "y_fov")
_LISTED, _ORDER = "distortion_params", ("k1", "k2", "k3", "k4", "p1", "p2")  # as nerfstudio has them
_COPIES = (1 / 8, 1 / 4, 1 / 3, 1 / 2, 2, 3, 4, 8)  # sizes of copies of pictures, as programs make them
_LONGEST_SHARE = 5.0  # of a picture's side: focal lengths below are no pixels
_DISAGREE = 0.02


class Lenses:
    """Makes the camera of each frame; what it infers on the way is told by `tell`."""

    def __init__(self, file: Path, top: Mapping[str, Any]) -> None:
        self._file, self._top = file, top
        self._told: dict[str, int] = {}

    def camera(self, frame: Mapping[str, Any], image: Path) -> tuple[Camera, Reading]:
        """The camera of a frame whose picture is `image`, and how the picture is read for it."""
        label = f"{self._file}: frame {frame.get('file_path')}"
        value = self._merged(label, frame)
        model, distortion = _distortion(label, value)  # first: panoramas have no focal length to ask for
        self._note_unused(label, value, model)
        h, w = size_hw = self._size_hw(label, value, image)
        value = self._in_pixels(label, value, size_hw)
        fx = self._focal(label, value, "x", w)
        if fx is None:
            raise UserError(
                f"{label}: no focal length; expected 'fl_x' or 'camera_angle_x'. Export it with intrinsics."
            )
        fy = self._focal(label, value, "y", h) if "fl_y" in value or "fl_x" not in value else fx
        cx = number(label, value, "cx") if "cx" in value else w / 2
        cy = number(label, value, "cy") if "cy" in value else h / 2
        try:
            camera = Camera(model, size_hw, fx, fx if fy is None else fy, cx, cy, distortion)
        except ValueError as error:
            raise UserError(f"{label}: {error}. Correct the intrinsics.") from error
        return camera_for_image(camera, image, label)

    def tell(self) -> None:
        """Say what was inferred, each thing once."""
        for what, count in self._told.items():
            say(f"{self._file}: {what} ({count} frames)")

    def _note(self, what: str) -> None:
        self._told[what] = self._told.get(what, 0) + 1

    def _merged(self, label: str, frame: Mapping[str, Any]) -> dict[str, Any]:
        """The intrinsics that count for a frame: its own, then those of the top, which are for the top's size."""
        top, frame = _spelled_out(label, self._top), _spelled_out(label, frame)
        if any(key in frame for key in FOCAL_KEYS):
            self._note_overruled(label, frame)
            top = {key: value for key, value in top.items() if key not in FOCAL_KEYS}
        for side, keys in (("w", ("fl_x", "cx")), ("h", ("fl_y", "cy"))):
            if side in frame and side in top and frame[side] != top[side]:
                factor = number(label, frame, side) / max(number(label, top, side), 1e-9)
                top |= {key: number(label, top, key) * factor for key in keys if key in top}
        return {**top, **frame}

    def _note_unused(self, label: str, value: Mapping[str, Any], model: str) -> None:
        """Note coefficients that the lens of a frame does not have."""
        own = LENSES[model].coefficients
        for key in COEFFICIENTS:
            if key in value and key not in own and number(label, value, key) != 0:
                self._note(f"{key!r} is no coefficient of an {model} lens ({' '.join(own) or 'none'}): it is not used")

    def _note_overruled(self, label: str, frame: Mapping[str, Any]) -> None:
        """Note where a frame has another focal length than the top of the file."""
        for key in (key for key in FOCAL_KEYS if key in frame and key in self._top):
            own, top = number(label, frame, key), number(label, self._top, key)
            if abs(own - top) > _DISAGREE * abs(top) and frame.get("w", self._top.get("w")) == self._top.get("w"):
                self._note(f"frames have a {key!r} of their own, which counts, not the {top:g} at the top")

    def _size_hw(self, label: str, value: Mapping[str, Any], image: Path) -> tuple[int, int]:
        """The size that the intrinsics are for: as written, else the picture's, or that of a copy the centre tells of."""
        if "w" in value and "h" in value:
            sides = number(label, value, "h"), number(label, value, "w")
            if not all(1 <= side <= 1e6 for side in sides):
                raise UserError(f"{label}: 'w' and 'h' must be pixels, found {value['w']!r} and {value['h']!r}.")
            return int(sides[0]), int(sides[1])
        if "cx" not in value or "cy" not in value:
            return posed_size_hw(image)
        center = number(label, value, "cx"), number(label, value, "cy")
        h, w = posed_size_hw(image, center)
        across, down = 2 * center[0] / w, 2 * center[1] / h

        def is_near(factor: float) -> bool:
            return factor > 0 and max(abs(across / factor - 1), abs(down / factor - 1)) < 0.1

        copy = min(_COPIES, key=lambda factor: abs(across / factor - 1) + abs(down / factor - 1))
        if not is_near(
            copy
        ):  # a copy of another size, whose centre would else lie far from the middle: a whole factor most likely
            mean = 0.5 * (across + down)
            copy = float(round(mean)) if mean > 1 else 1 / max(round(1 / max(mean, 1e-9)), 1)
        if not is_near(copy) or copy == 1:
            return h, w
        self._note(f"the principal point says that the intrinsics are for pictures {copy:g} times as large: scaled")
        return round(h * copy), round(w * copy)

    def _in_pixels(self, label: str, value: dict[str, Any], size_hw: tuple[int, int]) -> dict[str, Any]:
        """The intrinsics, with those that are shares of the picture's sides, or of the longer one, as pixels."""
        given = {key: number(label, value, key) for key in ("fl_x", "fl_y", "cx", "cy") if key in value}
        limits = {"fl_x": _LONGEST_SHARE, "fl_y": _LONGEST_SHARE, "cx": 1.0, "cy": 1.0}
        if "fl_x" not in given or min(size_hw) < 16 or not all(0 < v <= limits[key] for key, v in given.items()):
            return value
        (h, w), longer = size_hw, max(size_hw)
        f_x, f_y = given["fl_x"], given.get("fl_y", given["fl_x"])
        by_sides = "fl_y" not in given or abs(f_x * w / (f_y * h) - 1) <= abs(f_x / f_y - 1)
        sides = (
            {"fl_x": w, "fl_y": h, "cx": w, "cy": h} if by_sides else {"fl_x": longer, "fl_y": longer, "cx": w, "cy": h}
        )
        self._note("the intrinsics are shares of the picture's " + ("sides" if by_sides else "longer side"))
        return {**value, **{key: v * sides[key] for key, v in given.items()}}

    def _focal(self, label: str, value: Mapping[str, Any], axis: str, size: int) -> float | None:
        """Focal length in pixels along an axis, by whichever key there is."""
        by_angle = self._focal_of_angle(label, value, axis, size)
        if f"fl_{axis}" not in value:
            return by_angle
        focal = number(label, value, f"fl_{axis}")
        if by_angle is not None and abs(focal / by_angle - 1) > _DISAGREE and focal > 0:
            is_absurd = not 0.1 < focal / size < 20
            kept, used = (by_angle, "the angle") if is_absurd else (focal, f"fl_{axis}")
            warn(
                f"{self._file}: 'fl_{axis}' is {focal:g} px, but the angle of view says {by_angle:.4g}: {used} is used. "
                "Delete the wrong one."
            ) if not self._told.get(f"two focal lengths {axis}") else None
            self._note(f"two focal lengths {axis}")
            return kept
        return focal

    def _focal_of_angle(self, label: str, value: Mapping[str, Any], axis: str, size: int) -> float | None:
        for key, is_degrees in ((f"camera_angle_{axis}", False), (f"{axis}_fov", True)):
            if key in value:
                angle, meant = angle_of(number(label, value, key), is_degrees=is_degrees)
                if angle is None:
                    raise UserError(f"{label}: {key!r} must be an angle under 180 degrees, found {value[key]!r}.")
                if meant is not None:
                    self._note(f"{key!r} is {value[key]:g}, which is read as {meant}")
                return focal_of_angle(angle, size)
        return None


def _spelled_out(label: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """The values with nerfstudio's list of coefficients under their names; it counts before these."""
    if value.get(_LISTED) is None:
        return dict(value)
    listed = value[_LISTED]
    if not isinstance(listed, list) or len(listed) != len(_ORDER):
        raise UserError(
            f"{label}: {_LISTED!r} must be the list {', '.join(_ORDER)}, found {str(listed)[:60]}. Correct it."
        )
    return {**value, **dict(zip(_ORDER, listed, strict=True))}


def angle_of(value: float, *, is_degrees: bool) -> tuple[float | None, str | None]:
    """An angle of view in radians, None where it is none; and the unit in words where it is not the expected one.

    is_degrees: the expected unit. No lens sees less than three degrees, and no picture spans more than pi radians.
    """
    if is_degrees:
        radians, meant = (value, "radians") if 0 < value < 3 else (math.radians(value), None)
    else:
        radians, meant = (math.radians(value), "degrees") if value >= 10 else (value, None)
    return (radians if 0 < radians < math.pi else None), meant


def focal_of_angle(angle: float, size: int) -> float:
    """Focal length in pixels of a picture whose `size` pixels span an angle in radians; infinite for next to none."""
    tangent = math.tan(0.5 * angle)
    return 0.5 * size / tangent if tangent > 0 else math.inf


def number(label: str, value: Mapping[str, Any], key: str) -> float:
    """The finite number under a key that is there."""
    found = value[key]
    if not isinstance(found, (int, float)) or isinstance(found, bool) or not abs(found) < 1e300:
        raise UserError(f"{label}: {key!r} must be a finite number, found {str(found)[:60]!r}. Correct the intrinsics.")
    return float(found)


def _distortion(label: str, value: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    """Our camera model and its coefficients; OPENCV when the file has coefficients but names no model."""
    name = "OPENCV_FISHEYE" if value.get("is_fisheye") else str(value.get("camera_model", "OPENCV")).upper()
    name = next((lens for key, lens in _OTHER_LENSES.items() if value.get(key)), name)
    name = _MODEL_NAMES.get(name, name)
    if name in ("EQUIRECTANGULAR", "SPHERICAL"):
        raise UserError(
            f"{label}: panoramas with given poses are not read; expected perspective or fisheye pictures. Let the poses be "
            "found: capture.source=FOLDER_OF_PANORAMAS capture.projection=equirectangular, or export cube views."
        )
    if name not in LENSES:
        raise UserError(
            f"{label}: camera model {name!r} is not read; expected one of {', '.join(LENSES)}. Undistort the "
            "pictures, or export with one of these models."
        )
    coefficients = tuple(number(label, value, key) if key in value else 0.0 for key in LENSES[name].coefficients)
    if name == "OPENCV" and "k4" in value and number(label, value, "k4") != 0:
        raise UserError(
            f"{label}: a fourth radial coefficient (k4) is read of fisheyes only; expected camera_model OPENCV_FISHEYE. "
            "Undistort the pictures, or calibrate with k1 k2 p1 p2 only."
        )
    k3 = number(label, value, "k3") if name == "OPENCV" and "k3" in value else 0.0
    return with_k3(coefficients, k3) if name == "OPENCV" else (name, coefficients)
