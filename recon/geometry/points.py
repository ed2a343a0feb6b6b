"""Sparse coloured points."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry.transforms import Similarity


@dataclass(frozen=True)
class Points:
    """Sparse points, of structure from motion or of a data set."""

    positions: NDArray[np.float64]  # [n, 3] world
    colors: NDArray[np.uint8]  # [n, 3]

    def __post_init__(self) -> None:
        assert self.positions.shape == self.colors.shape and self.positions.shape[-1] == 3

    def __len__(self) -> int:
        return len(self.positions)

    @classmethod
    def none(cls) -> "Points":
        """Points of which there are none."""
        return cls(np.zeros((0, 3)), np.zeros((0, 3), np.uint8))

    def transformed(self, new_from_world: Similarity) -> "Points":
        """The same points in another world frame."""
        return replace(self, positions=new_from_world.points(self.positions))
