"""Lenses as they are made have a line of sight everywhere; a wrong sign, a wrong order, or too wide a picture folds them."""

import pytest

from recon.geometry import Camera
from recon.geometry.lens_folds import folded_share


def camera(model: str, focal: float, *distortion: float) -> Camera:
    return Camera(model, (480, 640), focal, focal, 320.0, 240.0, distortion)


@pytest.mark.parametrize(
    "lens",
    [
        camera("PINHOLE", 200.0),
        camera("OPENCV", 500.0, 0.12, -0.25, 0.001, -0.0007),  # a phone
        camera("OPENCV", 500.0, -0.3, 0.1, 0.0, 0.0),
        camera("OPENCV", 330.0, -0.27, 0.06, 0.0003, 0.0002),  # an action camera
        camera("OPENCV_FISHEYE", 200.0, 0.02, -0.01, 0.002, 0.0),  # more than 180 degrees in the corners
        camera("OPENCV_FISHEYE", 330.0, -0.03, 0.01, -0.005, 0.001),
    ],
)
def test_lenses_as_they_are_made_do_not_fold(lens: Camera) -> None:
    assert folded_share(lens) == 0


@pytest.mark.parametrize(
    ("lens", "least"),
    [
        (camera("OPENCV", 300.0, -0.8, 0.0, 0.0, 0.0), 0.3),
        (camera("OPENCV", 500.0, -0.3, -0.9, 0.0, 0.0), 0.02),
        (camera("OPENCV", 400.0, 0.0, 0.0, 0.4, -0.25), 0.05),  # k1 k2 where p1 p2 belong
        (camera("OPENCV_FISHEYE", 300.0, -0.5, 0.0, 0.0, 0.0), 0.2),
    ],
)
def test_lenses_that_fold_are_known(lens: Camera, least: float) -> None:
    assert least < folded_share(lens) <= 1
    assert folded_share(lens.resized((240, 320))) == pytest.approx(folded_share(lens), abs=0.02)


def test_the_dark_corners_of_a_fisheye_may_fold() -> None:
    lens = camera("OPENCV_FISHEYE", 300.0, 0.0, -0.1, 0.0, 0.0)
    assert folded_share(lens) > 0 and folded_share(lens, of_circle=True) == 0
