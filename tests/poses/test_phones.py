"""Photos of two phones, and of one held both ways, in one folder: one scene, posed as well as the photos of one camera."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from recon.formats.cameras_json import read_reconstruction
from recon.geometry import Camera, align_points
from recon.workspace import Workspace
from recon.workspace.console import take_warnings
from tests.poses import room
from tests.poses.test_sfm import SETTINGS
from tests.stages import capture_frames, pose_frames

N = 18
LANDSCAPE = Camera("PINHOLE", (300, 400), 330.0, 330.0, 200.0, 150.0)
PORTRAIT = Camera("PINHOLE", (400, 300), 330.0, 330.0, 150.0, 200.0)  # the same phone, turned
OTHER = Camera("PINHOLE", (480, 360), 380.0, 380.0, 180.0, 240.0)  # another one, upright
TINT = (1.12, 1.0, 0.9)  # its white balance


def photograph(folder: Path, lenses: list[Camera]) -> Path:
    """Photo i of the walk by lens i modulo their number; portrait ones are stored lying, with a tag, as phones do."""
    walls, rng = room.textures(0), np.random.default_rng(0)
    folder.mkdir()
    for i, pose in enumerate(room.walk(N)):
        lens = lenses[i % len(lenses)]
        is_other = lens is OTHER
        seen = room.render(lens, pose, walls).astype(np.float64) * (TINT if is_other else 1.0)
        noisy = np.clip(seen + rng.normal(0, 2, seen.shape), 0, 255).round().astype(np.uint8)
        photo, exif = Image.fromarray(noisy), Image.Exif()
        exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = ("Other", "B") if is_other else ("Maker", "A")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = round(
            lens.fx * 43.27 / float(np.hypot(*lens.size_hw))
        )
        if lens is not LANDSCAPE:
            photo, exif[ExifTags.Base.Orientation] = photo.transpose(Image.Transpose.ROTATE_90), 6
        photo.save(folder / f"IMG_{i:02d}.jpg", quality=95, exif=exif)
    return folder


def posed(folder: Path, lenses: list[Camera]) -> tuple[Any, float, float]:
    """The reconstruction, the rms error of its camera centres in metres, and how far its up is off in degrees."""
    workspace = Workspace(folder / "run")
    photos = photograph(folder / "photos", lenses)
    capture_frames(workspace, source=photos)
    pose_frames(workspace, **SETTINGS)
    reconstruction, truth = read_reconstruction(workspace), np.stack(room.walk(N))
    assert len(reconstruction.views) == N
    truth_from_world = align_points(reconstruction.centers, truth[:, :3, 3])
    off = truth_from_world.points(reconstruction.centers) - truth[:, :3, 3]
    up_off_deg = float(np.degrees(np.arccos(np.clip(truth_from_world.rotation[2, 2], -1, 1))))
    return reconstruction, float(np.sqrt((off**2).sum(1).mean())), up_off_deg


@pytest.mark.slow
def test_two_phones_and_one_held_both_ways_are_as_good_as_one(tmp_path: Path) -> None:
    for name in ("one", "two", "both"):
        (tmp_path / name).mkdir()
    one, error, up_off_deg = posed(tmp_path / "one", [LANDSCAPE])
    assert error < 0.01 and up_off_deg < 1.5
    two, error_of_two, up_off_deg = posed(tmp_path / "two", [LANDSCAPE, OTHER])
    focals = sorted({round(view.camera.fx) for view in two.views})
    assert error_of_two < 1.2 * error and up_off_deg < 1.5
    assert len(focals) == 2 and np.allclose(focals, [LANDSCAPE.fx, OTHER.fx], rtol=0.01)
    both, error_of_both, up_off_deg = posed(tmp_path / "both", [LANDSCAPE, PORTRAIT])
    assert error_of_both < 1.2 * error and up_off_deg < 1.5
    assert len({view.camera for view in both.views}) == len({view.camera for view in one.views}) == 1
    assert not [warning for warning in take_warnings() if "up axis" in warning]
