"""How much one training step takes on: what keeps a processor or a GPU busy, within its memory."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch

from recon.workspace.console import warn
from recon.workspace.errors import UserError

MIN_SAMPLES = 4096  # of a step: with fewer, training is not worth going on
DEFAULTS = {"cpu": (1 << 15, 1 << 13), "cuda": (1 << 18, 1 << 17)}  # samples, rays


class Limits(Protocol):
    """The settings that say how much; None: what suits the device."""

    @property
    def samples_per_step(self) -> int | None: ...
    @property
    def max_rays_per_step(self) -> int | None: ...


@dataclass(frozen=True)
class Batch:
    """Rays are drawn until about `n_samples` samples are evaluated, `max_rays` at most."""

    n_samples: int
    max_rays: int

    @staticmethod
    def suited_to(device: torch.device, limits: Limits) -> "Batch":
        """From the settings, or as the device likes it."""
        n_samples, max_rays = DEFAULTS.get(device.type, DEFAULTS["cpu"])
        return Batch(limits.samples_per_step or n_samples, limits.max_rays_per_step or max_rays)

    def halved(self, error: torch.cuda.OutOfMemoryError) -> "Batch":
        """Half of it; said, and refused where little is left."""
        smaller = replace(self, n_samples=self.n_samples // 2, max_rays=max(self.max_rays // 2, 64))
        if smaller.n_samples < MIN_SAMPLES:
            raise UserError(
                f"the GPU's memory does not hold a training step of {self.n_samples:,} samples: close other programs on it, "
                f"choose another one (device=cuda:1), or train on the processor (device=cpu)."
            ) from error
        warn(
            f"the GPU's memory ended: from here on a step takes {smaller.n_samples:,} samples in place of {self.n_samples:,}, "
            "which slows the training. Other programs on the GPU, or smaller tables (field.log2_table_size), leave more."
        )
        return smaller
