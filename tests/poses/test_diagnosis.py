"""A model that fits through a lens that does not exist is wrong, and said to be."""

import pytest

from recon.geometry import Camera
from recon.poses.diagnosis import check_lens

H, W = 540, 960


def lens(fx: float, fy: float, *coefficients: float) -> Camera:
    return Camera("OPENCV", (H, W), fx, fy, W / 2, H / 2, coefficients)


@pytest.mark.parametrize(
    "camera",
    [
        lens(860, 872, 0.0, 0.0, 0.0, 0.0),
        lens(690, 691, 0.058, -0.081, -0.001, 0.0),  # a phone
        lens(480, 480, -0.278, 0.07, 0.0, 0.0),  # an action camera
        Camera("PINHOLE", (H, W), 700.0, 700.0, W / 2, H / 2, ()),
        Camera("OPENCV_FISHEYE", (H, W), 300.0, 300.0, W / 2, H / 2, (0.03, -0.01, 0.002, 0.0)),
    ],
)
def test_real_lenses_pass(camera: Camera) -> None:
    assert check_lens(camera) is None


@pytest.mark.parametrize(
    ("camera", "named"),
    [
        (lens(302, 574, 0.80, -0.10, -0.008, -0.048), "302 and 574 px"),  # a drive down a straight highway
        (lens(700, 700, 2.0, 0.0, 0.0, 0.0), "corners"),
        (lens(500, 500, -0.5, 0.0, 0.0, 0.0), "corners"),  # folds back inside the picture
    ],
)
def test_impossible_lenses_are_named(camera: Camera, named: str) -> None:
    problem = check_lens(camera)
    assert problem is not None and named in problem and "model is wrong" in problem
