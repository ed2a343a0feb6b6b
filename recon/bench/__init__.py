"""What this machine can do, what the kernels make of it, and how cost grows. A fraction of a ceiling travels between machines.

ceilings  the machine's own limits            steps   one training step, kernel by kernel, and back ends
growth    how steps and sampling grow         frames_growth  how stages grow with the number of photos
peers     nerfacto on the same data
gpu       a GPU's limits and kernels          parity  triton against the reference; parity_cases: its inputs
gpu_training   training on a GPU as a whole
timing    seconds of calls                      synthetic/ worlds with exact truth
"""

from recon.bench.ceilings import Ceilings, measure_ceilings
from recon.bench.growth import Growth, measure_growth
from recon.bench.peers import measure_peers, why_no_peers
from recon.bench.steps import KernelTime, measure_backends, measure_kernels

__all__ = [
    "Ceilings",
    "Growth",
    "KernelTime",
    "measure_backends",
    "measure_ceilings",
    "measure_growth",
    "measure_kernels",
    "measure_peers",
    "why_no_peers",
]
