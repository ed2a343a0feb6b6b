"""Which compiled library this processor runs.

A build from source makes one, `_recon`, for the machine that built it ("host"). A release wheel for x86-64 carries `_recon_v2`,
`_recon_v3` and `_recon_v4`, one for each level of the instruction set, and `_cpu`, which tells the level of the processor.
The environment variable RECON_NATIVE_VARIANT (host, v2, v3, v4) names one instead.
"""

import ctypes
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from recon.workspace.errors import UserError

REQUEST = "RECON_NATIVE_VARIANT"
HOST = "host"
LEVELS = {"v2": 2, "v3": 3, "v4": 4}


def library_file(folder: Path) -> tuple[Path | None, str]:
    """The library in `folder` to load, or None with the reason why there is none; `UserError` if the one asked for cannot run."""
    files = built_files(folder)
    level = processor_level(folder)
    wanted = os.environ.get(REQUEST)
    if wanted:
        return files[requested(wanted, list(files), level)], ""
    variant, reason = best(list(files), level)
    return (files[variant] if variant else None), reason


def best(variants: list[str], level: int) -> tuple[str | None, str]:
    """The fastest of the built `variants` for a processor of `level` (0: not known), or None with the reason."""
    if HOST in variants:
        return HOST, ""
    if not variants:
        return None, "it was not built: no C++ compiler was there when recon was installed"
    if not level:
        return None, "the level of this processor is not known: the library _cpu is missing"
    runs = [variant for variant in variants if LEVELS[variant] <= level]
    if not runs:
        least = min(variants, key=LEVELS.__getitem__)
        return None, f"it was built for processors of x86-64-{least} or later, this one is x86-64-v{level}"
    return max(runs, key=LEVELS.__getitem__), ""


def requested(wanted: str, variants: list[str], level: int) -> str:
    """`wanted`, if it was built and runs on a processor of `level`."""
    if wanted not in variants:
        built = ", ".join(variants) or "none"
        raise UserError(f"{REQUEST}={wanted}: expected one that was built ({built}). Unset it to choose by processor.")
    if wanted != HOST and LEVELS[wanted] > level:
        found = f"this one is x86-64-v{level}" if level else "the level of this one is not known"
        raise UserError(
            f"{REQUEST}={wanted}: it needs a processor of x86-64-{wanted}, {found}. Unset it to choose by processor."
        )
    return wanted


def built_files(folder: Path) -> dict[str, Path]:
    """The libraries in `folder` by variant."""
    names = {HOST: "_recon", **{variant: f"_recon_{variant}" for variant in LEVELS}}
    found = {variant: _library(folder, name) for variant, name in names.items()}
    return {variant: file for variant, file in found.items() if file is not None}


def processor_level(folder: Path) -> int:
    """1 to 4: the highest x86-64 level that processor and operating system support; 0: there is no `_cpu` to ask."""
    file = _library(folder, "_cpu")
    return int(ctypes.CDLL(str(file)).recon_cpu_level()) if file else 0


def _library(folder: Path, name: str) -> Path | None:
    files = [folder / f"{name}{suffix}" for suffix in EXTENSION_SUFFIXES]
    return next((file for file in files if file.exists()), None)
