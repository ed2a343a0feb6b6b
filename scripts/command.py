"""What every script shares: compose `conf/`, seed, and turn a user's mistake into one line and exit code 2.

Hydra and omegaconf stay in this folder; `recon` takes plain values.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

_hook = sys.excepthook


def _quiet(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ctrl-C while everything is still being imported is no bug."""
    if issubclass(kind, KeyboardInterrupt):
        print("\nStopped.", file=sys.stderr)
    else:
        _hook(kind, error, trace)


sys.excepthook = _quiet
ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # raise to us instead of printing a traceback
sys.path.insert(0, str(ROOT))

try:
    import hydra
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
    from plain_paths import quoted_paths

    from recon.configuration import Settings
    from recon.errors import UserError
    from recon.settings import read_settings
    from recon.workspace import Workspace, only_writer, open_workspace, replace_file
except ModuleNotFoundError as error:
    print(
        f"error: {sys.executable} lacks the package {error.name!r}. Set up once with `bash scripts/demo.sh`, "
        "then `source .venv/bin/activate` (or call .venv/bin/python).",
        file=sys.stderr,
    )
    sys.exit(2)


def command(stage: Callable[[Workspace, Settings], None], *, writes: bool = True) -> Callable[[], None]:
    """Make a script's `main` of `stage(workspace, settings)`; impossible settings end it before anything is written.

    writes: no other process may work in the run folder meanwhile.
    """

    @hydra.main(version_base="1.3", config_path=str(ROOT / "conf"), config_name="config")
    def composed(config: DictConfig) -> None:
        with one_line_errors():  # here too: Hydra prints a line of its own about what passes through it
            values: dict[str, Any] = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore
            settings = read_settings(Settings, "", values)
            workspace = open_workspace(settings.workspace)
            seed_everything(settings.seed, threads=settings.threads)
            with only_writer(workspace) if writes else nullcontext():
                with replace_file(workspace.config) as temporary:
                    temporary.write_text(OmegaConf.to_yaml(config, resolve=True), errors="surrogateescape")
                stage(workspace, settings)

    def main() -> None:
        with one_line_errors():
            sys.argv[1:] = quoted_paths(sys.argv[1:])
            composed()

    return main


@contextmanager
def one_line_errors() -> Iterator[None]:
    """A user's mistake ends the program with one line and exit code 2, Ctrl-C with 130; a bug keeps its traceback."""
    try:
        yield
    except UserError as error:
        _fail(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        _fail(_one_line(error))
    except KeyboardInterrupt:
        print("\nStopped. Finished stages are kept: run the same command again to go on.", file=sys.stderr)
        sys.exit(130)


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


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)
