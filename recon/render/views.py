"""A rendered view: what the radiance field shows from one camera."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from recon.geometry import Camera
from recon.geometry.transforms import Array

Image = NDArray[np.float32]


@dataclass(frozen=True)
class RenderedView:
    """Pictures of one view. `depth` is along camera z in world units, where half of the light is left (`median_distance`)."""

    color: Image  # [h, w, 3] in [0, 1], over the background
    opacity: Image  # [h, w] in [0, 1]
    depth: Image  # [h, w]; 0 where opacity < 0.5: nothing was hit
    normal: Image  # [h, w, 3] world frame, unit; 0 where nothing was hit

    def __post_init__(self) -> None:
        h, w = self.opacity.shape
        assert self.color.shape == self.normal.shape == (h, w, 3) and self.depth.shape == (h, w)

    def exposed(self, gain: Image) -> "RenderedView":
        """As a camera with this gain [3] of each channel shows it."""
        return replace(self, color=(self.color * gain).clip(0, 1).astype(np.float32))


RenderViewFn = Callable[[Camera, Array], RenderedView]  # of a camera and its world_from_camera [4, 4]


class RenderPartFn(Protocol):
    """A `RenderViewFn` that can be asked for some pixels only."""

    def __call__(
        self, camera: Camera, world_from_camera: Array, wanted: NDArray[np.bool_] | None = None, /
    ) -> RenderedView:
        """The view; with `wanted` [h, w] nothing is there in the other pixels: no opacity, no depth."""
