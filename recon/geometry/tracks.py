"""Which view saw which sparse point, and where: what structure from motion, or our own triangulation, rests on."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from recon.geometry.points import Points
from recon.geometry.transforms import Similarity


@dataclass(frozen=True)
class Tracks:
    """m observations of p points by the views of a reconstruction, view by view."""

    points: Points = field(default_factory=Points.none)
    views: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))  # [m] place of the view
    indices: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))  # [m] place of the point
    pixels: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))  # [m, 2] x, y in the view's picture

    def __post_init__(self) -> None:
        m, p = len(self.views), len(self.points.positions)
        if self.views.shape != (m,) or self.indices.shape != (m,) or self.pixels.shape != (m, 2):
            raise ValueError("tracks: every observation needs a view, a point and a pixel")
        if m and (self.views.min() < 0 or self.indices.min() < 0 or self.indices.max() >= p):
            raise ValueError(f"tracks: an observation is not of one of the {p} points")

    def __len__(self) -> int:
        return len(self.views)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Observations of each point [p]."""
        return np.bincount(self.indices, minlength=len(self.points.positions))

    @property
    def n_views(self) -> NDArray[np.int64]:
        """Different views that saw each point [p]: a view may have seen one twice."""
        pairs = np.unique(np.stack([self.indices, self.views.astype(np.int64)]), axis=1)
        return np.bincount(pairs[0], minlength=len(self.points.positions))

    def seen_by(self, view: int) -> NDArray[np.int64]:
        """The points that a view saw: their places, each once, in order."""
        return np.unique(self.indices[self.views == view])

    def transformed(self, new_from_world: Similarity) -> "Tracks":
        """The same observations in another world frame."""
        return replace(self, points=self.points.transformed(new_from_world))
