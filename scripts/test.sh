#!/usr/bin/env bash
# Set the machine up, then lint, types and every test, slow ones included. Exit code 0 only when all of them pass.
#
#   bash scripts/test.sh                     # all
#   bash scripts/test.sh -m 'not slow'       # arguments go to pytest
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh tests
status=0
run() { echo "+ $*"; "$@" || status=1; }
run .venv/bin/ruff check .
run .venv/bin/ruff format --check .
run .venv/bin/mypy
run .venv/bin/python -m pytest -q -n auto --durations=15 "$@" # a worker for each core
exit $status
