"""How a program ends: one line and exit code 2 for what is no bug."""

import errno
import subprocess
import sys

import pytest

from recon.command.errors import ROOT, one_line_errors
from recon.command.stage_command import stage_command

NO_SPACE = OSError(errno.ENOSPC, "No space left on device", "/runs/a/sfm/pairs.txt")


@pytest.mark.parametrize(
    "error",
    [
        NO_SPACE,
        OSError(errno.EROFS, "Read-only file system"),
        OSError("19200 requested and 7680 written"),
        RuntimeError("[database_sqlite.cc:1350] SQLite error: database or disk is full"),
    ],
)
def test_a_full_disk_is_one_line_wherever_it_is_met(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise error
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1 and "the disk is full" in said
    assert ("/runs/a/sfm/pairs.txt: " in said) == (error is NO_SPACE)


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "No such file"), RuntimeError("shapes differ"), KeyError("a")])
def test_a_bug_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), one_line_errors():
        raise error


def test_an_interrupted_program_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise KeyboardInterrupt
    assert ended.value.code == 130 and "Stopped" in capsys.readouterr().err


@pytest.mark.parametrize(
    "chained", ["raise KeyboardInterrupt", "raise RuntimeError('no backend') from KeyboardInterrupt()"]
)
def test_an_interrupt_while_importing_ends_as_a_later_one(chained: str) -> None:
    """pycolmap's module turns it into an ImportError, and that into a RuntimeError."""
    program = f"from recon.command.errors import be_quiet_when_interrupted as quiet\nquiet()\n{chained}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ended.returncode == 130 and ended.stderr == "\nStopped.\n"


def test_threads_leave_a_full_disk_to_the_main_one() -> None:
    program = (
        "import threading\nfrom recon.command.errors import be_quiet_when_interrupted as quiet\nquiet()\n"
        "def fail(error): raise error\n"
        "for error in (OSError(28, 'No space left on device'), KeyError('a')):\n"
        "    thread = threading.Thread(target=fail, args=(error,)); thread.start(); thread.join()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT)
    assert "KeyError" in ended.stderr and "No space" not in ended.stderr


def test_numbers_of_thousands_of_digits_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python refuses to read them, in the middle of Hydra."""
    monkeypatch.setattr(sys, "argv", ["report", "workspace=x", f"seed={'1' * 5000}"])
    with pytest.raises(SystemExit) as ended:
        stage_command("report")()
    assert ended.value.code == 2 and "over 4000 digits" in capsys.readouterr().err
