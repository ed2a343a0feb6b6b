"""How far a training has come, by steps or by the clock, and what follows from that."""

import math
from dataclasses import dataclass

from recon.errors import UserError


@dataclass(frozen=True)
class Budget:
    """When training ends: after `max_steps`, after `max_seconds`, or whichever comes first when both are set."""

    max_steps: int | None
    max_seconds: float | None

    def __post_init__(self) -> None:
        if self.max_steps is None and self.max_seconds is None:
            raise UserError("train.max_steps and train.max_seconds are both null: set at least one.")
        for name, value in {"max_steps": self.max_steps, "max_seconds": self.max_seconds}.items():
            if value is not None and not value > 0:
                raise UserError(f"train.{name}={value}: expected a number above 0.")

    def progress(self, step: int, seconds: float) -> float:
        """From 0 to 1."""
        shares = []
        if self.max_steps is not None:
            shares.append(step / self.max_steps)
        if self.max_seconds is not None:
            shares.append(seconds / self.max_seconds)
        return min(max(shares), 1.0)


def learning_rate(progress: float, *, peak: float, final_ratio: float, warm_up: float = 0.01) -> float:
    """Linear warm-up over the first share of the budget, then a cosine down to `peak * final_ratio`."""
    if progress < warm_up:
        return peak * (0.1 + 0.9 * progress / warm_up)
    cosine = 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
    return peak * (final_ratio + (1 - final_ratio) * cosine)
