"""How many samples a ray takes: a running mean that sets how many rays fill a step, without waiting for a GPU.

A GPU's count of a step is copied behind the step's kernels and read two steps later. That also keeps the host from running more
than two steps ahead, so that the clock of the training is that of its results.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

BEHIND = 2  # steps
MEMORY = 0.95  # share of the mean that stays at each step
SPARE = 2.5  # times the expected samples have room in a step: samples per ray double where steps are halved
LEADING_BITS = 4  # of a number of rays: few different ones occur, so that steps of the same size can be recorded


def rounded(n_rays: int) -> int:
    """The greatest number up to `n_rays` with few leading bits: 6 to 12 % apart."""
    bits = max(n_rays.bit_length() - LEADING_BITS, 0)
    return n_rays >> bits << bits


class _Count(NamedTuple):
    n_samples: Tensor  # [], on the host, valid after the event
    n_rays: int
    is_there: Any  # torch.cuda.Event


class SampleCounts:
    """See the module docstring. `per_ray`: the running mean; `total`: of all steps whose count is there."""

    def __init__(self, per_ray: float, total: int = 0, *, is_known: bool = False) -> None:
        self.per_ray, self.total = per_ray, total
        self.is_known = is_known  # else the mean is a guess
        self._coming: deque[_Count] = deque()

    def capacity(self, n_rays: int, n_samples: int) -> int | None:
        """How many samples that many rays may take where `n_samples` are wanted; None before anything is known, when the host must
        wait for the count."""
        return int(SPARE * max(n_samples, self.per_ray * n_rays)) if self.is_known else None

    def add(self, n_samples: int | Tensor, n_rays: int) -> None:
        """Take in the count of a step."""
        if isinstance(n_samples, Tensor) and n_samples.is_cuda:
            copied = torch.empty((), dtype=n_samples.dtype, pin_memory=True).copy_(n_samples, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
            self._coming.append(_Count(copied, n_rays, event))
            for count in self._arrived(BEHIND):
                self._take(int(count.n_samples), count.n_rays)
        else:
            self._take(int(n_samples), n_rays)

    def wait(self) -> None:
        """Take in all that is still coming."""
        for count in self._arrived(0):
            self._take(int(count.n_samples), count.n_rays)

    def _arrived(self, n_left: int) -> Iterator[_Count]:
        while len(self._coming) > n_left:
            count = self._coming.popleft()
            count.is_there.synchronize()
            yield count

    def _take(self, n_samples: int, n_rays: int) -> None:
        self.per_ray = MEMORY * self.per_ray + (1 - MEMORY) * max(n_samples / n_rays, 1.0)
        self.total += n_samples
        self.is_known = True
