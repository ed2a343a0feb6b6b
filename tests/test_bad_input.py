"""Bad input through the scripts: one line that names the thing and the next step, exit code 2, nothing half-written."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from recon.formats.cameras_json import read_reconstruction
from recon.formats.video_writing import write_video
from recon.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
Run = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "run"


def assert_nothing_half_written(workspace: Path) -> None:
    """Only whole files: no temporary names, and no stage folder without its mark; sfm/ keeps its matches for the next try."""
    for path in workspace.rglob("*"):
        assert not path.name.startswith("."), f"{path} was left behind"
        if path.is_dir() and path.parent == workspace and path.name != "sfm":
            assert (path / "stage.json").exists(), f"{path} is not complete"


def picture(seed: int, h: int = 60, w: int = 80) -> np.ndarray:
    """Smooth noise, different for every seed. [h, w, 3]"""
    small = np.random.default_rng(seed).integers(0, 256, (h // 6, w // 6, 3), np.uint8)
    return np.asarray(Image.fromarray(small).resize((w, h), Image.Resampling.BICUBIC))


def photos(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir()
    for i, pixels in enumerate(pictures):
        Image.fromarray(pixels).save(folder / f"photo_{i:02d}.png")
    return folder


# ---- sources -------------------------------------------------------------------------------------------------------


def missing_file(folder: Path) -> Path:
    return folder / "walk.mp4"


def empty_folder(folder: Path) -> Path:
    (folder / "photos").mkdir()
    return folder / "photos"


def text_named_mp4(folder: Path) -> Path:
    (folder / "walk.mp4").write_text("this is no video\n" * 40)
    return folder / "walk.mp4"


def empty_file(folder: Path) -> Path:
    (folder / "walk.mp4").write_bytes(b"")
    return folder / "walk.mp4"


def header_only_mp4(folder: Path) -> Path:
    """Cut so early that no frame is left, and the index at the end is lost."""
    whole = write_video(folder / "whole.mp4", [picture(i) for i in range(12)], fps=10)
    (folder / "walk.mp4").write_bytes(whole.read_bytes()[:200])
    return folder / "walk.mp4"


def one_image_file(folder: Path) -> Path:
    return photos(folder / "photos", [picture(0)]) / "photo_00.png"


def one_image(folder: Path) -> Path:
    return photos(folder / "photos", [picture(0)])


def twelve_identical_images(folder: Path) -> Path:
    return photos(folder / "photos", 12 * [picture(0)])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (missing_file, "Check the path"),
        (empty_folder, "empty"),
        (text_named_mp4, "walk.mp4"),
        (empty_file, "walk.mp4"),
        (header_only_mp4, "walk.mp4"),
        (one_image_file, "folder of photos"),
        (one_image, "photos"),
        (twelve_identical_images, "photos"),
    ],
)
def test_source(run_script: Run, tmp_path: Path, workspace: Path, make: Callable[[Path], Path], said: str) -> None:
    source = make(tmp_path)
    error = run_script("run", f"capture.source={source}", f"workspace={workspace}").error
    assert str(source) in error and said in error
    assert len(error) - len(str(source)) < 400
    assert_nothing_half_written(workspace)
    assert not (workspace / "frames").exists()


def test_a_failed_rerun_keeps_what_was_there(run_script: Run, tmp_path: Path, workspace: Path) -> None:
    good = photos(tmp_path / "good", [picture(i) for i in range(5)])
    assert run_script("capture", f"capture.source={good}", f"workspace={workspace}").code == 0
    before = sorted(path.name for path in (workspace / "frames").iterdir())
    assert run_script("capture", f"capture.source={one_image(tmp_path)}", f"workspace={workspace}").code == 2
    assert sorted(path.name for path in (workspace / "frames").iterdir()) == before
    assert_nothing_half_written(workspace)


def test_a_photo_that_is_text_is_named_and_left_out(run_script: Run, tmp_path: Path, workspace: Path) -> None:
    source = photos(tmp_path / "photos", [picture(i) for i in range(5)])
    (source / "photo_03.png").write_text("this is no picture")
    ended = run_script("capture", f"capture.source={source}", f"workspace={workspace}")
    assert ended.code == 0 and "warning:" in ended.out and "photo_03.png" in ended.out
    record = json.loads((workspace / "frames/frames.json").read_text())
    assert [frame["reason"] for frame in record["frames"]] == [None, None, None, "damaged", None]


def test_truncated_video_gives_the_frames_it_has(run_script: Run, tmp_path: Path, workspace: Path) -> None:
    """An mp4 that was cut keeps its index where it stands at the front, as in a download that broke off."""
    pan = picture(3, 96, 480)
    write_video(tmp_path / "whole.mp4", [pan[:, 4 * i : 4 * i + 128].copy() for i in range(60)], fps=15, crf=10)
    whole = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: int(0.6 * len(whole))])
    ended = run_script("capture", f"capture.source={tmp_path / 'cut.mp4'}", f"workspace={workspace}")
    assert ended.code == 0 and "warning:" in ended.out and "cut.mp4" in ended.out
    record = json.loads((workspace / "frames/frames.json").read_text())
    assert 20 < len(record["frames"]) < 60
    assert json.loads((workspace / "frames/stage.json").read_text())["warnings"]


@pytest.mark.slow
def test_pure_noise_video(run_script: Run, tmp_path: Path, workspace: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(24)]
    write_video(tmp_path / "noise.mp4", noise, fps=12, crf=10)
    error = run_script("run", f"capture.source={tmp_path / 'noise.mp4'}", f"workspace={workspace}").error
    assert "frames could be posed" in error
    assert_nothing_half_written(workspace)
    assert (workspace / "frames").exists() and not (workspace / "poses").exists()


# ---- given poses ---------------------------------------------------------------------------------------------------


@pytest.fixture
def posed(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A folder with five pictures, and a transforms.json for it that is right."""
    folder = photos(tmp_path / "posed", [picture(i) for i in range(5)])
    frames = []
    for i in range(5):
        matrix = np.eye(4)
        matrix[:3, 3] = [0.4 * i, 0.1, 2.0]
        frames.append({"file_path": f"photo_{i:02d}.png", "transform_matrix": matrix.tolist()})
    return folder, {"fl_x": 70.0, "fl_y": 70.0, "cx": 40.0, "cy": 30.0, "w": 80, "h": 60, "frames": frames}


