"""Steps recorded once and replayed: the host needs longer to launch some eighty kernels than a GPU to run them.

A recorded step (a CUDA graph) runs the same kernels with the same numbers on the same memory. What changes from step to step must
therefore lie in that memory: parameters and moments, occupied cells, the optimiser's rates, the state of the random numbers.
"""

from collections.abc import Callable, Hashable
from typing import Any, Generic, Protocol, TypeVar

import torch

from recon.workspace.console import warn

T = TypeVar("T")
Found = TypeVar("Found", covariant=True)


class Recording(Protocol[Found]):
    """A step that can be run again."""

    def replay(self) -> Found:
        """Run it, and give what it gave when it was recorded: the same tensors, written to again."""
        ...


class Graph(Generic[T]):
    """A recording on a GPU. All of a recorder share one pool of memory, as one runs at a time."""

    def __init__(self, work: Callable[[], T], generator: torch.Generator, pool: Any) -> None:
        """work: queues kernels and waits for nothing. generator: of its random numbers. pool: of torch.cuda.graph_pool_handle."""
        self._graph = torch.cuda.CUDAGraph()
        self._graph.register_generator_state(generator)
        with torch.cuda.graph(self._graph, pool=pool):
            self._found = work()

    def replay(self) -> T:
        self._graph.replay()
        return self._found


class Recorder:
    """Runs steps by their size: the first of a size by hand, as compilers and libraries set up what they need on the way; from the
    second on recorded."""

    def __init__(self, generator: torch.Generator, *, record: Callable[..., Recording[Any]] = Graph) -> None:
        """generator: of the steps' random numbers. record: makes a recording of (work, generator, pool)."""
        self._generator, self._record = generator, record
        self._recordings: dict[Hashable, Recording[Any] | None] = {}
        self._pool = torch.cuda.graph_pool_handle() if torch.cuda.is_available() else None
        self._is_off = False

    def run(self, size: Hashable, work: Callable[[], T]) -> T:
        """Do `work`, which for one size is always the same."""
        if size not in self._recordings or self._is_off:
            self._recordings[size] = None
            return work()
        recording = self._recordings[size]
        if recording is None:
            try:
                recording = self._recordings[size] = self._record(work, self._generator, self._pool)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:
                self._is_off = True
                reason = str(error).strip().splitlines()[0]
                warn(f"steps cannot be recorded on this GPU ({reason}): each is launched anew, about half as fast.")
                return work()
        return recording.replay()

    def forget(self) -> None:
        """Let go of all recordings and their memory."""
        self._recordings.clear()
