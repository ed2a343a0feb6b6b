"""Adam that leaves rows without a gradient alone: a step touches a small part of the hash table, and memory traffic is the cost."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from recon import kernels
from recon.field.checkpoint import like, whole
from recon.kernels import AdamStep


class SparseAdam:
    """Adam (Kingma and Ba 2015) over 2-D parameters; rows whose gradient is exactly zero keep value and moments.

    At each step the touched rows of those in `decayed` lose the share `learning_rate * weight_decay` (Loshchilov and Hutter 2019).
    Gradients live in `parameter.grad`, are added to by whoever computes them, and are zero again after `step`.

    A step is `begin`, what only the host does, `apply`, what only the device does, and `end`. So `apply` can be recorded once and
    replayed (`recon.train.recording`): on a GPU the numbers that change from step to step lie on it.
    """

    def __init__(
        self,
        parameters: list[nn.Parameter],
        *,
        betas: tuple[float, float],
        epsilon: float,
        decayed: Sequence[nn.Parameter] = (),
        weight_decay: float = 0.0,
    ) -> None:
        self.parameters = parameters
        self.decays = [weight_decay if any(p is other for other in decayed) else 0.0 for p in parameters]
        self.betas, self.epsilon = betas, epsilon
        self.steps = 0
        self.means = [torch.zeros_like(p) for p in parameters]
        self.squares = [torch.zeros_like(p) for p in parameters]
        for p in parameters:
            p.grad = torch.zeros_like(p)
        self._numbers: list[AdamStep] = []
        self._on_device = (
            torch.zeros(len(parameters), 3, device=parameters[0].device) if parameters[0].is_cuda else None
        )

    def step(self, learning_rate: float) -> None:
        """One update of every parameter from its gradient."""
        self.begin(learning_rate)
        self.apply()
        self.end()

    def begin(self, learning_rate: float) -> None:
        """Set the numbers of the next step."""
        rows = [None] * len(self.parameters) if self._on_device is None else list(self._on_device)
        self._numbers = [
            AdamStep(
                learning_rate, self.betas, self.epsilon, self.steps + 1, decay=learning_rate * decay, on_device=row
            )
            for decay, row in zip(self.decays, rows, strict=True)
        ]
        if self._on_device is not None:
            changing = torch.tensor([numbers.changing for numbers in self._numbers], pin_memory=True)
            self._on_device.copy_(changing, non_blocking=True)

    @torch.no_grad()
    def apply(self) -> None:
        """Update every parameter from its gradient."""
        for numbers, parameter, mean, square in zip(
            self._numbers, self.parameters, self.means, self.squares, strict=True
        ):
            assert parameter.grad is not None
            kernels.adam_step(parameter.data, parameter.grad, mean, square, numbers)

    def end(self) -> None:
        """Count the step: it went well."""
        self.steps += 1

    def forget_gradients(self) -> None:
        """All gradients to zero, as after a step: what a step that failed had added is gone."""
        for parameter in self.parameters:
            assert parameter.grad is not None
            parameter.grad.zero_()

    def state(self) -> dict[str, Any]:
        """Moments and step count, for checkpoints."""
        return {"steps": self.steps, "means": self.means, "squares": self.squares}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.steps = whole(state["steps"], "steps of the optimizer")
        for own, given in ((self.means, state["means"]), (self.squares, state["squares"])):
            for mine, value in zip(own, given, strict=True):
                mine.copy_(like(value, mine, "optimizer"))
