"""Paths on the command line as a shell passes them: Hydra's grammar would trip over `walk (1).mp4`, `a=b.mp4` or `it's here/`."""

import re
from collections.abc import Sequence
from pathlib import Path

from recon.workspace.errors import UserError

_PATH_KEYS = ("capture.source", "dataset.path", "dataset.images", "dataset.intrinsics", "workspace", "truth", "path")
_OVERRIDE = re.compile(r"(\+{0,2})([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_SAFE = re.compile(r"[A-Za-z0-9_./:-]*")
_NUMBER = re.compile(r"[+-]?([0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(inf|nan)", re.IGNORECASE)
_IS_QUOTED = re.compile(r"""'.*'|".*\"""", re.DOTALL)
_MULTIRUN = ("-m", "--multirun")


def quoted_paths(arguments: Sequence[str]) -> list[str]:
    """The arguments with values of settings that name files quoted as Hydra wants it, unless the person has done so.

    >>> quoted_paths(["capture.source=it's (1).mp4", "workspace=runs/a", "train.max_steps=3"])
    ["capture.source='it\\\\'s (1).mp4'", 'workspace=runs/a', 'train.max_steps=3']
    """
    if any(flag in arguments for flag in _MULTIRUN):  # there a comma parts the values of a sweep
        return list(arguments)
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if _OVERRIDE.fullmatch(argument) is None and not before.startswith("-") and _is_path(argument):
            raise UserError(
                f"{argument}: settings are given as key=value. A film or photos: capture.source={argument} workspace=runs/NAME; "
                "a data set with poses: dataset=transforms dataset.path=... (or colmap, ...)"
            )
    return [_quoted(argument) for argument in arguments]


def _quoted(argument: str) -> str:
    match = _OVERRIDE.fullmatch(argument)
    if match is None or match[2] not in _PATH_KEYS:
        return argument
    prefix, key, value = match.groups()
    is_there = _exists(value)
    is_no_text = _NUMBER.fullmatch(value) or (is_there and value.lower() in ("null", "true", "false"))  # to Hydra
    if _SAFE.fullmatch(value) and not is_no_text:
        return argument
    if not is_there and (_IS_QUOTED.fullmatch(value) or (key == "dataset.intrinsics" and value.startswith("["))):
        return argument
    # Back-slashes count only before a quote and at the end; ${ would be an interpolation.
    escaped = re.sub(r"(\\*)('|$)", lambda m: 2 * m[1] + ("\\'" if m[2] else ""), value)
    escaped = re.sub(r"(\\*)\$\{", lambda m: 2 * m[1] + "\\${", escaped)
    return f"{prefix}{key}='{escaped}'"


def _is_path(argument: str) -> bool:
    """Whether an argument without a key is a file or folder, or looks like one that is missing."""
    return not argument.startswith(("-", "~")) and ("/" in argument or _exists(argument) or bool(Path(argument).suffix))


def _exists(value: str) -> bool:
    try:
        return Path(value).exists()
    except (OSError, ValueError):
        return False
