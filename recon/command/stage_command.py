"""A stage as a program: compose `conf/`, check every setting, seed, and run it in its run folder."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # raise to us instead of printing a traceback

import hydra
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from recon.command.errors import IS_CHECKOUT, ROOT, fail, one_line_errors
from recon.command.plain_paths import quoted_paths
from recon.pipeline import stages
from recon.pipeline.settings import Settings
from recon.workspace import only_writer, open_workspace, replace_file
from recon.workspace.errors import UserError
from recon.workspace.settings import read_settings

_MOST_DIGITS = 4000
CONF = ROOT / "conf" if IS_CHECKOUT else ROOT / "recon" / "conf"  # setup.py puts it into the wheel


def stage_command(function: str, *, writes: bool = True) -> Callable[[], None]:
    """A program of the function of `recon.pipeline.stages` with this name; impossible settings end it before it writes anything.

    writes: no other process may work in the run folder meanwhile.
    """

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def composed(config: DictConfig) -> None:
        with _one_line_errors():  # here too: Hydra prints a line of its own about what passes through it
            values: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore
            settings = read_settings(Settings, "", values)
            workspace = open_workspace(settings.workspace)
            seed_everything(settings.seed, threads=settings.threads)
            with only_writer(workspace) if writes else nullcontext():
                with replace_file(workspace.config) as temporary:
                    temporary.write_text(OmegaConf.to_yaml(config, resolve=True), errors="surrogateescape")
                getattr(stages, function)(workspace, settings)

    def program() -> None:
        with _one_line_errors():
            _check_digits(sys.argv[1:])
            sys.argv[1:] = quoted_paths(sys.argv[1:])
            composed()

    return program


def _check_digits(arguments: Sequence[str]) -> None:
    """`UserError` for a number that Python itself refuses to read."""
    for argument in arguments:
        if re.search(rf"[0-9_]{{{_MOST_DIGITS}}}", argument):
            raise UserError(f"{argument[:40]}...: has a number of over {_MOST_DIGITS} digits. Give a sensible one.")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """`one_line_errors`, and those of Hydra in one line too."""
    with one_line_errors():
        try:
            yield
        except (HydraException, OmegaConfBaseException) as error:
            fail(_one_line(error))


def seed_everything(seed: int, *, threads: int | None) -> None:
    """Seed python, numpy and torch; set the thread count of torch (null: all cores)."""
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)


def _one_line(error: BaseException) -> str:
    """What Hydra or omegaconf says, the key named: its first line says what, the deepest cause says why."""
    if isinstance(error, MissingMandatoryValue):
        key = error.full_key or "a setting"
        return f"configuration: {key} must be given: add {key}=... to the command."
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = dict.fromkeys(str(e).strip().splitlines()[0].rstrip(".") for e in (error, cause) if str(e).strip())
    where = f" (in {error.override})" if isinstance(error, OverrideParseException) else ""
    return f"configuration: {'. '.join(first)}{where}. See every key with --cfg job, every choice with --help."
