"""frames.json: what is written is read; read whole, or one line that names what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon.formats.frame_set import read_frame_set
from recon.formats.frames_json import Capture, FrameRecord, read_capture, write_frames_json
from recon.geometry.geodesy import GpsFix
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    room.write_frames(workspace, [np.full((12, 16, 3), i, np.uint8) for i in range(4)])
    return workspace


def test_it_reads_what_capture_writes(workspace: Workspace) -> None:
    assert len(read_frame_set(workspace).frames) == 4


@pytest.mark.parametrize("n_cameras", [1, 3])
def test_what_is_written_is_read(tmp_path: Path, n_cameras: int) -> None:
    """Every value of a capture, with one camera and with several; a rig's poses too."""
    frames = tuple(
        FrameRecord(
            name=f"{i:03d}",
            image=f"{i:03d}.jpg" if i else None,
            source_index=i,
            source_name=f"IMG_{i}.JPG",
            time_s=0.5 * i,
            sharpness=0.25 + i,
            kept=i > 0,
            reason=None if i else "blurred",
            exposure=0.5,
            notes=("blur run",) if i == 2 else (),
            parallax=0.03,
            overlap=None,
            mask=f"masks/{i:03d}.png" if i == 1 else None,
            camera=i % n_cameras if n_cameras > 1 else None,
            exif_focal_px=40.0 + i % n_cameras if n_cameras > 1 else None,
            rotated_by_orientation=6 if i == 2 else None,
            sensor="front",
            rig_frame=f"{i}",
            gps=GpsFix(48.1, 11.5, None) if i == 1 else None,
        )
        for i in range(5)
    )
    rig = {"front": np.eye(4).tolist()}
    given = Capture(Path("walk.mp4"), "photos", (12, 16), n_cameras == 1, frames, fps=30.0, duration_s=5.0, rig=rig)
    workspace = Workspace(tmp_path)
    workspace.frames.mkdir()
    write_frames_json(workspace.frames_json, given)
    read = read_capture(workspace)
    assert read == given and read.kept == list(frames[1:])
    again = tmp_path / "again.json"
    write_frames_json(again, read)
    assert again.read_bytes() == workspace.frames_json.read_bytes()


@pytest.mark.parametrize("key", ["name", "image"])
def test_no_two_frames_are_one(workspace: Workspace, key: str) -> None:
    read = json.loads(workspace.frames_json.read_text())
    read["frames"][3][key] = read["frames"][1][key]
    workspace.frames_json.write_text(json.dumps(read))
    with pytest.raises(UserError, match=f"two frames have the {key}"):
        read_frame_set(workspace)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("exif_focal_px", float("nan")),
        ("exif_focal_px", -5),
        ("exif_focal_px", "40"),
        ("exif_focal_px", 10**400),
        ("time_s", "1"),
        ("time_s", float("inf")),
        ("time_s", True),
        ("image", 5),
        ("image", None),
        ("name", None),
        ("mask", 5),
        ("camera", "x"),
        ("camera", float("inf")),
        ("kept", None),
    ],
)
def test_one_wrong_value_is_one_line(workspace: Workspace, key: str, value: Any) -> None:
    read = json.loads(workspace.frames_json.read_text())
    for frame in read["frames"] if key == "kept" else read["frames"][:1]:
        frame[key] = value
    workspace.frames_json.write_text(json.dumps(read))
    with pytest.raises(UserError, match=r"frames\.json") as refused:
        read_frame_set(workspace)
    assert "\n" not in str(refused.value)
