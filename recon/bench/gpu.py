"""A GPU's own limits, and the triton kernels of one training step as shares of them."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from recon import kernels
from recon.bench.steps import Step

N_ROWS = 1 << 22  # read or added to at random
ROW = 4  # floats of a row of the hash grid
STEPS = 20  # profiled


@dataclass(frozen=True)
class GpuCeilings:
    """What the card does in simple cases."""

    card: str
    copy_gb_s: float  # device memory, bytes read and written
    half_tflops: float  # torch.mm, half precision
    gather_rows_s: float  # random rows of four floats read per second, from a table that fits in the L2 cache
    scatter_rows_s: float  # the same, added to


@dataclass(frozen=True)
class GpuKernel:
    """One kernel of a training step, and the share of a ceiling that it reaches (None: no single ceiling)."""

    name: str
    milliseconds: float
    fraction: float | None
    ceiling: str


def gpu_seconds(call: Callable[[], object], *, repeats: int = 20) -> float:
    """Median time of a call on the current GPU, by its own clock, after three to warm up."""
    for _ in range(3):
        call()
    found = []
    for _ in range(repeats):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        call()
        end.record()
        end.synchronize()
        found.append(1e-3 * start.elapsed_time(end))
    return statistics.median(found)


def measure_gpu_ceilings(device: torch.device) -> GpuCeilings:
    """Of the card at hand, on random numbers."""
    n_rows = 1 << 20
    table, values = torch.rand(n_rows, ROW, device=device), torch.rand(N_ROWS, ROW, device=device)
    rows = torch.randint(n_rows, (N_ROWS,), device=device)
    gathered = N_ROWS / gpu_seconds(lambda: torch.index_select(table, 0, rows, out=values))
    scattered = N_ROWS / gpu_seconds(lambda: table.index_add_(0, rows, values))
    card = torch.cuda.get_device_name(device)
    return GpuCeilings(card, _copied(device) / 1e9, _multiplied(device) / 1e12, gathered, scattered)


def _copied(device: torch.device, n: int = 1 << 28) -> float:
    """Bytes per second, read and written, of a copy in the card's memory."""
    source, target = torch.rand(n, device=device), torch.empty(n, device=device)
    return 2 * source.nbytes / gpu_seconds(lambda: target.copy_(source))


def _multiplied(device: torch.device, size: int = 8192) -> float:
    """Floating-point operations per second of a product in half precision."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.float16) for _ in range(2))
    return 2 * size**3 / gpu_seconds(lambda: torch.mm(a, b))


def measure_gpu_step(device: torch.device, ceilings: GpuCeilings) -> tuple[list[GpuKernel], float]:
    """The kernels of one step of 2^18 samples, slowest first, and the rays per second of whole steps."""
    step = Step(n_samples=1 << 18, log2_table_size=18, samples_per_ray=8, device=device)
    whole = gpu_seconds(step.whole)
    n, flops = len(step.samples), step.network_flops
    work = {  # (how much, of which ceiling, its name)
        "forward_kernel": (flops / 3, 1e12 * ceilings.half_tflops, "half-precision matrix products"),
        "backward_kernel": (flops, 1e12 * ceilings.half_tflops, "half-precision matrix products"),
        "scatter_features_kernel": (8 * 8 * n, ceilings.scatter_rows_s, "rows added to at random"),
        "adam_kernel": (5 * step.field.table.nbytes, 1e9 * ceilings.copy_gb_s, "copying memory"),
    }
    found = []
    for name, milliseconds in kernel_milliseconds(step.whole).items():
        amount, ceiling, words = work.get(name, (None, 1.0, ""))
        fraction = None if amount is None else amount / ceiling / (1e-3 * milliseconds)
        found.append(GpuKernel(name, milliseconds, fraction, words))
    return found, len(step.rays) / whole


def kernel_milliseconds(call: Callable[[], object], *, repeats: int = STEPS) -> dict[str, float]:
    """Time a call that each kernel takes, slowest first."""
    call()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        for _ in range(repeats):
            call()
        torch.cuda.synchronize()
    times = {event.key: event.self_device_time_total * 1e-3 / repeats for event in profile.key_averages()}
    return dict(sorted(times.items(), key=lambda item: -item[1]))


def measure_gpu_backends(device: torch.device) -> dict[str, float]:
    """Rays per second of whole steps of 2^18 samples on the GPU, by back end."""
    found = {}
    for backend in ("reference", "triton"):
        step = Step(n_samples=1 << 18, log2_table_size=18, samples_per_ray=8, device=device)
        kernels.use(backend, device)
        found[backend] = len(step.rays) / gpu_seconds(step.whole, repeats=5)
    return found
