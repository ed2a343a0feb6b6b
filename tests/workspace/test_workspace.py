"""The run folder: atomic writes, fingerprints, marks of finished stages, metrics."""

import errno
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from recon.workspace import (
    StageRun,
    Workspace,
    check_poses,
    fingerprint,
    is_finished,
    mark_finished,
    only_writer,
    open_workspace,
    read_json,
    read_metrics,
    replace_file,
    replace_folder,
    stage_warnings,
    write_json,
    write_metrics,
)
from recon.workspace.console import take_warnings, warn
from recon.workspace.errors import UserError
from recon.workspace.usage import Usage

ROOT = Path(__file__).resolve().parents[2]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "new/value.json"
    with replace_file(path) as temporary:
        temporary.write_text("1")
        assert temporary.suffix == ".json" and not path.exists()
    assert path.read_text() == "1" and names(path.parent) == ["value.json"]


def test_a_failed_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    path.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and names(tmp_path) == ["value.json"]


def test_a_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    for content in ("first", "second"):
        with replace_folder(folder) as temporary:
            (temporary / content).write_text(content)
    assert names(folder) == ["second"] and names(tmp_path) == ["frames"]


def test_a_failed_stage_keeps_the_old_folder(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    with replace_folder(folder) as temporary:
        (temporary / "good").write_text("")
    with pytest.raises(KeyboardInterrupt), replace_folder(folder) as temporary:
        (temporary / "half").write_text("")
        raise KeyboardInterrupt
    assert names(folder) == ["good"] and names(tmp_path) == ["frames"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_disk_trouble_is_the_users_to_mend(tmp_path: Path, code: int) -> None:
    with pytest.raises(UserError, match="cannot write"), replace_folder(tmp_path / "frames"):
        raise OSError(code, os.strerror(code))
    assert names(tmp_path) == []


def test_numpy_says_a_full_disk_in_words_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No space left"), replace_folder(tmp_path / "matching"):
        raise OSError("57600 requested and 3968 written")  # ndarray.tofile
    with pytest.raises(OSError, match="other"), replace_folder(tmp_path / "matching"):
        raise OSError("other")


def test_other_operating_system_errors_stay_bugs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "value.json"):
        raise FileNotFoundError(errno.ENOENT, "no such file")


def test_json_of_arrays_paths_and_numbers_that_are_none(tmp_path: Path) -> None:
    value = {"a": np.eye(2, 3), "b": Path("x/y"), "c": (np.float32(0.5), np.int64(3)), 4: [float("nan"), float("inf")]}
    write_json(tmp_path / "v.json", value)
    assert json.loads((tmp_path / "v.json").read_text()) == {
        "a": [[1, 0, 0], [0, 1, 0]],
        "b": "x/y",
        "c": [0.5, 3],
        "4": [None, None],
    }


def test_reading_says_which_command_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    with pytest.raises(UserError, match=r"v\.json is missing.*make it so"):
        read_json(path, made_by="make it so")
    path.write_text("{half")
    with pytest.raises(UserError, match=r"not valid JSON.*make it so"):
        read_json(path, made_by="make it so")


def test_open_workspace_makes_the_folder_and_refuses_a_file(tmp_path: Path) -> None:
    assert open_workspace(tmp_path / "a/b").root.is_dir()
    assert names(tmp_path / "a/b") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write there"):
        open_workspace(tmp_path / "file")


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[31mb", "a\x85b"])
def test_open_workspace_refuses_control_characters(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="control characters") as error:
        open_workspace(tmp_path / name)
    assert str(error.value).isprintable() and not names(tmp_path)


# ---- fingerprints --------------------------------------------------------------------------------------------------


def test_fingerprint_sees_settings_names_and_contents(tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    video.write_bytes(b"frames")
    key = fingerprint({"a": 1, "b": None}, [video])
    assert fingerprint({"b": None, "a": 1}, [video]) == key
    assert fingerprint({"a": 2, "b": None}, [video]) != key
    video.touch()
    assert fingerprint({"a": 1, "b": None}, [video]) == key
    video.write_bytes(b"Frames")
    assert fingerprint({"a": 1, "b": None}, [video]) != key
    video.unlink()
    assert fingerprint({"a": 1, "b": None}, [video]) != key


def test_fingerprint_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"1")
    key = fingerprint({}, [tmp_path])
    (tmp_path / "b.png").write_bytes(b"2")
    assert fingerprint({}, [tmp_path]) != key
    (tmp_path / "b.png").unlink()
    assert fingerprint({}, [tmp_path]) == key
    (tmp_path / "a.png").rename(tmp_path / "c.png")
    assert fingerprint({}, [tmp_path]) != key


@pytest.mark.parametrize("where", [0, (1 << 20) + 5, -1])
def test_fingerprint_of_large_files_sees_both_ends(tmp_path: Path, where: int) -> None:
    content = bytearray((1 << 20) + 10)
    (tmp_path / "walk.mp4").write_bytes(content)
    key = fingerprint({}, [tmp_path / "walk.mp4"])
    content[where] = 1
    (tmp_path / "walk.mp4").write_bytes(content)
    assert fingerprint({}, [tmp_path / "walk.mp4"]) != key


def test_a_stage_is_finished_for_its_own_fingerprint_only(tmp_path: Path) -> None:
    take_warnings()
    assert not is_finished(tmp_path, "key")
    warn("something was skipped")
    mark_finished(tmp_path, "key", settings={"a": 1}, seconds=1.23456)
    assert is_finished(tmp_path, "key") and not is_finished(tmp_path, "another")
    mark = json.loads((tmp_path / "stage.json").read_text())
    assert mark["settings"] == {"a": 1} and mark["seconds"] == 1.235 and mark["warnings"] == ["something was skipped"]
    (tmp_path / "stage.json").write_text("[]")
    assert not is_finished(tmp_path, "key")


def test_warnings_of_all_stages(tmp_path: Path) -> None:
    take_warnings()
    for stage in ("frames", "poses"):
        (tmp_path / stage).mkdir()
        warn(f"about {stage}")
        mark_finished(tmp_path / stage, "key", settings={}, seconds=0)
    assert stage_warnings(Workspace(tmp_path)) == {"frames": ["about frames"], "poses": ["about poses"]}


def test_metrics_keep_the_other_sections(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert read_metrics(workspace) == {}
    write_metrics(workspace, "poses", {"registered": 3})
    write_metrics(workspace, "eval", {"psnr": float("nan")})
    write_metrics(workspace, "poses", {"total": 4})
    assert read_metrics(workspace) == {"poses": {"total": 4}, "eval": {"psnr": None}}


# ---- runs of a stage -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PaintSettings:
    color: str


def paint(workspace: Workspace, color: str, *, is_kept: bool = False) -> StageRun:
    inputs = [workspace.root / "wall.txt"]
    folder = workspace.root / "paint"
    return StageRun(workspace, "paint", folder, settings=PaintSettings(color), inputs=inputs, is_kept=is_kept)


def test_a_stage_run_replaces_its_folder_and_says_what_it_cost(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "wall.txt").write_text("bare")
    take_warnings()
    run = paint(workspace, "red")
    assert not run.is_finished
    with run as folder:
        assert folder.name != "paint"
        (folder / "coat").write_text("red")
        warn("it drips")
        sum(range(300_000))
        run.metrics = {"coats": 1}
    assert names(tmp_path / "paint") == ["coat", "stage.json"]
    assert paint(workspace, "red").is_finished and not paint(workspace, "blue").is_finished
    assert stage_warnings(workspace) == {"paint": ["it drips"]}
    metrics = read_metrics(workspace)
    assert metrics["paint"] == {"coats": 1}
    spent = metrics["stages"]["paint"]
    assert spent["seconds"] > 0 and spent["cpu_seconds"] > 0 and spent["peak_rss_mb"] > 10
    (tmp_path / "wall.txt").write_text("wet")
    assert not paint(workspace, "red").is_finished


def test_a_stage_run_that_fails_leaves_the_old_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    with paint(workspace, "red") as folder:
        (folder / "coat").write_text("red")
    before = read_metrics(workspace)
    with pytest.raises(ValueError, match="spilt"), paint(workspace, "blue"):
        raise ValueError("spilt")
    assert paint(workspace, "red").is_finished and read_metrics(workspace) == before
    assert names(tmp_path) == ["metrics.json", "paint"]
    assert "paint: settings or inputs changed" in capsys.readouterr().out


def test_a_stage_run_without_its_numbers_is_not_finished(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with paint(workspace, "red"):
        pass
    workspace.metrics_json.unlink()
    assert not paint(workspace, "red").is_finished


def test_what_was_made_with_other_poses_is_refused(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    write_json(workspace.cameras_json, {"metres": 1})
    with StageRun(workspace, "mesh", workspace.mesh, settings={}, inputs=[workspace.cameras_json]):
        pass
    with StageRun(workspace, "paint", tmp_path / "paint", settings={}, inputs=[]):
        pass
    check_poses(workspace, workspace.mesh, made_by="python scripts/mesh.py")
    write_json(workspace.cameras_json, {"metres": 2})
    with pytest.raises(UserError, match=r"mesh was made with other poses.*scripts/mesh\.py workspace="):
        check_poses(workspace, workspace.mesh, made_by="python scripts/mesh.py")
    check_poses(workspace, tmp_path / "paint", made_by="it asks for no poses")
    check_poses(workspace, tmp_path / "absent", made_by="it is not there")
    told = stage_warnings(workspace)
    assert "no longer fits" in told["mesh"][0] and told["paint"] == []
    workspace.cameras_json.unlink()
    check_poses(workspace, workspace.mesh, made_by="there is nothing to disagree with")


def test_a_kept_folder_is_gone_on_with_and_unmarked_meanwhile(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with paint(workspace, "red", is_kept=True) as folder:
        (folder / "coat").write_text("red")
    with pytest.raises(KeyboardInterrupt), paint(workspace, "red", is_kept=True) as folder:
        assert folder == tmp_path / "paint" and (folder / "coat").read_text() == "red"
        raise KeyboardInterrupt
    assert not paint(workspace, "red").is_finished
    with paint(workspace, "red", is_kept=True):
        pass
    assert paint(workspace, "red").is_finished


def test_peak_memory_is_that_of_the_work_alone(tmp_path: Path) -> None:
    if not os.access("/proc/self/clear_refs", os.W_OK):
        pytest.skip("/proc/self/clear_refs cannot be written here: the peak is that of the process")
    np.ones(300 << 17).sum()  # 300 MB, given back before the stage begins
    workspace = Workspace(tmp_path)
    with paint(workspace, "red"):
        small = Usage().spent()["peak_rss_mb"]
    with paint(workspace, "red"):
        np.ones(300 << 17).sum()
    assert read_metrics(workspace)["stages"]["paint"]["peak_rss_mb"] > small + 250


# ---- several at once, and afterwards -------------------------------------------------------------------------------


def test_a_second_process_is_refused_with_one_line(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from recon.workspace import Workspace, only_writer\n"
        "with only_writer(Workspace(Path(sys.argv[1]))): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another recon is working in it"), only_writer(Workspace(tmp_path)):
            pass
        other.kill()  # the system frees the lock
        other.wait()
    with only_writer(Workspace(tmp_path)):
        pass


def test_temporary_files_of_a_killed_run_and_of_what_it_started_are_cleared_by_the_next(tmp_path: Path) -> None:
    """They lie in the run folder, not where nobody looks for them; the environment is as before afterwards."""
    program = (
        "import os, signal, subprocess, sys, tempfile\nfrom pathlib import Path\n"
        "from recon.workspace import Workspace, only_writer\n"
        "with only_writer(Workspace(Path(sys.argv[1]))):\n"
        "    tempfile.mkdtemp(); subprocess.run([sys.executable, '-c', 'import tempfile; tempfile.mkstemp()'], check=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    workspace, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    workspace.mkdir()
    elsewhere.mkdir()
    environment = {**os.environ, "TMPDIR": str(elsewhere)}
    subprocess.run([sys.executable, "-c", program, "run"], cwd=tmp_path, env={**environment, "PYTHONPATH": str(ROOT)})
    assert len(list(workspace.rglob("*"))) == 3 and not list(elsewhere.iterdir())
    before = tempfile.gettempdir(), os.environ.get("TMPDIR")
    with only_writer(Workspace(workspace)), tempfile.TemporaryDirectory() as folder:
        assert Path(folder).is_relative_to(workspace)
    assert not list(workspace.iterdir()) and (tempfile.gettempdir(), os.environ.get("TMPDIR")) == before


def test_a_second_capture_into_a_folder_is_refused_while_the_first_works(tmp_path: Path) -> None:
    """As a person does it, by the command; a mask function holds the first one in the middle of its work."""
    for i in range(8):
        cv2.imwrite(str(tmp_path / f"photos_{i}.png"), np.random.default_rng(i).integers(0, 255, (64, 80, 3), np.uint8))
    (tmp_path / "held.py").write_text(
        "import pathlib, time\nhere = pathlib.Path(__file__).parent\n"
        "def fn(image):\n    (here / 'working').touch()\n"
        "    while not (here / 'go_on').exists():\n        time.sleep(0.01)\n    return image[..., 0] > 9\n"
    )
    command = [sys.executable, "-m", "recon", "capture", f"capture.source={tmp_path}", f"workspace={tmp_path / 'run'}"]
    path = os.pathsep.join([str(ROOT), str(tmp_path)])
    how: dict[str, Any] = {"env": {**os.environ, "PYTHONPATH": path}, "cwd": tmp_path, "text": True}
    command.append("capture.mask_fn=held:fn")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how) as first:
        while first.poll() is None and not (tmp_path / "working").exists():
            time.sleep(0.01)
        second = subprocess.run(command, capture_output=True, check=False, **how)
        (tmp_path / "go_on").touch()
        _, said = first.communicate()
    assert first.returncode == 0, said
    assert second.returncode == 2 and "another recon is working in it" in second.stderr
    assert second.stderr.startswith("error: workspace") and second.stderr.count("\n") == 1
    assert names(tmp_path / "run") == ["config.yaml", "frames", "metrics.json"]


def test_what_killed_runs_left_is_cleared_and_what_they_were_replacing_is_put_back(tmp_path: Path) -> None:
    for name in (".mesh.12.tmp", ".poses.34.old", "field", "sfm/scratchx", ".field.9.old"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".poses.34.old/cameras.json").write_text("{}")
    for name in (".metrics.7.tmp.json", "field/.checkpoint.7.tmp.pt", "field/checkpoint.pt", ".hidden", "notes.12.tmp"):
        (tmp_path / name).touch()
    with only_writer(Workspace(tmp_path)):
        pass
    left = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*"))
    assert left == [
        ".hidden",
        "field",
        "field/checkpoint.pt",
        "notes.12.tmp",
        "poses",
        "poses/cameras.json",
        "sfm",
    ]


def test_a_stage_folder_that_is_a_link_is_replaced_where_it_leads(tmp_path: Path) -> None:
    elsewhere = tmp_path / "large_disk/mesh"
    elsewhere.mkdir(parents=True)
    (elsewhere / "old.ply").touch()
    (tmp_path / "mesh").symlink_to(elsewhere)
    with replace_folder(tmp_path / "mesh") as folder:
        (folder / "new.ply").touch()
    assert (tmp_path / "mesh").is_symlink() and [p.name for p in elsewhere.iterdir()] == ["new.ply"]


def test_a_fingerprint_covers_every_byte_and_no_time(tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    file.write_bytes(b"a" * 5_000_000)
    before = fingerprint({}, [file])
    os.utime(file, (1, 1))
    assert fingerprint({}, [file]) == before
    middle = bytearray(file.read_bytes())
    middle[2_500_000] = 0
    file.write_bytes(bytes(middle))
    assert fingerprint({}, [file]) != before


@pytest.mark.parametrize("text", ["[1]", "null", "3", "[" * 3000, "{", '{"a": 1', "9" * 5000])
def test_json_of_our_own_folder_is_checked(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UserError, match="Delete it and run: again") as caught:
        read_json(tmp_path / "x.json", made_by="again")
    assert "\n" not in str(caught.value)
