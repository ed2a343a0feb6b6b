"""Adam that leaves rows without a gradient alone: a step touches a small part of the hash table, and memory traffic is the cost."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from recon import kernels
from recon.field.checkpoint import like
from recon.kernels import AdamStep


class SparseAdam:
    """Adam (Kingma and Ba 2015) over 2-D parameters; rows whose gradient is exactly zero keep value and moments.

    At each step the touched rows of those in `decayed` lose the share `learning_rate * weight_decay` (Loshchilov and Hutter 2019).
    Gradients live in `parameter.grad`, are added to by whoever computes them, and are zero again after `step`.
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

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One update of every parameter from its gradient."""
        self.steps += 1
        for parameter, mean, square, decay in zip(self.parameters, self.means, self.squares, self.decays, strict=True):
            assert parameter.grad is not None
            numbers = AdamStep(learning_rate, self.betas, self.epsilon, self.steps, decay=learning_rate * decay)
            kernels.adam_step(parameter.data, parameter.grad, mean, square, numbers)

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
        self.steps = int(state["steps"])
        for own, given in ((self.means, state["means"]), (self.squares, state["squares"])):
            for mine, value in zip(own, given, strict=True):
                mine.copy_(like(value, mine, "optimizer"))
