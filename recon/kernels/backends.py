"""The table of back ends, and the one in force: chosen by name with `use`.

To add one: a folder in `recon/kernels/` whose module has the functions of `interface.FusedBackend`, and a line in `TABLE`.
"""

import importlib
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from recon.kernels import reference
from recon.kernels.interface import Backend, FusedBackend
from recon.workspace.console import warn
from recon.workspace.errors import UserError


@dataclass(frozen=True)
class Entry:
    """A back end that is made for speed."""

    module: str  # imported when it is first asked for: it may need packages that are not there
    is_for_cpu: bool  # `auto` takes it on the CPU, or on everything else
    remedy: str  # what a person can do where it does not run
    cost: str  # what its absence means


TABLE = {
    "native": Entry(
        "recon.kernels.native",
        is_for_cpu=True,
        remedy="Install a C++ compiler (apt install g++) and run `pip install -e .` again",
        cost="10 to 30 times slower on the CPU",
    ),
    "triton": Entry(
        "recon.kernels.triton",
        is_for_cpu=False,
        remedy="It needs an NVIDIA or AMD GPU, a PyTorch built for it, `pip install triton` and a C compiler (apt install gcc)",
        cost="about a hundred times slower than the GPU could be",
    ),
}
BACKENDS = ("reference", *TABLE)
_active: FusedBackend | None = None  # None: the reference


def use(backend: str, device: torch.device | str = "cpu", *, threads: int | None = None) -> str:
    """Choose the back end for the process; returns the name of the one in force.

    `auto` takes native on the CPU and triton elsewhere; where that cannot run it falls back to the reference, and says what that
    costs. Asking for a back end by name that cannot run raises `UserError` with the cause. `threads`: of the native kernels;
    None: as torch has.
    """
    global _active
    device = torch.device(device)
    if backend not in ("auto", *BACKENDS):
        raise UserError(f"backend={backend}: expected auto, {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}.")
    wanted = _fastest(device) if backend == "auto" else backend
    reason = _why_not(wanted, device)
    if reason and backend != "auto":
        raise UserError(f"backend={backend}: {reason}. {TABLE[backend].remedy}.")
    if reason:
        entry = TABLE[wanted]
        warn(f"{wanted} kernels are off: {reason}. Training and rendering are {entry.cost}. {entry.remedy}.")
        wanted = "reference"
    _active = None if wanted == "reference" else _load(wanted)
    if _active is not None:
        _active.set_n_threads(threads or torch.get_num_threads())
    return wanted


def _fastest(device: torch.device) -> str:
    return next(name for name, entry in TABLE.items() if entry.is_for_cpu == (device.type == "cpu"))


def _load(backend: str) -> FusedBackend:
    """The module of a back end; `ImportError` where a package is missing that it needs."""
    return cast(FusedBackend, importlib.import_module(TABLE[backend].module))


def _why_not(backend: str, device: torch.device) -> str | None:
    """None where a back end runs on `device`, else the reason."""
    if backend == "reference":
        return None
    try:
        return _load(backend).why_missing(device)
    except ImportError as error:
        return f"{error}"


def is_there(backend: str, device: torch.device | str = "cpu") -> bool:
    """Whether a back end runs on `device`."""
    return _why_not(backend, torch.device(device)) is None


def fused(device: torch.device) -> FusedBackend | None:
    """The back end in force if it has fused kernels for tensors on `device`, else None."""
    return _active if _active is not None and _active.runs_on(device) else None


def backend_for(*tensors: Tensor) -> Backend:
    """The back end for these tensors: the one in force only for float32 on its own device."""
    if _active is None:
        return reference
    suits = all(_active.runs_on(t.device) and (not t.is_floating_point() or t.dtype == torch.float32) for t in tensors)
    return _active if suits else reference
