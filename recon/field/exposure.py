"""How bright, and how tinted, each picture is beside the field that all of them taught: automatic exposure and white balance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Exposures:
    """One gain for each colour channel of each training picture; their logarithms are zero in the mean over the pictures.

    A picture shows gain * colour of the field. A picture that taught nothing takes its neighbours' in capture order, which is
    the order of names: nothing of a held-out picture is looked at.
    """

    names: tuple[str, ...]  # in order
    log_gains: NDArray[np.float32]  # [n, 3]

    def __post_init__(self) -> None:
        assert self.log_gains.shape == (len(self.names), 3) and list(self.names) == sorted(self.names)

    def gain(self, name: str) -> NDArray[np.float32]:
        """The gain [3] of the picture `name`; of a picture between two training pictures the mean of theirs (of logarithms)."""
        at = int(np.searchsorted(np.array(self.names), name))
        if at < len(self.names) and self.names[at] == name:
            return np.exp(self.log_gains[at])
        neighbours = [i for i in (at - 1, at) if 0 <= i < len(self.names)]
        mean = self.log_gains[neighbours].mean(0) if neighbours else np.zeros(3)
        return np.exp(mean).astype(np.float32)

    @property
    def spread(self) -> float:
        """Standard deviation of the gains over the pictures, as a fraction."""
        return float(self.log_gains.std()) if len(self.names) else 0.0

    def plain(self) -> dict[str, Any]:
        """For checkpoints; `Exposures.of` is the inverse."""
        return {"names": list(self.names), "log_gains": torch.from_numpy(self.log_gains)}

    @staticmethod
    def of(plain: dict[str, Any]) -> "Exposures":
        return Exposures(tuple(plain["names"]), plain["log_gains"].numpy())


NO_EXPOSURES = Exposures((), np.zeros((0, 3), np.float32))
