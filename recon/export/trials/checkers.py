"""Programs that check the files of a package by the rules of their formats; each says pass, fail with its reason, or is absent."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from recon.export.place import VISUAL_GLB, Box
from recon.export.trials.engine_run import is_installed, last_line
from recon.formats.mesh_glb import write_glb

PASS, ABSENT = "pass", "not installed"
UNUSABLE = "not usable here"  # installed, and at fault itself

_GLTF = """
const validator = require('gltf-validator'), fs = require('fs');
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[1])))
  .then(report => console.log(JSON.stringify(report.issues)), error => { console.error(String(error)); process.exit(1); });
"""
_BLENDER = """
import bpy, sys
path = sys.argv[-1]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=path)
corners = [o.matrix_world @ v.co for o in bpy.data.objects if o.type == 'MESH' for v in o.data.vertices]
print('BOUNDS', *[f(c[i] for c in corners) for f in (min, max) for i in range(3)])
"""


def check_files(world: Path, *, n_collisions: int, bounds: list[list[float]]) -> dict[str, str]:
    """The verdict of every checker, by name.

    `n_collisions`: convex parts that SDF and URDF must hold; `bounds` [2, 3]: of the visual mesh, package units, +z up.
    """
    checks: dict[str, Callable[[], str]] = {
        "sdformat": lambda: _sdformat(world),
        "gazebo_urdf": lambda: _gazebo_keeps(world, n_collisions),
        "check_urdf": lambda: _tool("check_urdf", str(world / "scene.urdf")),
        "gltf_validator": lambda: _gltf(world),
        "openusd": lambda: _openusd(world),
        "nvidia_usd": lambda: _nvidia_usd(world),
        "blender": lambda: _blender(world, bounds),
    }
    return {name: check() for name, check in checks.items()}


def _run(*command: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **({"NODE_PATH": path} if path else {})}
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, env=environment)


def _tool(name: str, *arguments: str) -> str:
    if shutil.which(name) is None:
        return ABSENT
    done = _run(name, *arguments)
    return PASS if done.returncode == 0 else f"fail: {last_line(done.stderr or done.stdout)}"


def _sdformat(world: Path) -> str:
    """Gazebo's reader: `Valid.` for model.sdf and world.sdf."""
    if not _has_sdformat():
        return ABSENT
    for name in ("model.sdf", "world.sdf"):
        done = _run("ign", "sdf", "-k", str(world / name))
        if "Valid." not in done.stdout:
            return f"fail: {name}: {last_line(done.stdout + done.stderr)}"
    return PASS


def _gazebo_keeps(world: Path, n_collisions: int) -> str:
    """How many collisions survive Gazebo's reading of the SDF and of the URDF."""
    if not _has_sdformat():
        return ABSENT
    for name in ("model.sdf", "scene.urdf"):
        found = _run("ign", "sdf", "-p", str(world / name)).stdout.count("<collision ")
        if found != n_collisions:
            return f"fail: Gazebo keeps {found} of the {n_collisions} collisions of {name}"
    return PASS


def _has_sdformat() -> bool:
    return shutil.which("ign") is not None and "sdf" in _run("ign", "--help").stdout


def _gltf(world: Path) -> str:
    """Khronos' validator: no errors and no warnings."""
    root = _node_modules()
    if root is None:
        return ABSENT
    for path in sorted((world / "assets").glob("*.glb")):
        done = _run("node", "-e", _GLTF, str(path), path=root)
        if done.returncode:
            return f"fail: {path.name}: {last_line(done.stderr)}"
        issues = json.loads(done.stdout)
        if issues["numErrors"] or issues["numWarnings"]:
            return f"fail: {path.name}: {issues['messages'][0]['message']}"
    return PASS


def _node_modules() -> str | None:
    """Where node finds `gltf-validator`: where set-up puts it, or among the global modules."""
    if shutil.which("node") is None:
        return None
    beside = Path(sys.prefix) / "npm/node_modules"
    places = [beside] + ([Path(_run("npm", "root", "-g").stdout.strip())] if shutil.which("npm") else [])
    return next((str(place) for place in places if (place / "gltf-validator").is_dir()), None)