def sheared_pose(value: dict[str, Any]) -> None:
    value["frames"][2]["transform_matrix"][0][1] = 0.5


def text_pose(value: dict[str, Any]) -> None:
    value["frames"][2]["transform_matrix"] = "identity"


def no_pose(value: dict[str, Any]) -> None:
    del value["frames"][2]["transform_matrix"]


def no_focal_length(value: dict[str, Any]) -> None:
    del value["fl_x"]


def no_frames(value: dict[str, Any]) -> None:
    del value["frames"]


def path_climbs_out(value: dict[str, Any]) -> None:
    value["frames"][2]["file_path"] = "../photo_02.png"


def absolute_path(value: dict[str, Any]) -> None:
    value["frames"][2]["file_path"] = "/etc/hostname"


def another_shape(value: dict[str, Any]) -> None:
    value["w"] = 60


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (sheared_pose, "frame 2 (photo_02.png)"),
        (text_pose, "frame 2 (photo_02.png)"),
        (no_pose, "'transform_matrix'"),
        (no_focal_length, "'fl_x'"),
        (no_frames, "'frames'"),
        (path_climbs_out, "'../photo_02.png'"),
        (absolute_path, "'/etc/hostname'"),
        (another_shape, "80x60"),
    ],
)
def test_transforms_json(
    run_script: Run,
    workspace: Path,
    posed: tuple[Path, dict[str, Any]],
    spoil: Callable[[dict[str, Any]], None],
    said: str,
) -> None:
    folder, value = posed
    spoil(value)
    (folder / "transforms.json").write_text(json.dumps(value))
    error = run_script("train", "dataset=transforms", f"dataset.path={folder}", f"workspace={workspace}").error
    assert "transforms.json" in error and said in error
    assert_nothing_half_written(workspace)
    assert not (workspace / "poses").exists()


