"""The wheel in a fresh environment: it carries settings and kernels, and its command runs the sample with no checkout near."""

import os
import shutil
import site
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
import setuptools

from recon.kernels import native
from recon.workspace import Workspace, read_metrics

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample" / "video.mp4"
Recon = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(int(setuptools.__version__.split(".")[0]) < 77, reason="building needs setuptools 77 or later"),
]


@pytest.fixture(scope="module")
def recon(tmp_path_factory: pytest.TempPathFactory) -> Recon:
    """The command `recon` of an environment that holds our wheel; all other packages are lent by the present one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    nothing_built = shutil.ignore_patterns("*.so", "__pycache__")
    for name in ("recon", "conf"):
        shutil.copytree(ROOT / name, source / name, ignore=nothing_built)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    called([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, source])
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    called([*pip, "--python", python, "install", "--no-deps", "--no-index", *folder.glob("recon-*.whl")])
    (own,) = (folder / "env").glob("lib/python*/site-packages")
    (own / "lent.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    # Without PYTHONPATH, and from a folder of its own: nothing of the checkout is on the path.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    program, place = folder / "env" / "bin" / "recon", folder / "elsewhere"
    place.mkdir()

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [str(program), *map(str, arguments)]
        return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True)

    return run


def called(command: list[object]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def test_it_names_its_own_commands(recon: Recon, tmp_path: Path) -> None:
    assert "recon run capture.source=walk.mp4" in recon("--help").stdout
    refused = recon("mesh", f"workspace={tmp_path / 'run'}")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "recon train workspace=" in refused.stderr and "scripts/" not in refused.stderr


def test_it_runs_the_sample(recon: Recon, tmp_path: Path) -> None:
    """Film to world, every stage, in a few steps: quick and not good."""
    workspace = Workspace(tmp_path / "run")
    ran = recon(
        "run",
        f"workspace={workspace.root}",
        f"capture.source={SAMPLE}",
        "capture.target_count=16",
        "capture.max_size=200",
        "poses.max_features=2048",
        "poses.dense=false",
        "train.max_steps=4",
        "train.samples_per_step=4096",
        "train.preview_count=0",
        "views.seconds=0.1",
        "mesh.max_faces=2000",
        "export.engines=[mujoco]",
        "export.drop_spheres=4",
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    metrics = read_metrics(workspace)
    assert metrics["poses"]["registered"] >= 0.6 * metrics["poses"]["total"] and metrics["train"]["steps"] == 4
    if native.why_missing() is None:  # the kernels came with the wheel
        assert metrics["train"]["backend"] == "native" and metrics["matching"]["views"] > 0
    assert metrics["mesh"]["faces"] > 0 and metrics["world"]["loads"]["mujoco"]
    assert workspace.report_html.stat().st_size > 10_000
    assert "4 steps" in recon("summary", workspace.root).stdout
