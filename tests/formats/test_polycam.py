"""Polycam's raw export: ARKit's axes, gravity, adjusted cameras first, bad input."""

import json
from pathlib import Path

import numpy as np
import pytest

from recon.formats import polycam
from recon.geometry import opengl_from_opencv
from recon.workspace.console import take_warnings
from recon.workspace.errors import UserError
from tests.formats.captures import picture, pose

ARKIT_FROM_WORLD = np.array([[0.0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])  # ARKit's +y is our +z


def export(folder: Path, kind: str = "", n: int = 3) -> None:
    for i in range(n):
        stem = 98_000 + 1500 * i  # time stamps of unequal length
        matrix = ARKIT_FROM_WORLD @ opengl_from_opencv(pose(i))
        value = {"fx": 40.0, "fy": 41.0, "cx": 17.7, "cy": 12.3, "width": 36, "height": 24, "blur_score": 99.0}
        value |= {f"t_{r}{c}": matrix[r, c] for r in range(3) for c in range(4)}
        file = folder / f"keyframes/{kind}cameras/{stem}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(value))
        picture(folder / f"keyframes/{kind}images/{stem}.jpg")


def test_poses_end_upright_in_our_axes(tmp_path: Path) -> None:
    export(tmp_path)
    read = polycam.read(tmp_path)
    assert [view.name for view in read.views] == ["98000", "99500", "101000"] and read.is_up_aligned
    for i, view in enumerate(read.views):
        np.testing.assert_allclose(view.world_from_camera, pose(i), atol=1e-12)
    camera = read.views[0].camera
    assert (camera.model, camera.size_hw, camera.fx, camera.fy) == ("PINHOLE", (24, 36), 40, 41)
    assert (camera.cx, camera.cy) == (17.7, 12.3)


def test_adjusted_cameras_come_first_and_the_inner_folder_will_do(tmp_path: Path) -> None:
    export(tmp_path)
    export(tmp_path, "corrected_", 2)
    assert len(polycam.read(tmp_path).views) == 2
    assert polycam.read(tmp_path / "keyframes").views[1].image.parent.name == "corrected_images"


def test_missing_pictures_are_skipped_with_one_warning(tmp_path: Path) -> None:
    export(tmp_path)
    (tmp_path / "keyframes/images/99500.jpg").unlink()
    take_warnings()
    assert len(polycam.read(tmp_path).views) == 2
    assert len(take_warnings()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("t_12"), "'t_12'"),
        (lambda v: v.pop("fx"), "'fx'"),
        (lambda v: v.update(fx="wide"), "'fx' must be a finite number"),
        (lambda v: v.update(fx=-1.0), "camera intrinsics"),
        (lambda v: v.update(t_00=3.0), "not rigid"),
        (lambda v: v.update(width=24, height=36), "turned"),
    ],
)
def test_bad_cameras_are_named(tmp_path: Path, change: object, message: str) -> None:
    export(tmp_path)
    file = tmp_path / "keyframes/cameras/99500.json"
    value = json.loads(file.read_text())
    change(value)  # type: ignore[operator]
    file.write_text(json.dumps(value))
    with pytest.raises(UserError, match=rf"99500\.json.*{message}"):
        polycam.read(tmp_path)


def test_no_export_and_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="keyframes/cameras"):
        polycam.read(tmp_path)
    export(tmp_path)
    for image in (tmp_path / "keyframes/images").iterdir():
        image.unlink()
    with pytest.raises(UserError, match="none of its 3 listed pictures"):
        polycam.read(tmp_path)
