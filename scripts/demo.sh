#!/usr/bin/env bash
# From nothing to a verified simulator world of the sample capture, on a plain machine. Settings: conf/experiment/demo.yaml.
#
#   bash scripts/demo.sh                              # ten to twenty minutes on two cores; runs/demo
#   bash scripts/demo.sh train.quality=draft          # any override of the configuration
set -euo pipefail
cd "$(dirname "$0")/.."

bash scripts/setup.sh
workspace=runs/demo
for override in "$@"; do
    case $override in workspace=*) workspace=${override#workspace=} ;; esac
done
.venv/bin/python scripts/run.py experiment=demo "workspace=$workspace" "$@"
.venv/bin/python scripts/summary.py "$workspace"
