"""GPS blocks of EXIF: written by pillow, read back; damaged and absurd ones give nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational

from recon.formats.exif_gps import parse_gps, read_gps
from recon.geometry.geodesy import GpsFix
from recon.workspace.errors import UserError

TAGS = ExifTags.GPS


def block(fix: GpsFix) -> dict[int, Any]:
    """The tags that a phone writes for a place."""

    def parts(degrees: float) -> tuple[IFDRational, ...]:
        minutes = abs(degrees) % 1 * 60
        return IFDRational(int(abs(degrees))), IFDRational(int(minutes)), IFDRational(round(minutes % 1 * 6e7), 10**6)

    tags: dict[int, Any] = {
        TAGS.GPSLatitudeRef: "N" if fix.latitude_deg >= 0 else "S",
        TAGS.GPSLatitude: parts(fix.latitude_deg),
        TAGS.GPSLongitudeRef: "E" if fix.longitude_deg >= 0 else "W",
        TAGS.GPSLongitude: parts(fix.longitude_deg),
    }
    if fix.altitude_m is not None:
        tags[TAGS.GPSAltitudeRef] = b"\x01" if fix.altitude_m < 0 else b"\x00"
        tags[TAGS.GPSAltitude] = IFDRational(round(abs(fix.altitude_m) * 1000), 1000)
    return tags


def write_photo(path: Path, tags: dict[int, Any]) -> Path:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(tags)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(path, exif=exif)
    return path


@pytest.mark.parametrize(
    "fix",
    [GpsFix(46.537, 7.962, 3571.25), GpsFix(-33.8568, 151.2153, None), GpsFix(31.5, -110.25, -12.5)],
    ids=str,
)
@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_a_fix_is_read_back(tmp_path: Path, fix: GpsFix, suffix: str) -> None:
    read = read_gps(write_photo(tmp_path / f"photo.{suffix}", block(fix)))
    assert read is not None
    assert read.latitude_deg == pytest.approx(fix.latitude_deg, abs=1e-9)
    assert read.longitude_deg == pytest.approx(fix.longitude_deg, abs=1e-9)
    assert read.altitude_m == pytest.approx(fix.altitude_m)


@pytest.mark.parametrize(
    "change",
    [
        {TAGS.GPSLatitude: None},
        {TAGS.GPSLatitudeRef: "?"},
        {TAGS.GPSLongitude: (1.0, 2.0)},
        {TAGS.GPSLongitude: (float("nan"), 2.0, 3.0)},
        {TAGS.GPSLatitude: (91.0, 0.0, 0.0)},
        {TAGS.GPSLatitude: (-1.0, 0.0, 0.0)},
        {TAGS.GPSLatitude: (0.0, 0.0, 0.0), TAGS.GPSLongitude: (0.0, 0.0, 0.0)},
        {TAGS.GPSLatitude: (IFDRational(1, 0), 0.0, 0.0)},
    ],
    ids=str,
)
def test_what_cannot_be_believed_is_no_fix(change: dict[int, Any]) -> None:
    assert parse_gps({**block(GpsFix(46.5, 7.9, 100.0)), **change}) is None


def test_a_bad_height_leaves_the_place() -> None:
    tags = {**block(GpsFix(46.5, 7.9, 100.0)), TAGS.GPSAltitude: IFDRational(1, 0)}
    fix = parse_gps(tags)
    assert fix is not None and fix.altitude_m is None and fix.latitude_deg == pytest.approx(46.5)


def test_photos_without_gps_and_damaged_files(tmp_path: Path) -> None:
    assert read_gps(write_photo(tmp_path / "plain.jpg", {})) is None
    whole = write_photo(tmp_path / "whole.jpg", block(GpsFix(46.5, 7.9, 100.0))).read_bytes()
    for length in range(20, len(whole), 37):
        (tmp_path / "cut.jpg").write_bytes(whole[:length])
        read_gps(tmp_path / "cut.jpg")  # whatever it finds, it does not fail
    with pytest.raises(UserError, match="no such image"):
        read_gps(tmp_path / "absent.jpg")
