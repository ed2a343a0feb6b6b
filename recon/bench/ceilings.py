"""The machine's own limits: matrix products, streaming memory, random rows at several footprints."""

from dataclasses import dataclass

import torch

from recon.bench.timing import seconds
from recon.kernels import native

FOOTPRINTS = {"L2": 1 << 18, "L3": 1 << 21, "DRAM": 1 << 28}  # bytes of the table that rows are drawn from
ROW_BYTES = 16  # four floats: a hash-grid row
N_ROWS = 1 << 21


@dataclass(frozen=True)
class Ceilings:
    """What the machine does at most, with the number of threads that was measured."""

    gflops: float  # torch.mm, float32
    triad_gb_s: float  # a = b + s c, three streams counted
    gather_rows_s: dict[str, float]  # random rows read per second, by footprint
    scatter_rows_s: dict[str, float]  # random rows added to per second; each thread has a table of that footprint


def measure_ceilings(threads: int) -> Ceilings:
    """Measure with `threads` threads of torch and of the native kernels (which must be there)."""
    torch.set_num_threads(threads)
    native.set_n_threads(threads)
    gather, scatter = {}, {}
    for name, size in FOOTPRINTS.items():
        gather[name], scatter[name] = random_rows(size // ROW_BYTES)
    return Ceilings(_sgemm(), _triad(), gather, scatter)


def random_rows(n_rows: int) -> tuple[float, float]:
    """Random rows per second of a table of `n_rows`, at the current thread count: read, and added to (a table per thread)."""
    threads = torch.get_num_threads()
    rows = torch.randint(n_rows, (N_ROWS,), dtype=torch.int32)
    tables = [torch.zeros(n_rows, ROW_BYTES // 4) for _ in range(threads)]
    return (
        N_ROWS / seconds(lambda: native.gather_rows(tables[0], rows)),
        N_ROWS / seconds(lambda: native.scatter_rows(tables, rows)),
    )


def _sgemm(size: int = 1536) -> float:
    a, b, out = torch.rand(size, size), torch.rand(size, size), torch.empty(size, size)
    return 2e-9 * size**3 / seconds(lambda: torch.mm(a, b, out=out))


def _triad(n: int = 1 << 25) -> float:
    a, b, c = torch.empty(n), torch.rand(n), torch.rand(n)
    return 3e-9 * 4 * n / seconds(lambda: torch.add(b, c, alpha=1.5, out=a))
