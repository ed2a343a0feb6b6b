#!/usr/bin/env bash
# Check recon on a machine with a CUDA GPU, Python and a PyTorch for it: every kernel against the reference, speed, quality, and
# the sample from film to world, where the packages for that are installed (in .venv they are) and time is left.
# Ends within six minutes, prints one table, writes gpu.json. Nothing is installed where pip reaches no registry.
#
#   bash scripts/check_gpu.sh data=/path/to/lego                  # a folder with transforms_train.json and transforms_test.json
#   PYTHON=.venv/bin/python bash scripts/check_gpu.sh data=/path/to/lego seconds=20,60 out=runs/gpu.json
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd) # not gone to: paths in the arguments are the caller's

python=${PYTHON:-python3}
missing=$($python - <<'EOF'
import importlib.util
needed = {"numpy": "numpy", "triton": "triton", "tensorboard": "tensorboard", "PIL": "pillow", "cv2": "opencv-python-headless",
          "scipy": "scipy", "rich": "rich", "safetensors": "safetensors", "imageio": "imageio", "yaml": "pyyaml"}
print(*(package for module, package in needed.items() if importlib.util.find_spec(module) is None))
EOF
)
if [ -n "$missing" ]; then
    echo "installing $missing"
    # shellcheck disable=SC2086
    $python -m pip install -q --retries 1 --timeout 10 $missing || echo "pip could not install $missing: what needs it will say so"
fi
exec "$python" "$root/scripts/check_gpu.py" "$@"
