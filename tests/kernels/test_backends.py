"""Every back end of the table has the functions of the interface, with its parameters."""

import importlib
import inspect
from types import ModuleType

import pytest
import torch

from recon import kernels
from recon.kernels import Backend, FusedBackend, reference
from recon.kernels.backends import TABLE


def functions_of(interface: type) -> dict[str, list[str]]:
    """Names of its functions, each with those of its parameters."""
    members = inspect.getmembers(interface, inspect.isfunction)
    found = {name: list(inspect.signature(f).parameters)[1:] for name, f in members if not name.startswith("_")}
    assert {"march", "adam_step", "runs_on"} <= found.keys()
    return found


def check(module: ModuleType, interface: type) -> None:
    for name, expected in functions_of(interface).items():
        parameters = inspect.signature(getattr(module, name)).parameters
        assert list(parameters)[: len(expected)] == expected, f"{module.__name__}.{name}"
        own = list(parameters.values())[len(expected) :]  # what only its own tests and benchmarks ask for
        assert all(p.default is not p.empty for p in own), f"{module.__name__}.{name}"


def test_the_reference_has_every_operation() -> None:
    check(reference, Backend)
    assert kernels.use("reference") == "reference"
    assert kernels.fused(torch.device("cpu")) is None


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_back_end_has_every_function(name: str) -> None:
    if name == "triton":
        pytest.importorskip("triton", reason="the package triton is not installed")
    check(importlib.import_module(TABLE[name].module), FusedBackend)


def test_there_is_a_back_end_for_each_kind_of_device() -> None:
    assert {entry.is_for_cpu for entry in TABLE.values()} == {True, False}


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_where_the_kernels_do_not_run_auto_takes_plain_torch_and_says_what_that_costs(
    device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An AMD GPU without Triton, Apple's GPU: no crash."""
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU, and its kernels run")
    assert kernels.use("auto", device) == "reference"
    assert "a hundred times slower" in capsys.readouterr().out
    assert kernels.fused(torch.device(device)) is None
