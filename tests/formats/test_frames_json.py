"""frames.json as the poses stage reads it: whole, or one line that names what is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon.errors import UserError
from recon.formats.frames_json import read_frames_json
from recon.workspace import Workspace
from tests.poses import room


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    room.write_frames(workspace, [np.full((12, 16, 3), i, np.uint8) for i in range(4)])
    return workspace


def test_it_reads_what_capture_writes(workspace: Workspace) -> None:
    assert len(read_frames_json(workspace).frames) == 4


@pytest.mark.parametrize("key", ["name", "image"])
def test_no_two_frames_are_one(workspace: Workspace, key: str) -> None:
    read = json.loads(workspace.frames_json.read_text())
    read["frames"][3][key] = read["frames"][1][key]
    workspace.frames_json.write_text(json.dumps(read))
    with pytest.raises(UserError, match=f"two frames have the {key}"):
        read_frames_json(workspace)


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
        read_frames_json(workspace)
    assert "\n" not in str(refused.value)