def _openusd(world: Path) -> str:
    """OpenUSD's own validators, all that are registered."""
    if not is_installed("pxr"):
        return ABSENT
    program = (
        "import sys\nfrom pxr import Usd, UsdValidation\n"
        "registry = UsdValidation.ValidationRegistry()\n"
        "context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())\n"
        "errors = context.Validate(Usd.Stage.Open(sys.argv[1]))\n"
        "for error in errors: print(error.GetErrorAsString())\n"
        "sys.exit(bool(errors))\n"
    )
    done = _run(sys.executable, "-c", program, str(world / "scene.usd"))
    return PASS if done.returncode == 0 else f"fail: {last_line(done.stdout or done.stderr)}"


def _nvidia_usd(world: Path) -> str:
    """NVIDIA's validators: no failures and no errors; how many warnings there are is said."""
    program = Path(sys.executable).parent / "nvidia_usd_validate"
    if not program.exists():
        return ABSENT
    with tempfile.TemporaryDirectory() as folder:
        done = _run(str(program), "--csv-output", f"{folder}/issues.csv", str(world / "scene.usd"))
    text = done.stdout + done.stderr
    counts = {word: re.findall(rf"{word}: (\d+)", text) for word in ("Failures", "Errors", "Warnings")}
    if not all(counts.values()):
        return f"fail: {last_line(text)}"
    bad = [line for line in text.splitlines() if line.startswith(("ERROR", "CRITICAL"))]
    if int(counts["Failures"][-1]) or int(counts["Errors"][-1]):
        return f"fail: {bad[0][:300] if bad else last_line(text)}"
    return PASS


def _blender(world: Path, bounds: list[list[float]]) -> str:
    """Blender's import of the GLB has the size and the up axis of the package.

    Where the import fails, a plain box is the control: a Blender that cannot read that either is itself at fault.
    """
    if shutil.which("blender") is None:
        return ABSENT
    found = _in_blender(world / VISUAL_GLB)
    if isinstance(found, str):
        with tempfile.TemporaryDirectory() as folder:
            write_glb(Path(folder, "box.glb"), Box(np.zeros(3), np.eye(3), np.ones(3)).mesh())
            control = _in_blender(Path(folder, "box.glb"))
        return f"{UNUSABLE}: {control}" if isinstance(control, str) else f"fail: {found}"
    return same_size(found, bounds, VISUAL_GLB)


def _in_blender(path: Path) -> list[list[float]] | str:
    """The bounds [2, 3] that Blender's import of a GLB has, or what it says instead."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "read.py")
        script.write_text(_BLENDER)
        done = _run("blender", "--background", "--python", str(script), "--", str(path.resolve()))
    found = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("BOUNDS")]
    if not found:
        return _error_line(done.stderr) or last_line(done.stderr or done.stdout)
    numbers = [float(value) for value in found[0]]
    return [numbers[:3], numbers[3:]]


def _error_line(text: str) -> str:
    """The line of a Python traceback that names its error; empty without one."""
    named = [line.strip() for line in text.splitlines() if re.match(r"\w*(Error|Exception)\b", line)]
    return named[-1][:300] if named else ""


def same_size(found: list[list[float]], expected: list[list[float]], what: str, *, slack: float = 0.0) -> str:
    """Pass when every side of two boxes [2, 3] lies within 1 % of the box's size along it, plus `slack`."""
    for axis in range(3):
        size = expected[1][axis] - expected[0][axis]
        for end in range(2):
            if abs(found[end][axis] - expected[end][axis]) > 0.01 * size + slack:
                return (
                    f"fail: {'xyz'[axis]} of {what} runs from {found[0][axis]:.3f} to {found[1][axis]:.3f} here, "
                    f"expected {expected[0][axis]:.3f} to {expected[1][axis]:.3f}"
                )
    return PASS
