"""What every script shares: `recon` from this checkout, installed or not, and one of its commands (recon/command/main.py)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

try:
    import hydra  # noqa: F401  the first of the packages that a Python without set-up lacks

    from recon.command.errors import one_line_errors
    from recon.command.main import run
except ModuleNotFoundError as error:
    print(
        f"error: {sys.executable} lacks the package {error.name!r}. Set up once with `bash scripts/demo.sh`, "
        "then `source .venv/bin/activate` (or call .venv/bin/python).",
        file=sys.stderr,
    )
    sys.exit(2)

__all__ = ["one_line_errors", "run"]
