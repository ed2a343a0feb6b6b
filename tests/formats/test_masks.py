"""The one reader of masks: every kind that people have says the same, at the size of its picture."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recon.formats.masks import read_mask, read_mask_for, tell_share
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError

H, W = 34, 52
COUNTS = np.zeros((H, W), bool)
COUNTS[:, 20:] = True
COUNTS[8:16, 32:40] = False
LEVELS = COUNTS.astype(np.uint8)


def _palette() -> Image.Image:
    image = Image.fromarray(LEVELS, "P")
    image.putpalette([0, 0, 0, 0, 128, 255] + [0] * 750)
    return image


KINDS = {
    "grey.png": lambda: Image.fromarray(LEVELS * 255),
    "bit.png": lambda: Image.fromarray(LEVELS * 255).convert("1"),
    "zero_one.png": lambda: Image.fromarray(LEVELS),
    "rgb.jpg": lambda: Image.fromarray(np.stack([LEVELS * 255] * 3, -1)),
    "grey.webp": lambda: Image.fromarray(np.stack([LEVELS * 255] * 3, -1)),
    "green.png": lambda: Image.fromarray(np.stack([LEVELS * 0, LEVELS * 255, LEVELS * 0], -1)),
    "palette.png": _palette,
    "white_alpha.png": lambda: Image.fromarray(np.dstack([np.full((H, W, 3), 255, np.uint8), LEVELS * 255])),
    "black_alpha.png": lambda: Image.fromarray(np.dstack([np.zeros((H, W, 3), np.uint8), LEVELS * 255])),
    "grey_alpha.png": lambda: Image.fromarray(np.dstack([np.full((H, W), 200, np.uint8), LEVELS * 255]), "LA"),
    "opaque.png": lambda: Image.fromarray(np.dstack([LEVELS * 255] * 3 + [np.full((H, W), 255, np.uint8)])),
    "sixteen.png": lambda: Image.fromarray(LEVELS.astype(np.uint16)),
    "sixteen_full.png": lambda: Image.fromarray(LEVELS.astype(np.uint16) * 65535),
    "float.tif": lambda: Image.fromarray(LEVELS.astype(np.float32)),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_says_the_same(tmp_path: Path, name: str) -> None:
    KINDS[name]().save(tmp_path / name)
    mask = read_mask(tmp_path / name)
    is_lossy = name.endswith((".jpg", ".webp"))
    assert (mask != COUNTS).mean() < (0.02 if is_lossy else 1e-9)


def test_a_mask_is_brought_to_the_size_of_its_picture_and_turned_with_it(tmp_path: Path) -> None:
    Image.fromarray(LEVELS * 255).save(tmp_path / "m.png")
    half = read_mask_for(tmp_path / "m.png", (H // 2, W // 2), orientation=None, picture="p")
    assert half.shape == (H // 2, W // 2) and (half == COUNTS[::2, ::2]).mean() > 0.95
    turned = read_mask_for(tmp_path / "m.png", (W, H), orientation=6, picture="p")
    np.testing.assert_array_equal(turned, np.rot90(COUNTS, 3))
    kept = read_mask_for(tmp_path / "m.png", (H, W), orientation=6, picture="p")  # made from the upright picture
    np.testing.assert_array_equal(kept, COUNTS)
    with pytest.raises(UserError, match="expected the shape of its picture"):
        read_mask_for(tmp_path / "m.png", (H, 2 * W), orientation=None, picture="p")


def test_the_share_that_counts_is_told() -> None:
    assert tell_share([0.5, 0.7], "set") == pytest.approx(0.6) and not take_warnings()
    tell_share([1.0, 1.0], "set")
    assert "hide nothing" in take_warnings()[0]
    with pytest.raises(UserError, match="Invert"):
        tell_share([0.0, 0.01], "set")
    tell_share([0.0, 0.9], "set")
    assert "1 of 2 masks hide their picture whole" in take_warnings()[0]