@pytest.mark.filterwarnings("ignore")
def test_names_that_are_not_utf_8(run_script: Run, workspace: Path, posed: tuple[Path, dict[str, Any]]) -> None:
    """Such a workspace is refused, as other programs cannot write there; such pictures are read, posed and reported."""
    folder, value = posed
    for frame in value["frames"]:
        name = os.fsdecode(b"K\xfc" + frame["file_path"].encode())
        (folder / frame["file_path"]).rename(folder / name)
        frame["file_path"] = name
    (folder / "transforms.json").write_bytes(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape"))
    given = ["dataset=transforms", f"dataset.path={folder}", "dataset.triangulate=never"]
    bad = os.fsdecode(os.fsencode(workspace) + b"\xfc")
    assert "not UTF-8" in run_script("poses", *given, f"workspace={bad}").error
    assert run_script("poses", *given, f"workspace={workspace}").code == 0
    assert (workspace / "report.html").exists()
    assert {view.name[:2] for view in read_reconstruction(Workspace(workspace)).views} == {"K_"}
    assert b"K\xfcphoto_00.png" in (workspace / "poses/colmap/images.bin").read_bytes()


def test_transforms_json_that_is_not_json(run_script: Run, workspace: Path, posed: tuple[Path, dict[str, Any]]) -> None:
    folder, value = posed
    (folder / "transforms.json").write_text(json.dumps(value)[:-40])
    error = run_script("train", "dataset=transforms", f"dataset.path={folder}", f"workspace={workspace}").error
    assert "transforms.json" in error and "not valid JSON" in error


@pytest.mark.parametrize(
    "name",
    ["transforms", "blender", "colmap", "llff", "tum", "kitti", "seven_scenes", "csv", "polycam", "record3d"],
)
def test_data_set_that_is_not_there(run_script: Run, tmp_path: Path, workspace: Path, name: str) -> None:
    arguments = (f"dataset={name}", f"workspace={workspace}")
    assert "nowhere" in run_script("train", *arguments, f"dataset.path={tmp_path / 'nowhere'}").error
    assert (
        "empty"
        in run_script("train", *arguments, f"dataset.path={empty_folder(tmp_path).rename(tmp_path / 'empty')}").error
    )
    assert_nothing_half_written(workspace)


# ---- checkpoints ---------------------------------------------------------------------------------------------------


class Payload:
    """What an attacker would pickle: it runs a program when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("name", ["evaluate", "render", "mesh"])
@pytest.mark.parametrize("kind", ["another version", "not a dictionary", "cut", "text", "program"])
def test_field_file(run_script: Run, tmp_path: Path, workspace: Path, name: str, kind: str) -> None:
    (workspace / "field").mkdir(parents=True)
    checkpoint, ran = workspace / "field/field.pt", tmp_path / "ran"
    torch.save({"version": 99, "key": "x", "payload": Payload(ran) if kind == "program" else 0}, checkpoint)
    if kind == "not a dictionary":
        torch.save([1, 2], checkpoint)
    elif kind == "cut":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-300])
    elif kind == "text":
        checkpoint.write_text("weights")
    before = checkpoint.read_bytes()
    error = run_script(name, f"workspace={workspace}").error
    assert str(checkpoint) in error and "train again" in error
    assert ("found 99" in error) == (kind == "another version")
    assert checkpoint.read_bytes() == before and not ran.exists()


def test_training_does_not_go_on_from_a_checkpoint_of_another_version(
    run_script: Run, workspace: Path, posed: tuple[Path, dict[str, Any]]
) -> None:
    folder, value = posed
    (folder / "transforms.json").write_text(json.dumps(value))
    (workspace / "field").mkdir(parents=True)
    torch.save({"version": 99}, workspace / "field/checkpoint.pt")
    error = run_script("train", "dataset=transforms", f"dataset.path={folder}", f"workspace={workspace}").error
    assert "found 99" in error


# ---- the workspace -------------------------------------------------------------------------------------------------


def test_workspace_below_a_file(run_script: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = run_script("run", "capture.source=walk.mp4", f"workspace={tmp_path / 'file' / 'run'}").error
    assert str(tmp_path / "file/run") in error and "workspace=..." in error


MOUNT = 'mount -t tmpfs -o size={size},{option} tmpfs "$1" && shift && exec "$@"'


def on_a_disk(folder: Path, *, size: str, option: str, command: list[Any]) -> subprocess.CompletedProcess[str]:
    """Run a command that sees a small disk of its own mounted at `folder`; skips where that is not allowed."""
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    allowed = shutil.which("unshare") is not None and not subprocess.call(
        [*unshare, "sh", "-c", MOUNT.format(size="64k", option="rw"), "sh", folder, "true"], stderr=subprocess.DEVNULL
    )
    if not allowed:
        pytest.skip("this system does not let users mount a disk (unshare --user --mount)")
    script = MOUNT.format(size=size, option=option)
    return subprocess.run(
        [*unshare, "sh", "-c", script, "sh", folder, *command], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(("size", "option"), [("64k", "rw"), ("64k", "ro")], ids=["full", "read-only"])
def test_disk(tmp_path: Path, size: str, option: str) -> None:
    disk, source = tmp_path / "disk", photos(tmp_path / "photos", [picture(i, 120, 160) for i in range(6)])
    disk.mkdir()
    then_list = '"$@"; code=$?; find "$0" -mindepth 1 | sort; exit $code'
    program = [sys.executable, ROOT / "scripts/capture.py", f"workspace={disk / 'run'}", f"capture.source={source}"]
    ended = on_a_disk(disk, size=size, option=option, command=["sh", "-c", then_list, disk, *program])
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: ") and ended.stderr.count("\n") == 1
    assert str(disk / "run") in ended.stderr and "workspace=..." in ended.stderr
    left = [line for line in ended.stdout.splitlines() if line.startswith(str(disk))]
    assert left == ([] if option == "ro" else [f"{disk}/run", f"{disk}/run/config.yaml"])


def test_checkpoint_on_a_full_disk(tmp_path: Path) -> None:
    """The last checkpoint survives the one that does not fit any more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    program = """
import sys, torch
from pathlib import Path
from recon.workspace.errors import UserError
from recon.field.checkpoint import load_checkpoint, save_checkpoint
path = Path(sys.argv[1]) / "checkpoint.pt"
save_checkpoint(path, {"step": 1})
try:
    save_checkpoint(path, {"step": 2, "weights": torch.zeros(200_000)})
except UserError as error:
    print(error)
print(load_checkpoint(path)["step"], [p.name for p in path.parent.iterdir()])
"""
    ended = on_a_disk(disk, size="256k", option="rw", command=[sys.executable, "-c", program, disk])
    assert ended.returncode == 0, ended.stderr
    message, left = ended.stdout.strip().splitlines()
    assert "cannot write" in message and left == "1 ['checkpoint.pt']"
