"""The scripts as commands: help, and mistakes that end in one line and exit code 2."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recon.command.main import OTHERS, STAGES, main

ROOT = Path(__file__).resolve().parent.parent
HYDRA = sorted(STAGES)
PLAIN = ["bench", "check_gpu", "make_marker", "make_sample", "summary"]
PARTS = ["command"]  # what scripts share
LATER_STAGES = sorted({"evaluate", "export", "mesh", "render", "train"} & set(HYDRA))


def test_every_script_is_tested() -> None:
    assert {path.stem for path in (ROOT / "scripts").glob("*.py")} == {*HYDRA, *PLAIN, *PARTS}


def test_the_program_runs_every_command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: Any) -> None:
    """`recon NAME ...` is scripts/NAME.py: its help names each, mistakes are one line, the arguments arrive."""
    monkeypatch.setattr(sys, "argv", ["recon"])
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    told = capsys.readouterr().out
    assert ended.value.code == 0 and all(f"\n  {name} " in told for name in (*STAGES, *OTHERS))
    with pytest.raises(SystemExit) as ended:
        main(["mash", "workspace=x"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.startswith("error: mash: no command.") and said.count("\n") == 1
    with pytest.raises(SystemExit) as ended:
        main(["mesh", f"workspace={tmp_path / 'it (1)'}"])
    assert ended.value.code == 2 and "it (1)/field/field.pt is missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", [*HYDRA, *PLAIN])
def test_help(run_script: Callable[..., Any], name: str) -> None:
    ended = run_script(name, "--help")
    assert ended.code == 0 and not ended.err
    assert "usage:" in ended.out
    if name in HYDRA:
        assert "max_seconds" in ended.out and "experiment: demo" in ended.out


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("capture.sorce=walk.mp4", "sorce"),
        ("dataset=blendr", "dataset/blendr"),
        ("trane.max_seconds=3", "trane"),
        ("walk.mp4", "walk.mp4"),
        ("train.max_steps=[", "train.max_steps=["),
        ("dataset=blender", "dataset.path"),
    ],
)
@pytest.mark.parametrize("name", HYDRA)
def test_a_mistake_in_the_configuration(
    run_script: Callable[..., Any], tmp_path: Path, name: str, argument: str, said: str
) -> None:
    workspace = tmp_path / "run"
    error = run_script(name, f"workspace={workspace}", argument).error
    assert said in error and len(error) < 300
    assert not workspace.exists()


def test_check_gpu_names_a_folder_that_is_no_data_set_before_it_measures(
    run_script: Callable[..., Any], tmp_path: Path
) -> None:
    error = run_script("check_gpu", f"data={tmp_path}", "device=cpu").error
    assert f"data={tmp_path}: expected a folder with transforms_train.json" in error


@pytest.mark.parametrize("name", HYDRA)
def test_workspace_must_be_given(run_script: Callable[..., Any], name: str) -> None:
    assert "workspace=..." in run_script(name).error


@pytest.mark.parametrize("name", LATER_STAGES)
def test_a_stage_without_its_input_says_how_to_make_it(
    run_script: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    error = run_script(name, f"workspace={tmp_path / 'run'}").error
    assert "python scripts/" in error
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


def test_a_bug_keeps_its_traceback(run_script: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("recon.pipeline.stages.report", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        run_script("report", f"workspace={tmp_path}")


def test_ctrl_c_says_how_to_go_on(run_script: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("recon.pipeline.stages.report", stopped)
    ended = run_script("report", f"workspace={tmp_path}")
    assert ended.code == 130 and "run the same command again" in ended.err


def test_as_a_program_from_another_folder(tmp_path: Path) -> None:
    """One real process: what `python scripts/capture.py` prints and leaves when called from elsewhere."""
    command = [sys.executable, ROOT / "scripts/capture.py", "workspace=run", "capture.source=nothing.mp4"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "capture.source=nothing.mp4" in ended.stderr
    assert sorted(os.listdir(tmp_path)) == ["run"], "no log files beside the caller"


# ---- summary -------------------------------------------------------------------------------------------------------

METRICS = {
    "capture": {"kept": 17, "seconds": 2.0},
    "poses": {"registered": 17, "total": 17, "seconds": 30.0},
    "stages": {
        "poses": {"seconds": 36.0, "cpu_seconds": 60.0, "peak_rss_mb": 800.0},
        "train": {"seconds": 24.0, "cpu_seconds": 48.0, "peak_rss_mb": 2150.4},
    },
    "train": {"steps": 900, "seconds": 0.0, "device": "cpu", "backend": "native", "peak_rss_mb": 2150.4},
    "eval": {"psnr": 24.125, "ssim": 0.81, "seconds": 8.0},
    "views": {"orbit": {"seconds": 20.0}},
    "truth": {
        "camera_rms_m": 0.0042,
        "path_length_m": 12.5,
        "rotation_median_deg": 0.071,
        "scale_relative_error": -0.0012,
        "f_score_5cm": 0.912,
        "f_score_2cm": 0.604,
    },
    "world": {
        "drop": {
            "places": {"tried": 477, "off_edge": 40},
            "dropped": 200,
            "through": 0,
            "lost": 0,
            "flung": 0,
            "falling": 0,
            "median_mm": 3.14,
            "p95_mm": 13.1,
        },
        "loads": {"mujoco": True, "pybullet": None},
        "engines": {"mujoco": "pass", "pybullet": "not installed"},
    },
}


def test_a_marker_page_and_one_that_fits_no_paper(run_script: Callable[..., Any], tmp_path: Path) -> None:
    page = tmp_path / "marker.pdf"
    ended = run_script("make_marker", page, "--id", 3, "--dpi", 100)
    assert ended.code == 0 and not ended.err and page.read_bytes().startswith(b"%PDF")
    assert "at most" in run_script("make_marker", tmp_path / "large.pdf", "--side-mm", 500).error
    assert not (tmp_path / "large.pdf").exists()


def test_summary_of_a_whole_run(run_script: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    (tmp_path / "report.html").write_text("")
    ended = run_script("summary", tmp_path)
    assert ended.code == 0 and not ended.err
    numbers = (
        "17 of 17",
        "4.2 mm",
        "24.12 dB",
        "5 / 2 cm  0.912 / 0.604",
        "0 fell through",
        "40 of 477 places",
        "13 mm",
        "-0.12 %",
        "poses       0.6           1.0      0.8",
        "all, without installation       1.0           1.8      2.1",
    )
    for number in (*numbers, str(tmp_path / "report.html")):
        assert number in ended.out
    assert "pybullet" not in ended.out


def test_summary_of_a_world_that_failed(run_script: Callable[..., Any], tmp_path: Path) -> None:
    drop = {**METRICS["world"]["drop"], "median_mm": None, "p95_mm": None}
    world = {**METRICS["world"], "drop": drop, "engines": {"mujoco": "fail: 3 spheres fell through"}}
    (tmp_path / "metrics.json").write_text(json.dumps({"world": world}))
    ended = run_script("summary", tmp_path)
    assert ended.code == 1 and "3 spheres fell through" in ended.err and "none at rest" in ended.out


def test_summary_of_nothing(run_script: Callable[..., Any], tmp_path: Path) -> None:
    assert "python scripts/run.py" in run_script("summary", tmp_path / "run").error


def test_check_gpu_needs_no_package_that_it_does_not_install() -> None:
    """A bare machine has torch and what check_gpu.sh brings: nothing else may be imported on the way."""
    shell = (ROOT / "scripts/check_gpu.sh").read_text()
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('av', 'hydra', 'omegaconf', 'mujoco', 'open3d', 'pycolmap', 'trimesh', 'xatlas',\n"
        "                                      'fast_simplification'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import recon.bench.gpu, recon.bench.gpu_training, recon.bench.parity\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not any(f'"{name}"' in shell for name in ("av", "open3d", "pycolmap"))
