"""Models that fit their matches but cannot be right are told by their lens."""

from pathlib import Path

import pycolmap
import pytest

from recon.formats.frame_set import FrameImage, FrameSet
from recon.poses.sfm.quality import judge

H, W = 540, 960


def problems_of(folder: Path, fx: float, fy: float, coefficients: list[float]) -> tuple[str, ...]:
    """What is wrong with an exact model of ten frames whose lens is the one given."""
    options = pycolmap.SyntheticDatasetOptions(
        num_rigs=1,
        num_frames_per_rig=10,
        num_points3D=200,
        camera_width=W,
        camera_height=H,
        camera_model_id=pycolmap.CameraModelId.OPENCV,
        camera_params=[fx, fy, W / 2, H / 2, *coefficients],
    )
    with pycolmap.Database.open(folder / "exact.db") as database:
        model = pycolmap.synthesize_dataset(options, database)
    frames = tuple(FrameImage(str(i), f"{i}.png", None, None, (H, W)) for i in range(10))
    return judge(model, folder / "exact.db", FrameSet("video", frames, True), min_registered=0.9).problems


@pytest.mark.parametrize(
    ("fx", "fy", "coefficients"),
    [
        (860, 872, [0.0, 0.0, 0.0, 0.0]),
        (690, 691, [0.058, -0.081, -0.001, 0.0]),  # a phone
        (560, 560, [-0.278, 0.07, 0.0, 0.0]),  # an action camera
    ],
)
def test_real_lenses_pass(tmp_path: Path, fx: float, fy: float, coefficients: list[float]) -> None:
    assert not [problem for problem in problems_of(tmp_path, fx, fy, coefficients) if "implausible" in problem]


def test_pixels_of_frames_are_square(tmp_path: Path) -> None:
    """As a drive down a straight highway was once fitted: 302 across and 574 down."""
    assert "the focal length is implausible" in problems_of(tmp_path, 600, 660, [0.0, 0.0, 0.0, 0.0])
