"""Which library of a release wheel a processor runs: the choice with made-up processors, and one real build of every library."""

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
import setuptools
import torch

from recon.kernels import HashLayout, native, reference
from recon.kernels.native import library, variant
from recon.workspace.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
ALL = ["v2", "v3", "v4"]


@pytest.mark.parametrize(
    ("built", "level", "chosen"),
    [
        (ALL, 4, "v4"),
        (ALL, 3, "v3"),
        (ALL, 2, "v2"),
        (["v2", "v4"], 3, "v2"),  # the one for this level is missing: the next lower
        (["v2"], 4, "v2"),
        (["host"], 0, "host"),
        (["host", *ALL], 4, "host"),
    ],
)
def test_the_fastest_that_runs(built: list[str], level: int, chosen: str) -> None:
    assert variant.best(built, level) == (chosen, "")


@pytest.mark.parametrize(
    ("built", "level", "reason"),
    [
        ([], 4, "no C++ compiler"),
        (["v3", "v4"], 2, "x86-64-v3 or later, this one is x86-64-v2"),
        (ALL, 1, "x86-64-v2 or later"),
        (ALL, 0, "_cpu is missing"),
    ],
)
def test_none_runs_and_why(built: list[str], level: int, reason: str) -> None:
    chosen, said = variant.best(built, level)
    assert chosen is None
    assert reason in said


@pytest.mark.parametrize("wanted", [*ALL, "host"])
def test_one_that_was_asked_for(wanted: str) -> None:
    assert variant.requested(wanted, ["host", *ALL], 4) == wanted


@pytest.mark.parametrize(
    ("wanted", "built", "level", "said"),
    [
        ("v4", ALL, 3, "x86-64-v4, this one is x86-64-v3"),
        ("v3", ALL, 0, "not known"),
        ("v3", ["host"], 4, "built (host)"),
        ("fast", ALL, 4, "built (v2, v3, v4)"),
        ("host", [], 4, "built (none)"),
    ],
)
def test_one_that_was_asked_for_and_cannot_run(wanted: str, built: list[str], level: int, said: str) -> None:
    with pytest.raises(UserError) as caught:
        variant.requested(wanted, built, level)
    assert said in str(caught.value) and wanted in str(caught.value)


def test_the_environment_names_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: tmp_path / f"_recon{end}{EXTENSION_SUFFIXES[0]}" for name, end in {"host": "", "v3": "_v3"}.items()}
    for file in files.values():
        file.touch()
    monkeypatch.delenv(variant.REQUEST, raising=False)
    assert variant.library_file(tmp_path) == (files["host"], "")
    monkeypatch.setattr(variant, "processor_level", lambda folder: 3)
    monkeypatch.setenv(variant.REQUEST, "v3")
    assert variant.library_file(tmp_path) == (files["v3"], "")
    monkeypatch.setenv(variant.REQUEST, "v2")
    with pytest.raises(UserError, match="v2"):
        variant.library_file(tmp_path)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the libraries that a release wheel carries, built from a copy of the sources beside a stale `_recon`."""
    root = tmp_path_factory.mktemp("release")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    shutil.copytree(ROOT / "recon" / "kernels" / "native", root / "recon" / "kernels" / "native")
    out = root / "built" / "recon" / "kernels" / "native"
    out.mkdir(parents=True)
    (out / f"_recon{EXTENSION_SUFFIXES[0]}").touch()
    command = [sys.executable, "setup.py", "build_ext", "--build-lib", "built", "--parallel", "2"]
    done = subprocess.run(command, cwd=root, env={**os.environ, "RECON_WHEEL": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return out


@pytest.mark.skipif(native.why_missing() is not None, reason=f"native kernels: {native.why_missing()}")
def test_a_library_of_other_headers_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = list(variant.built_files(Path(variant.__file__).parent).values())[:1]
    assert library.open_library(file)[0] is not None
    monkeypatch.setattr(library, "version_of", lambda folder: 1)
    found, reason = library.open_library(file)
    assert found is None and "built from other sources" in reason


@pytest.mark.slow
@pytest.mark.skipif(int(setuptools.__version__.split(".")[0]) < 77, reason="building needs setuptools 77 or later")
@pytest.mark.skipif(native.why_missing() is not None, reason=f"native kernels: {native.why_missing()}")
def test_every_library_of_a_release_counts_alike(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, level = variant.built_files(release), variant.processor_level(release)
    assert list(files) == ALL if level else list(files) == ["host"]  # one library where the processor is not an x86-64
    layout = HashLayout(n_levels=3, n_features=4, log2_table_size=10, base_resolution=4, finest_resolution=40)
    positions, table = torch.rand(101, 3), torch.randn(layout.offsets[-1], 4)
    expected = reference.hash_encode(positions, table, layout)
    for name, file in files.items():
        if name != "host" and variant.LEVELS[name] > level:
            continue
        monkeypatch.setattr(library, "load", lambda file=file: library.open_library(file))
        torch.testing.assert_close(native.hash_encode(positions, table, layout), expected, atol=2e-6, rtol=1e-5)
