"""How far a training has come, by steps or by the clock, and what follows from that."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """When training ends: after `max_steps`, after `max_seconds`, or whichever comes first when both are set."""

    max_steps: int | None
    max_seconds: float | None

    def __post_init__(self) -> None:
        assert self.max_steps is not None or self.max_seconds is not None

    def __str__(self) -> str:
        limits = ((self.max_seconds, "s"), (self.max_steps, "steps"))
        return " or ".join(f"{limit:g} {unit}" for limit, unit in limits if limit is not None)

    def progress(self, step: int, seconds: float) -> float:
        """How much of the budget is spent, from 0 to 1."""
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
