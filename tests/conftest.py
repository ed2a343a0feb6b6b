"""Shared by all tests: run a script as a person would, in this process, and see its exit code and what it printed."""

import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recon.workspace.console import take_warnings

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The message of a run that refused its input: exit code 2 and one line on stderr."""
        assert self.code == 2, f"exit code {self.code}, expected 2; stderr: {self.err[-2000:]}"
        lines = self.err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: "), f"expected one line 'error: ...', found {self.err}"
        return lines[0]


@pytest.fixture(autouse=True)
def _warnings_of_this_test_only() -> None:
    take_warnings()


@pytest.fixture
def run_script(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`run_script("train", "workspace=x", ...)`: scripts/train.py with these arguments."""

    def run(name: str, *arguments: object) -> Ended:
        capsys.readouterr()
        take_warnings()
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        code = 0
        try:
            runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run
