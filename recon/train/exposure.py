"""Learning the exposure of each picture while the field is trained: else a brighter picture is explained by fog before its camera.

The field is compared with the picture divided by its gain, so no kernel knows of gains, and their gradient follows from the
rendered colours. With T' = T exp(-e), e the log gain of a picture and C the rendered colour, the loss h(C - T') has
dh/de = h'(C - T') T'. Log gains are pulled to zero, and their mean over the pictures is zero: the field takes that of all.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from recon.field.checkpoint import like
from recon.geometry import View
from recon.pixels.exposures import Exposures
from recon.train.optimizer import SparseAdam

RATE = 0.05  # of the field's learning rate: a gain may move by a fifth in 400 steps
PULL = 1e-3  # times the squared log gain, beside the colour loss of the picture's rays


class ExposureLearner:
    """Log gains [n_photos, 3] and their optimiser."""

    def __init__(self, views: Sequence[View], device: torch.device) -> None:
        self._views = tuple(views)
        self._log_gains = nn.Parameter(torch.zeros(len(views), 3, device=device))
        self._optimizer = SparseAdam([self._log_gains], betas=(0.9, 0.99), epsilon=1e-15)

    def evened(self, colors: Tensor, photos: Tensor) -> Tensor:
        """The colours [n, 3] that these photos [n] would show at unit gain."""
        return colors * torch.exp(-self._log_gains.detach()[photos])

    def begin(self, learning_rate: float) -> None:
        """Set the numbers of the next step; learning_rate: the field's."""
        self._optimizer.begin(RATE * learning_rate)

    def learn(self, rendered: Tensor, evened: Tensor, photos: Tensor, *, huber_delta: float) -> None:
        """One step from rendered and evened colours [n, 3] of rays of photos [n], between `begin` and `end`."""
        slope = ((rendered - evened) / huber_delta).clamp(-1, 1) * evened
        none = torch.zeros(len(self._views), device=slope.device)
        count = none.index_add(0, photos, torch.ones_like(slope[:, 0])).clamp_min(1)[:, None]
        mean = torch.zeros_like(self._log_gains).index_add(0, photos, slope) / count
        seen = torch.zeros(len(self._views), 1, device=mean.device).index_fill(0, photos, 1.0)
        assert self._log_gains.grad is not None
        self._log_gains.grad.add_(mean + seen * 2 * PULL * self._log_gains.detach())
        self._optimizer.apply()
        self._log_gains.data -= self._log_gains.data.mean(0)

    def end(self) -> None:
        """Count the step: it went well."""
        self._optimizer.end()

    def exposures(self) -> Exposures:
        """What was learned, in the order of names."""
        return Exposures.of_views(self._views, self._log_gains.detach().cpu().numpy().astype(np.float32))

    def state(self) -> dict[str, Any]:
        """What the next step depends on, for checkpoints."""
        return {"log_gains": self._log_gains.detach(), "optimizer": self._optimizer.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """The inverse of `state`."""
        self._log_gains.data.copy_(like(state["log_gains"], self._log_gains.detach().cpu(), "log_gains"))
        self._optimizer.load_state(state["optimizer"])
