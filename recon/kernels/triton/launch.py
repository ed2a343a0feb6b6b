"""How much of the work one program takes, and how many programs fill a device."""

import functools
import os

import torch

# Triton 3.9 warns where this is unset, and the next one changes the default: products and sums are contracted here as always
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")

IS_INTERPRETED = os.environ.get("TRITON_INTERPRET", "0") == "1"  # kernels run in Python, on the CPU: for tests

SAMPLES = 64  # samples per block of the networks
RAYS = 32  # rays per block that march side by side
LOOKS = 6  # at cells before rays that have found a sample go on: those that still search wait, with a lane each
CELLS = 1024  # of the occupancy grid a block
ROWS = 256  # of a table a block of the optimiser
PROGRAMS_PER_PROCESSOR = 2  # of kernels whose programs take one block after the other
MARCHING_PER_PROCESSOR = 8  # the same, of those that take rays

# One stage: a loop's loads would otherwise be buffered ahead in shared memory, 170 KB of it, and programs wait for each other
NETWORK = {"BLOCK": SAMPLES, "num_warps": 4, "num_stages": 1}
GATHER = {"BLOCK": SAMPLES, "num_warps": 4, "num_stages": 1}
MARCH = {"BLOCK": RAYS, "LOOKS": LOOKS, "num_warps": 1, "num_stages": 1}
WALK = {"BLOCK": RAYS, "num_warps": 1, "num_stages": 1}


@functools.lru_cache(maxsize=8)
def n_programs(device: torch.device, per_processor: int = PROGRAMS_PER_PROCESSOR) -> int:
    """Programs that keep the whole device busy."""
    if device.type != "cuda":
        return 2
    return per_processor * torch.cuda.get_device_properties(device).multi_processor_count


def blocks(n: int, size: int) -> tuple[int]:
    """The grid of a launch over n things, `size` a block."""
    return (-(-n // size),)
