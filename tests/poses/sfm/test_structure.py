"""What a run finds is kept, gone on from after a stop, and found anew when settings of matching change."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recon.formats.cameras_json import read_reconstruction
from recon.poses.sfm import features, rungs
from recon.workspace import Workspace
from recon.workspace.errors import UserError
from tests.poses import room
from tests.poses.test_sfm import SETTINGS, camera_error
from tests.stages import pose_frames

QUICK = {**SETTINGS, "max_features": 500, "camera_model": "SIMPLE_RADIAL"}


class Stop(Exception):
    """What a person's Ctrl-C comes to."""


@pytest.fixture
def walked(tmp_path: Path) -> Workspace:
    room.film(Workspace(tmp_path), room.walk(6), room.camera((180, 240)))
    return Workspace(tmp_path)


@pytest.fixture
def detected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the frames whose features were looked for, as they are."""
    names: list[str] = []
    original = features.detect

    def counted(folder: Path, frame: Any, settings: Any) -> Any:
        names.append(frame.name)
        return original(folder, frame, settings)

    monkeypatch.setattr(features, "detect", counted)
    return names


def test_a_run_goes_on_where_it_was_stopped(
    walked: Workspace, detected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Stop

    with monkeypatch.context() as patched, pytest.raises(Stop):
        patched.setattr(rungs, "match", stop)
        pose_frames(walked, **QUICK)
    assert len(detected) == 6 and not walked.poses.exists()
    assert not any(path.name.startswith("scratch") for path in walked.sfm.iterdir())
    pose_frames(walked, **QUICK)
    assert len(detected) == 6, "features are not found twice"
    assert camera_error(walked, room.walk(6)) < 0.02
    report = json.loads((walked.sfm / "report.json").read_text())
    assert report["method"] == "first pairs"
    (attempt,) = report["attempts"]
    assert attempt["registered"] == 6 and attempt["problems"] == [] and attempt["seconds"] > 0

    centers = read_reconstruction(walked).centers
    pose_frames(walked, **{**QUICK, "max_features": 400})
    assert len(detected) == 12, "another number of features is another database"
    assert not np.array_equal(read_reconstruction(walked).centers, centers)
    pose_frames(walked, **{**QUICK, "max_features": 400, "camera_model": "RADIAL"})
    assert len(detected) == 12, "another lens needs no other features"
    for path in walked.sfm.iterdir():
        path.unlink() if path.is_file() else [file.unlink() for file in path.iterdir()]
    pose_frames(walked, **{**QUICK, "max_features": 400, "camera_model": "RADIAL"})
    assert len(detected) == 18, "without sfm/ everything is found anew"


def dark(workspace: Workspace, n: int) -> None:
    """The room by fourteen grey levels."""
    pictures = [room.render(room.camera(), pose, room.textures(0)) for pose in room.walk(n)]
    room.write_frames(workspace, [np.round(20 + 0.055 * picture).astype(np.uint8) for picture in pictures])


def test_a_disk_too_full_for_the_features_is_told_before_they_are_written(
    walked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(walked.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=700_000))
    # nor is a database begun, which COLMAP could not open on such a disk
    monkeypatch.setattr("recon.poses.sfm.features.register", lambda *_: pytest.fail("a database was begun"))
    for file in walked.sfm.glob("database.db*"):
        file.unlink()
    with pytest.raises(UserError, match=r"0\.7 MB are free there, and features take up to 0\.8 MB"):
        pose_frames(walked, **QUICK)


def test_poses_made_again_from_what_was_kept_are_the_same_bytes(walked: Workspace) -> None:
    """As after a kill between `sfm/` and `poses/`."""

    def files() -> dict[str, bytes]:
        made = {path.relative_to(walked.poses).as_posix(): path for path in walked.poses.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in made.items() if name not in ("stage.json", "report.json")}

    pose_frames(walked, **QUICK)
    first = files()
    assert "colmap/images.bin" in first
    shutil.rmtree(walked.poses)
    pose_frames(walked, **QUICK)
    again = files()
    assert [name for name in first if first[name] != again[name]] == [] and first.keys() == again.keys()


def test_dark_pictures_are_posed_by_relaxed_thresholds(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    dark(workspace, 8)
    pose_frames(workspace, **{**QUICK, "max_features": 1500, "image_size": 160})
    report = json.loads((workspace.poses / "report.json").read_text())
    assert report["method"] == report["attempts"][-1]["name"] == "relaxed thresholds"
    assert [attempt["registered"] for attempt in report["attempts"]] == [0, 0, 0, 8]
    assert camera_error(workspace, room.walk(8)) < 0.02
    links = json.loads(workspace.doctor_json.read_text())["links"]
    assert links["parts"] == [8], "the doctor looks at the matches that the model is made of"


@pytest.mark.slow
def test_parts_that_nothing_holds_together_are_not_joined(tmp_path: Path) -> None:
    """Two sides of the room that no frame sees both of: looser thresholds find false matches, and must not believe them."""
    workspace = Workspace(tmp_path)
    aside = [
        room.look_at(np.array([1.6 * s, 1.2, 0.1]), np.array([0.5 * s, -1.6, -0.8]), room.UP)
        for s in np.linspace(-1, 1, 8)
    ]
    poses = [*room.walk(30)[:4], *aside]
    room.film(workspace, poses, room.camera())
    pose_frames(workspace, **{**QUICK, "max_features": 800})
    report = json.loads((workspace.sfm / "report.json").read_text())
    assert [attempt["name"] for attempt in report["attempts"]][-1] == "relaxed thresholds"
    assert report["registered"] == 8 and report["parts"] == 1
    assert [view.name for view in read_reconstruction(workspace).views] == [f"{i:05d}" for i in range(4, 12)]
    assert camera_error(workspace, poses) < 0.01
