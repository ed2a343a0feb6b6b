"""What is told of a PNG's alpha from its stored rows is what decoding says."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from recon.formats.png_alpha import is_clear

H, W = 60, 190


def pixels(channels: int, dtype: type, alpha_at: tuple[int, int] | None) -> np.ndarray:
    made = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (H, W, channels), dtype=dtype)  # filtered anyhow
    made[::3] = made[0]
    made[..., -1] = 0
    if alpha_at is not None:
        made[alpha_at][-1] = 1  # of a deep picture in the lower byte
    return made


@pytest.mark.parametrize("alpha_at", [None, (0, 0), (17, 3), (H - 1, W - 1)])
@pytest.mark.parametrize(("channels", "dtype"), [(4, np.uint8), (2, np.uint8), (4, np.uint16)])
def test_one_pixel_that_shows_is_found(
    tmp_path: Path, channels: int, dtype: type, alpha_at: tuple[int, int] | None
) -> None:
    file, made = tmp_path / "a.png", pixels(channels, dtype, alpha_at)
    if channels == 4:
        cv2.imwrite(str(file), made)
    else:
        Image.fromarray(made, "LA").save(file)
    assert is_clear(file) is (alpha_at is None)


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    file, made = tmp_path / "a.png", pixels(4, np.uint8, (5, 5))
    Image.fromarray(np.tile(made, (20, 4, 1))).save(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 4])
    assert is_clear(file) is False


@pytest.mark.parametrize("cut", [0, 7, 20, 33, 40, 900])
def test_what_is_cut_off_is_left_to_the_decoder(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(pixels(4, np.uint8, None)).save(file)
    file.write_bytes(file.read_bytes()[:cut])
    assert is_clear(file) is None


def test_other_kinds_are_left_to_the_decoder(tmp_path: Path) -> None:
    opaque, palette = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (9, 7)).save(opaque)
    Image.new("P", (9, 7)).save(palette, transparency=0)
    assert is_clear(opaque) is None and is_clear(palette) is None
    broken = tmp_path / "c.png"
    Image.fromarray(pixels(4, np.uint8, None)).save(broken)
    stored = bytearray(broken.read_bytes())
    stored[45:200] = bytes(155)
    broken.write_bytes(stored)
    assert is_clear(broken) is None


def test_rows_that_claim_gigabytes_are_left_to_the_decoder(tmp_path: Path) -> None:
    file = tmp_path / "wide.png"
    Image.fromarray(pixels(4, np.uint8, None)).save(file)
    stored = bytearray(file.read_bytes())
    stored[16:20] = (2**31 - 1).to_bytes(4, "big")
    file.write_bytes(stored)
    assert is_clear(file) is None
