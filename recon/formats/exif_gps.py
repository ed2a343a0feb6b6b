"""Where a photo was taken: the GPS block of EXIF."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from recon.formats.exif import DAMAGE
from recon.formats.image_files import has_heif
from recon.geometry.geodesy import GpsFix
from recon.workspace.errors import UserError
from recon.workspace.reading import is_file

_DAMAGE = (*DAMAGE, Image.DecompressionBombError)
_SIGNS = {"N": 1.0, "S": -1.0, "E": 1.0, "W": -1.0}


def read_gps(path: Path) -> GpsFix | None:
    """The position in a picture's EXIF; None where there is none, or none that can be believed.

    Phones write latitude and longitude 0 before their first fix: (0, 0) exactly counts as none. PNG counts as none too:
    no camera writes it, and finding its EXIF would mean decoding every picture of a data set.
    """
    if not is_file(path):
        raise UserError(f"{path}: there is no such image file. Check the path.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of odd metadata elsewhere in the file
        try:
            with Image.open(path, formats=("JPEG", "WEBP", "TIFF", *(("HEIF",) if has_heif() else ()))) as image:
                return parse_gps(image.getexif().get_ifd(ExifTags.IFD.GPSInfo))
        except _DAMAGE:
            return None


def parse_gps(tags: Mapping[int, Any]) -> GpsFix | None:
    """A fix from the tags of an EXIF GPS block."""
    latitude = _degrees(tags, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef)
    longitude = _degrees(tags, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef)
    if latitude is None or longitude is None or latitude == longitude == 0:
        return None
    try:
        return GpsFix(latitude, longitude, _altitude(tags))
    except ValueError:
        return None


def _degrees(tags: Mapping[int, Any], value: int, reference: int) -> float | None:
    """Degrees, minutes and seconds as one signed number."""
    try:
        parts = [float(part) for part in tags[value]]
        sign = _SIGNS[str(tags[reference]).strip("\0 ").upper()[:1]]
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    if len(parts) != 3 or not np.isfinite(parts).all() or min(parts) < 0:
        return None
    return sign * (parts[0] + parts[1] / 60 + parts[2] / 3600)


def _altitude(tags: Mapping[int, Any]) -> float | None:
    """Metres; negative below the reference."""
    try:
        height = float(tags[ExifTags.GPS.GPSAltitude])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    below = tags.get(ExifTags.GPS.GPSAltitudeRef, 0) in (1, b"\x01")
    return (-height if below else height) if np.isfinite(height) else None
