"""The one reader of posed photos: picture, mask and camera of one size, and what a mask means after shrinking."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recon.formats.images import write_image
from recon.formats.photos import Photo, read_photo
from recon.geometry import Camera, View
from recon.workspace.errors import UserError

SIZE_HW = (34, 48)
CAMERA = Camera("OPENCV", SIZE_HW, 50.0, 51.0, 23.0, 18.0, (0.1, 0.0, 0.0, 0.0))


@pytest.fixture
def view(tmp_path: Path) -> View:
    write_image(tmp_path / "photo.png", np.random.default_rng(0).integers(0, 256, (*SIZE_HW, 3), dtype=np.uint8))
    return View("photo", tmp_path / "photo.png", CAMERA, np.eye(4))


def masked(view: View, values: np.ndarray) -> View:
    path = view.image.with_name("mask.png")
    write_image(path, values.astype(np.uint8))
    return replace(view, mask=path)


def test_every_value_but_zero_counts(view: View) -> None:
    values = np.arange(SIZE_HW[0] * SIZE_HW[1]).reshape(SIZE_HW) % 256
    photo = read_photo(masked(view, values))
    assert photo.mask is not None
    np.testing.assert_array_equal(photo.mask, values > 0)
    assert read_photo(view).mask is None


def test_shrinking_takes_camera_and_mask_along_and_no_ignored_pixel_reaches_a_counted_one(view: View) -> None:
    values = np.full(SIZE_HW, 255)
    values[:, 30:] = 0
    photo = read_photo(masked(view, values), (17, 24))
    assert photo.view.camera == CAMERA.resized((17, 24)) and photo.pixels.shape == (17, 24, 3)
    assert photo.mask is not None
    assert photo.mask[:, :14].all() and not photo.mask[:, 14:].any()  # 15 are whole, the last has an ignored neighbour
    finer = read_photo(masked(view, values), (33, 47))
    assert finer.mask is not None and finer.mask[:, :28].all() and not finer.mask[:, 28:].any()


def test_sizes_that_do_not_fit_are_named(view: View) -> None:
    with pytest.raises(
        UserError, match=r"mask\.png: the mask of photo\.png is 34x48; expected the shape of its picture, 48x34"
    ):
        read_photo(masked(view, np.full((48, 34), 255)))
    write_image(view.image, np.zeros((48, 34, 3), np.uint8))
    with pytest.raises(UserError, match=r"photo\.png: the picture is 34x48 pixels, but its camera says 48x34"):
        read_photo(view)


def test_alpha_that_says_nothing_is_none_and_the_rest_shows_the_background(view: View) -> None:
    pixels = np.full((*SIZE_HW, 4), 255, np.uint8)
    pixels[..., :3] = [0, 102, 255]
    assert Photo(view, pixels, None).alpha is None
    pixels[3, 5, 3], pixels[4, 6, 3] = 0, 51
    photo = Photo(view, pixels, None)
    assert photo.alpha is not None and photo.alpha[3, 5] == 0
    over = photo.over(0.5)
    np.testing.assert_allclose(over[0, 0], [0, 0.4, 1], atol=1e-6)
    np.testing.assert_allclose(over[3, 5], 0.5, atol=1e-6)
    np.testing.assert_allclose(over[4, 6], [0.4, 0.48, 0.6], atol=1e-6)
