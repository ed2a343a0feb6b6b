#!/usr/bin/env bash
# Make or refresh .venv with recon and what its stages need. Costs nothing when it is up to date.
#
#   bash scripts/setup.sh            PYTHON=/path/to/python3.11 bash scripts/setup.sh
#   bash scripts/setup.sh tests             also what tests, lint and types need (1 GB of it is Triton, to interpret its kernels)
#   bash scripts/setup.sh simulators        also the physics engines and checkers that exported worlds are tried in
#
# System packages (Debian names): python3-venv; libgl1 libegl1 libx11-6 (open3d links to them); g++ (for the native kernels,
# which are the speed on a CPU: without it all works, slower). Installed when root, named otherwise. To save gigabytes of CUDA on
# a machine without a GPU, set PIP_EXTRA_INDEX_URL to the index of CPU builds that the install page of PyTorch names.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "error: $*" >&2; exit 2; }

apt_install() { # what it is for, packages...
    local reason=$1; shift
    command -v apt-get >/dev/null || fail "$reason: install the equivalents of the Debian packages '$*', then run this again."
    [ "$(id -u)" = 0 ] || fail "$reason: run 'sudo apt-get install $*', then run this again."
    echo "set-up: installing system packages $* ($reason)"
    local log
    log=$(mktemp)
    { apt-get update -qq || true; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } >"$log" 2>&1 ||
        { tail -n 5 "$log" >&2; fail "$reason: 'apt-get install $*' failed (above)."; }
    rm -f "$log"
}

find_python() { # the first Python of at least 3.11 that can be found
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3}; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

compiler() { # that setuptools would build the native kernels with; nothing when there is none
    command -v "${CXX:-c++}" || command -v g++ || command -v clang++ || true
}

fingerprint() { # of everything that decides what .venv holds
    local inputs=(pyproject.toml constraints.txt setup.py recon/kernels/native/*.cpp recon/kernels/native/*.h)
    { echo "$PWD $(compiler)"; sha256sum "${inputs[@]}"; } | sha256sum
}

pip_install() { # pip with its chatter in a log and a line now and then that says where it is
    local log=.venv/pip.log began=$SECONDS shown=""
    .venv/bin/python -m pip install --disable-pip-version-check --no-input -c constraints.txt "$@" >>"$log" 2>&1 &
    local job=$!
    trap 'kill "$job" 2>/dev/null || true' EXIT # a background job does not hear Ctrl-C by itself
    while kill -0 "$job" 2>/dev/null; do
        sleep 1
        (((SECONDS - began) % 15 == 0)) || continue
        local now
        now=$(grep -oE '^(Collecting|Installing collected|Building|Preparing)[^(;<>=~!,\[]*' "$log" | tail -n 1 || true)
        [ "$now" = "$shown" ] && now="still at it"
        echo "set-up: $SECONDS s: ${now:-starting}"
        shown=$now
    done
    trap - EXIT
    wait "$job" || {
        grep -iE '^ *(error|ERROR:)' "$log" | tail -n 5 >&2 || tail -n 5 "$log" >&2
        fail "pip could not install the packages (above; the whole log is $log). Mend that, then run this again."
    }
}

missing_libraries() { # Debian packages of the shared libraries that open3d links to and this machine lacks
    [ "$(uname -s)" = Linux ] || return 0
    local pair
    for pair in libGL.so.1:libgl1 libEGL.so.1:libegl1 libX11.so.6:libx11-6; do
        .venv/bin/python -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "${pair%%:*}" 2>/dev/null || echo "${pair##*:}"
    done
}

simulators() { # engines and checkers of exported worlds that come as wheels; others, for Debian, are named
    echo "set-up: installing simulators and checkers (about 1 GB)"
    pip_install -e '.[usd,viewer,simulators]'
    # Without their dependencies: Drake's name a proprietary solver, SAPIEN's an OpenCV that overwrites ours.
    pip_install --no-deps drake sapien
    pip_install lxml transforms3d
    local pair missing=()
    for pair in ign:ignition-tools ign:sdformat-sdf check_urdf:liburdfdom-tools blender:blender npm:npm; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} = 0 ] || echo "set-up: checkers that are system packages and absent here: apt-get install ${missing[*]}"
    if command -v npm >/dev/null && [ ! -d .venv/npm/node_modules/gltf-validator ]; then
        npm install --silent --prefix .venv/npm gltf-validator || echo "set-up: npm could not install gltf-validator"
    fi
    echo "set-up: simulators done"
}

what=${1:-}
case $what in '' | tests | simulators) ;; *) fail "expected no argument, 'tests' or 'simulators', found '$what'." ;; esac
stamp=.venv/set-up.sha256 extras=pybullet,usd,viewer
[ "$what" != tests ] || { stamp=.venv/set-up-tests.sha256 extras=dev,$extras; }
if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]; then
    [ "$what" != simulators ] || simulators
    exit 0
fi

python=$(find_python) || {
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not Python 3.11 or newer."
    apt_install "no Python of version 3.11 or newer was found" python3 python3-venv
    python=$(find_python) || fail "this system's python3 is older than 3.11. Install Python 3.11, then PYTHON=/path/to/python3.11 $0"
}
if ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    "$python" -c 'import venv, ensurepip' 2>/dev/null || apt_install "$python cannot make virtual environments" \
        "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    "$python" -m venv --clear .venv || fail "$python -m venv .venv failed (above)."
fi
libraries=$(missing_libraries)
# shellcheck disable=SC2086
[ -z "$libraries" ] || apt_install "open3d needs shared libraries that are missing" $libraries

if [ -z "$(compiler)" ] && ! { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null &&
    (apt_install "the native kernels, the speed of training on a CPU, need a C++ compiler" g++); }; then
    echo "set-up: no C++ compiler, so the native kernels are left out and training is slower" \
        "(apt-get install g++, then run this again)"
fi
echo "set-up: installing Python packages into .venv with $("$python" --version) (about 2 GB; log: .venv/pip.log)"
: >.venv/pip.log
pip_install -e ".[$extras]"
.venv/bin/python -c 'from recon.geometry.open3d_import import import_open3d as i; i(); import cv2, mujoco, pycolmap, torch' ||
    fail "the packages are installed but do not import (above). On Debian: apt-get install libgl1 libegl1 libx11-6"
fingerprint | tee .venv/set-up.sha256 "$stamp" >/dev/null # anew: the compiler may have come just now
echo "set-up: done in $SECONDS s"
[ "$what" != simulators ] || simulators
