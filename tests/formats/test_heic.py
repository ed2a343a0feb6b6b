"""Photos as iPhones store them: read like any other where pi-heif is installed. Writing one here needs pillow-heif."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from recon.formats.exif_gps import read_gps
from recon.formats.image_files import has_heif, read_header, what_is_wrong
from recon.formats.images import read_image
from recon.workspace.errors import UserError

pillow_heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed: no HEIC picture can be written")


@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_lens_and_place(tmp_path: Path, orientation: int) -> None:
    assert has_heif()
    noise = np.random.default_rng(0).integers(0, 255, (8, 10, 3), dtype=np.uint8)
    pixels = cv2.resize(noise, (160, 128), interpolation=cv2.INTER_CUBIC)
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Apple", "iPhone", orientation
    exif.get_ifd(0x8769)[0xA405] = 26
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 30.0, 0.0), 3: "E", 4: (9.0, 0.0, 0.0), 5: 0, 6: 312.0})
    path = tmp_path / "IMG_1.HEIC"
    heif = pillow_heif.from_pillow(Image.fromarray(pixels))
    heif.save(path, quality=90, exif=exif.tobytes())
    shown = np.rot90(pixels, -1) if orientation == 6 else pixels
    header = read_header(path)
    assert header.size_hw == shown.shape[:2] and header.camera == "Apple iPhone"
    assert header.focal_px == pytest.approx(26 * np.hypot(160, 128) / np.hypot(36, 24))
    assert np.abs(read_image(path).astype(int) - shown).mean() < 5
    fix = read_gps(path)
    assert fix is not None and (fix.latitude_deg, fix.longitude_deg, fix.altitude_m) == (48.5, 9.0, 312.0)
    assert what_is_wrong(path) is None
    path.write_bytes(path.read_bytes()[:900])
    assert what_is_wrong(path) is not None
    with pytest.raises(UserError, match=r"IMG_1\.HEIC"):
        read_image(path)
